"""The grid in a real browser: ten thousand faces, a few tiles, one key for many labels."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import wait_for

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, open_page
from many_faces import add_many_faces
from pages_server import running_pages
from playwright.sync_api import Browser, Locator, Page, Route, expect

from core.faces import FaceBox, MaskLabel
from db.annotations import annotate, current_annotations
from db.database import connect
from db.faces import add_faces
from db.home import Home
from db.images import add_image
from db.labels import Change
from db.migrations import open_home

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)
FACES = 10_000
#: More tiles than this are never in the page.
MOST_TILES = 200


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("grid")
    home = open_home(folder / "home")
    add_many_faces(home, folder / "pictures", FACES)
    return home


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with running_pages(home.root) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    """One page for all tests, as people keep it open; conflicts and lost requests are meant."""
    with open_page(browser, address, expected=_MEANT) as page:
        page.set_default_navigation_timeout(PATIENCE_MS)
        yield page


_MEANT = "409|413|ERR_FAILED"


def open_grid(page: Page, query: str = "order=entropy", faces: str = "10,000") -> list[int]:
    """The grid, all of it read; returns the numbers of the faces on the screen, in order."""
    if page.url.endswith(query):
        page.keyboard.press("Escape")
        page.keyboard.press("Home")
    else:
        page.goto(f"/grid?{query}", wait_until="commit")
    see(page, rf"^{faces} faces? · none selected")
    expect(page.locator(".tile[aria-posinset='1']")).to_be_visible()
    return [face for _, face in sorted(page.locator(".tile").evaluate_all(_PLACES))]


_PLACES = "tiles => tiles.map(t => [Number(t.ariaPosInSet), Number(t.dataset.face)])"


def see(page: Page, text: str, place: str = ".counts") -> None:
    expect(page.locator(place)).to_contain_text(re.compile(text))


def tile(page: Page, face_id: int) -> Locator:
    return page.locator(f".tile[data-face='{face_id}']")


def masks(home: Home, ids: list[int]) -> list[MaskLabel | None]:
    with connect(home, read_only=True) as db:
        said = current_annotations(db, ids)
    return [said[id].label.mask if id in said else None for id in ids]


def wait_for_masks(home: Home, ids: list[int], expected: list[MaskLabel | None]) -> None:
    """Labels reach the database a moment after the key."""
    wait_for(lambda: masks(home, ids) == expected)


def gestures(home: Home) -> int:
    with connect(home, read_only=True) as db:
        return db.execute("SELECT count(*) FROM annotation_actions").fetchone()[0]


def test_only_what_is_in_view_is_in_the_page_and_pictures_come_late(page: Page) -> None:
    shown = open_grid(page)
    picture = tile(page, shown[0]).locator("img")
    expect(picture).to_have_attribute("src", re.compile("/crop"))
    assert len(shown) < MOST_TILES
    height_px = page.locator(".scroller").evaluate("node => node.scrollHeight")
    page.locator(".scroller").evaluate("node => (node.scrollTop = node.scrollHeight)")
    expect(page.locator(f".tile[aria-posinset='{FACES}']")).to_be_visible()
    assert page.locator(".tile").count() < MOST_TILES
    assert height_px > 100_000
    expect(page.locator(".tile img[src]").first).to_be_visible()


def test_many_are_selected_by_hand_labelled_with_one_key_and_undone_as_one(
    page: Page, home: Home
) -> None:
    shown = open_grid(page)
    before, first = gestures(home), shown[:6]
    tile(page, first[0]).click()
    tile(page, first[2]).click()
    see(page, "2 selected")
    tile(page, first[5]).click(modifiers=["Shift"])
    see(page, "5 selected")
    page.keyboard.press("2")
    masked = MaskLabel.MASKED
    wait_for_masks(home, first, [masked, None, masked, masked, masked, masked])
    assert gestures(home) == before + 1
    expect(tile(page, first[0])).to_contain_text("● masked")
    page.keyboard.press("Control+z")
    see(page, "Undone: 5 faces, now no label", ".said")  # said when it is stored
    assert masks(home, first) == [None] * 6
    assert gestures(home) == before + 2


def test_a_rectangle_and_keys_select_too(page: Page, home: Home) -> None:
    shown = open_grid(page)
    start, end = tile(page, shown[1]).bounding_box(), tile(page, shown[3]).bounding_box()
    page.mouse.move(start["x"] + 30, start["y"] + 30)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + 60, steps=5)
    page.mouse.up()
    see(page, "3 selected")
    expect(tile(page, shown[2])).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    see(page, "none selected")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    see(page, "3 selected")
    page.keyboard.press("x")
    expect(tile(page, shown[2])).to_contain_text("not a face")
    page.keyboard.press("f")
    expect(tile(page, shown[2])).to_contain_text("⚑")
    page.keyboard.press("Backspace")
    see(page, "Undone: 3 faces", ".said")
    page.keyboard.press("Control+a")
    see(page, "10,000 selected")


def test_who_was_faster_is_told_and_nothing_is_overwritten(page: Page, home: Home) -> None:
    shown = open_grid(page)[:4]
    with connect(home) as db:
        now = current_annotations(db, shown)
        version = now[shown[1]].version if shown[1] in now else 0
        change = Change(face_id=shown[1], base_version=version, mask=MaskLabel.INCORRECT)
        annotate(db, [change], annotator="ben", client_op_id=str(uuid.uuid4()))
    tile(page, shown[0]).click()
    tile(page, shown[3]).click(modifiers=["Shift"])
    page.keyboard.press("1")
    see(page, "ben was faster on 1 face, now: incorrect", ".decision")
    free, theirs = MaskLabel.UNMASKED, MaskLabel.INCORRECT
    wait_for_masks(home, shown, [free, theirs, free, free])
    page.get_by_role("button", name="Change them to unmasked").click()
    expect(page.locator(".decision")).to_be_empty()
    wait_for_masks(home, shown, [free] * 4)


def test_labels_wait_while_the_connection_is_lost(page: Page, home: Home) -> None:
    shown = open_grid(page)[10:]
    page.route("**/api/v1/annotations", lambda route: route.abort())
    tile(page, shown[0]).click()
    page.keyboard.press("3")
    see(page, "no connection, 1 action waits to be stored")
    page.unroute("**/api/v1/annotations")
    wait_for_masks(home, shown[:1], [MaskLabel.INCORRECT])


def test_labels_wait_while_a_proxy_refuses_them_and_its_words_are_shown(
    page: Page, home: Home
) -> None:
    shown = open_grid(page)[12:14]
    answer = {"status": 413, "content_type": "text/html", "body": "<h1>413 Too Large</h1>"}
    page.route("**/api/v1/annotations", lambda route: route.fulfill(**answer))
    for face, key in zip(shown, "23", strict=True):
        tile(page, face).click()
        page.keyboard.press(key)
    see(page, "the server or a proxy answered 413 “Too Large”, 2 actions wait to be stored")
    before = gestures(home)
    page.unroute("**/api/v1/annotations")
    wait_for_masks(home, shown, [MaskLabel.MASKED, MaskLabel.INCORRECT])
    assert gestures(home) == before + 2


def test_labels_after_an_undo_that_is_not_answered_are_seen_at_once_and_kept(
    page: Page, home: Home
) -> None:
    first, second, third = shown = open_grid(page)[14:17]
    before = masks(home, shown)
    for face in (first, second):
        tile(page, face).click()
    page.keyboard.press("2")
    wait_for_masks(home, shown, [MaskLabel.MASKED, MaskLabel.MASKED, before[2]])
    page.route("**/api/v1/annotations/undo", lambda route: route.abort())
    page.keyboard.press("Control+z")
    for face in (first, third):
        tile(page, face).click()
    page.keyboard.press("3")
    tile(page, third).click()
    page.keyboard.press("1")
    expect(tile(page, first)).to_contain_text("incorrect …")
    expect(tile(page, third)).to_contain_text("unmasked …")
    see(page, "no connection, 3 actions wait to be stored")
    page.once("dialog", lambda dialog: dialog.accept())  # "leave with labels unsent?"
    page.reload(wait_until="commit")
    see(page, "3 actions wait to be stored")
    page.unroute("**/api/v1/annotations/undo")
    wait_for_masks(home, shown, [MaskLabel.INCORRECT, before[1], MaskLabel.UNMASKED])
    expect(page.locator(".decision")).to_be_empty()


def test_a_label_after_an_undo_stands_on_it_within_one_visit(page: Page, home: Home) -> None:
    (face,) = shown = open_grid(page)[17:18]
    tile(page, face).click()
    page.keyboard.press("2")
    wait_for_masks(home, shown, [MaskLabel.MASKED])
    page.route("**/api/v1/annotations/undo", lambda route: route.abort())
    page.keyboard.press("Control+z")
    for key in "13":
        tile(page, face).click()
        page.keyboard.press(key)
    page.unroute("**/api/v1/annotations/undo")
    wait_for_masks(home, shown, [MaskLabel.INCORRECT])
    tile(page, face).click()
    page.keyboard.press("2")
    wait_for_masks(home, shown, [MaskLabel.MASKED])
    expect(page.locator(".decision")).to_be_empty()


def test_a_gesture_taken_back_before_its_conflict_is_known_asks_nothing(
    page: Page, home: Home
) -> None:
    first, second = shown = open_grid(page)[26:28]
    page.route("**/api/v1/annotations", lambda route: route.abort())
    tile(page, first).click()
    tile(page, second).click()
    page.keyboard.press("2")
    page.keyboard.press("Control+z")
    with connect(home) as db:
        change = Change(face_id=first, base_version=0, mask=MaskLabel.INCORRECT)
        annotate(db, [change], annotator="ben", client_op_id=str(uuid.uuid4()))
    before = gestures(home)
    page.unroute("**/api/v1/annotations")
    wait_for(lambda: gestures(home) == before + 2)  # on the other face, and back
    wait_for_masks(home, shown, [MaskLabel.INCORRECT, None])
    expect(page.locator(".decision")).to_be_empty()
    expect(tile(page, first)).to_contain_text("incorrect")


def test_a_grid_that_was_left_hears_nothing_any_more(page: Page, home: Home) -> None:
    open_grid(page)
    for name in ("Data", "Grid"):
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    see(page, r"^10,000 faces · none selected")
    expect(page.get_by_role("button", name=re.compile("^masked"))).to_have_count(1)
    numbers = page.locator(".tile").evaluate_all(_PLACES)
    shown = [face for _, face in sorted(numbers)][20:23]
    with connect(home) as db:
        change = Change(face_id=shown[1], base_version=0, mask=MaskLabel.INCORRECT)
        annotate(db, [change], annotator="ben", client_op_id=str(uuid.uuid4()))
    before = gestures(home)
    tile(page, shown[0]).click()
    tile(page, shown[2]).click(modifiers=["Shift"])
    page.keyboard.press("1")
    free, theirs = MaskLabel.UNMASKED, MaskLabel.INCORRECT
    wait_for_masks(home, shown, [free, theirs, free])
    see(page, "ben was faster on 1 face, now: incorrect", ".decision")
    page.get_by_role("button", name="Leave them").click()
    see(page, "1 face left as it is", ".said")
    assert gestures(home) == before + 1
    page.keyboard.press("Control+z")  # of what did go through
    wait_for_masks(home, shown, [None, theirs, None])


def test_a_conflict_outlives_a_reload_and_asks_only_about_its_face(page: Page, home: Home) -> None:
    shown = open_grid(page)[23:26]
    with connect(home) as db:
        change = Change(face_id=shown[1], base_version=0, mask=MaskLabel.INCORRECT)
        annotate(db, [change], annotator="ben", client_op_id=str(uuid.uuid4()))
    tile(page, shown[0]).click()
    tile(page, shown[2]).click(modifiers=["Shift"])
    page.keyboard.press("1")
    see(page, "ben was faster on 1 face, now: incorrect", ".decision")
    wait_for_masks(home, [shown[0], shown[2]], [MaskLabel.UNMASKED] * 2)
    page.once("dialog", lambda dialog: dialog.accept())  # "leave with a decision to make?"
    page.reload(wait_until="commit")
    see(page, "ben was faster on 1 face, now: incorrect", ".decision")
    page.get_by_role("button", name="Change them to unmasked").click()
    wait_for_masks(home, shown, [MaskLabel.UNMASKED] * 3)
    see(page, r"faces · none selected: keys label the framed face$")
    expect(page.locator(".decision")).to_be_empty()


def test_one_face_can_be_looked_at_closely(page: Page) -> None:
    shown = open_grid(page)
    tile(page, shown[1]).dblclick()
    expect(page.get_by_role("heading", name=f"Face {shown[1]} in")).to_be_visible()
    expect(page.locator(".closer .box")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".closer")).to_be_hidden()


def test_what_comes_late_about_another_face_is_not_seen(page: Page) -> None:
    first, second = open_grid(page)[:2]
    held: list[Route] = []
    page.route(f"**/faces/{first}/predictions", lambda route: held.append(route))
    tile(page, first).dblclick()
    wait_for(lambda: page.evaluate("1") and held)
    page.keyboard.press("Escape")
    tile(page, second).dblclick()
    opinions = page.locator(".closer li", has_text=re.compile("yaw, pitch, roll"))
    expect(opinions).to_have_count(1)
    with page.expect_event("requestfinished", lambda sent: f"{first}/predictions" in sent.url):
        held[0].continue_()
    expect(page.get_by_role("heading", name=f"Face {second} in")).to_be_visible()
    expect(opinions).to_have_count(1)
    page.keyboard.press("Escape")
    page.unroute(f"**/faces/{first}/predictions")


def test_a_large_tiff_is_shown_with_its_face_framed(browser: Browser, tmp_path: Path) -> None:
    """Browsers show no TIFF, and less than 2400 pixels come."""
    home = open_home(tmp_path / "home")
    _, scan = cv2.imencode(".tif", np.full((1600, 2400, 3), 200, np.uint8))
    with connect(home) as db:
        image = add_image(db, home, scan.tobytes(), name="scan.tif", width_px=2400, height_px=1600)
        add_faces(db, image.id, [FaceBox(600, 400, 300, 800)], detector="dataset")
    with running_pages(home.root) as address, open_page(browser, address) as page:
        page.goto("/grid?order=newest", wait_until="commit")
        page.locator(".tile").dblclick()
        box = page.locator(".closer .box")
        expect(box).to_be_visible()
        style = "({ style }) => [style.left, style.top, style.width, style.height]"
        assert box.evaluate(style) == ["25%", "25%", "12.5%", "50%"]
        assert page.locator(".closer img").evaluate("image => image.naturalWidth") == 2048


def test_nothing_sticks_out_sideways(page: Page) -> None:
    open_grid(page)
    for width_px in (390, 1600):
        page.set_viewport_size({"width": width_px, "height": 844})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_the_model_is_right_about_all_of_these(page: Page, home: Home) -> None:
    shown = open_grid(page, "predicted=incorrect&confidence=0.99..1", faces=r"\d+")
    page.keyboard.press("Control+a")
    page.keyboard.press("Enter")
    wait_for_masks(home, shown, [MaskLabel.INCORRECT] * len(shown))
    page.keyboard.press("Control+z")
    see(page, "Undone", ".said")
