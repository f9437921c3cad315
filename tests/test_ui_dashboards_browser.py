"""The dashboards in a real browser: clicks, lassos, phones, dark mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect  # noqa: E402

from tests.browser_files import (  # noqa: E402
    CHROMIUM,
    PATIENCE_MS,
    open_page,
)
from tests.comparison_files import FACES, MASK_TEACHER, make_compared_home  # noqa: E402
from tests.pages_server import running_pages  # noqa: E402
from ui.navigation import DASHBOARDS  # noqa: E402

PAGES = tuple(page.path for page in DASHBOARDS)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = make_compared_home(tmp_path_factory.mktemp("dashboards") / "home")
    with running_pages(home.root) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    size, colors = getattr(request, "param", ((1280, 1000), "light"))
    with open_page(browser, address, size=size, colors=colors) as page:
        yield page


def chart(page: Page, title: str) -> Locator:
    """The drawing area of the chart with this title, scrolled to."""
    box = page.locator("[data-testid=stVerticalBlock]").filter(has_text=title).last
    area = box.locator(".js-plotly-plot .nsewdrag").first
    expect(area).to_be_visible(timeout=PATIENCE_MS)
    area.scroll_into_view_if_needed()
    return area


def settled(page: Page, mark: Locator) -> FloatRect:
    """Where a mark stays: pictures above it that are still loading push it down."""
    area, before = mark.bounding_box(), None
    while area != before:
        page.wait_for_timeout(1000)
        area, before = mark.bounding_box(), area
    assert area is not None
    return area


def click_near_mark(page: Page, title: str) -> None:
    """Click beside the first mark of the chart with this title: nobody hits the middle."""
    box = page.locator("[data-testid=stVerticalBlock]").filter(has_text=title).last
    point = box.locator(".js-plotly-plot .points path").first
    expect(point).to_be_attached(timeout=PATIENCE_MS)
    box.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    area = settled(page, point)
    x, y = area["x"] + area["width"] / 2 + 12, area["y"] + area["height"] / 2 - 12
    page.mouse.move(x, y, steps=3)
    page.mouse.click(x, y)


def lasso(page: Page, area: Locator) -> None:
    """Once around nearly everything."""
    box = area.bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.04)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_click_on_a_cell_shows_its_faces_and_leads_to_the_grid(page: Page) -> None:
    page.goto("/mask-errors")
    click_near_mark(page, "what people said against what the student said")
    shown = page.get_by_text(re.compile(r"\d+ faces · status labelled · labels unmasked"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert asked(page)["chart"] == ["confusion"] and asked(page)["predicted"] == ["unmasked"]
    page.reload()  # the address alone brings the faces back
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    page.locator("[data-testid=stMain]").get_by_role("link", name="Grid").first.click()
    expect(page).to_have_url(re.compile(r"/grid\?.*labels=unmasked"), timeout=PATIENCE_MS)


def test_a_click_on_a_bin_shows_the_faces_with_the_largest_pose_errors(page: Page) -> None:
    page.goto("/pose-errors")
    click_near_mark(page, "Pose error by yaw")
    shown = page.get_by_text(re.compile(r"\d+ faces · label yaw"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert asked(page)["label_yaw_deg"] == ["0..14.9999"]


def test_a_click_on_two_models_answers_shows_its_faces_and_leads_to_review(page: Page) -> None:
    page.goto(f"/teachers?teacher={MASK_TEACHER}")
    area = chart(page, "What the student says against what")
    box = area.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # masked, masked
    shown = page.get_by_text(re.compile(r"\d+ faces · predicted masked"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert asked(page)["also"] == [f"{MASK_TEACHER}:masked"]
    page.reload()  # the address alone brings the faces back
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    page.locator("[data-testid=stMain]").get_by_role("link", name="Review").first.click()
    expect(page).to_have_url(re.compile(r"/review\?.*also="), timeout=PATIENCE_MS)


def test_a_mark_of_a_student_leads_to_the_faces_it_answered(page: Page) -> None:
    page.goto("/overview")
    click_near_mark(page, "Students over time")
    shown = page.get_by_text(re.compile(r"\d+ faces · status labelled · model"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("path", "title"),
    [("teachers", "Face by face"), ("map", "lie side by side")],
)
def test_a_lasso_leads_to_a_grid_of_its_faces(page: Page, path: str, title: str) -> None:
    page.goto(f"/{path}")
    lasso(page, chart(page, title))
    shown = page.get_by_text(re.compile(r"\d+ faces · chosen in the chart"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    ids = asked(page)["face_ids"][0].split(",")
    assert len(ids) > FACES / 2
    page.locator("[data-testid=stMain]").get_by_role("link", name="Grid").first.click()
    expect(page).to_have_url(re.compile(r"/grid\?.*face_ids="), timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile(rf"\b{len(ids)} faces")).first).to_be_visible(
        timeout=PATIENCE_MS
    )


def test_what_stands_below_the_first_charts_follows_and_knows_its_part_of_the_address(
    page: Page,
) -> None:
    page.goto("/mask-errors?threshold=0.7")
    expect(page.get_by_text("What the threshold decides")).to_be_visible(timeout=PATIENCE_MS)
    slider = page.get_by_role("slider", name="Call a face masked from this probability on")
    expect(slider).to_have_value("0.7", timeout=PATIENCE_MS)
    assert asked(page) == {"threshold": ["0.7"]}


def test_a_part_of_a_bar_leads_to_its_faces(page: Page) -> None:
    page.goto("/data-quality")
    chart(page, "Faces by source and label")
    page.locator(".js-plotly-plot .bars .point").first.click(force=True)
    shown = page.get_by_text(re.compile(r"\d+ faces · status labelled"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert asked(page)["labels"] == ["unmasked"]


def test_the_numbers_and_the_figure_can_be_taken_away(page: Page) -> None:
    page.goto("/overview")
    box = page.locator("[data-testid=stVerticalBlock]").filter(has_text="Students over time").last
    box.get_by_role("button", name="Export").click(timeout=PATIENCE_MS)
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Numbers (CSV)").click()
    text = download.value.path().read_text()
    assert text.startswith("student,registered_at,serves,faces,accuracy")


@pytest.mark.parametrize(
    "page", [((1280, 1000), "light"), ((390, 844), "dark")], indirect=True, ids=["wide", "phone"]
)
def test_every_page_opens_without_a_fault_and_fits_its_screen(page: Page) -> None:
    for path in PAGES:
        page.goto(f"/{path}")
        expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible(timeout=PATIENCE_MS)
        wide = page.evaluate("document.querySelector('.stMain').scrollWidth - innerWidth")
        assert wide <= 0, path
        assert page.get_by_text("Traceback").count() == 0
