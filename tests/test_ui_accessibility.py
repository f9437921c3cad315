"""Every page in light and dark against WCAG 2.1 A and AA, by axe-core in a real browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from comparison_files import make_compared_home
from opinion_files import studio_of_two
from studio_files import write_network

from core.images import encode_jpeg
from ui import navigation
from ui.studio import use_studio

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")
from browser_files import CHROMIUM, is_drawn, open_page, running_app  # noqa: E402
from pages_server import running_pages  # noqa: E402
from playwright.sync_api import Browser, Page  # noqa: E402

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

#: Address → what is there when the page is complete.
PAGES: Mapping[str, str] = {
    "/": "text=Everything stays on this computer",
    "/review?order=newest": ".review[data-face]",
    "/grid?order=newest": "h1",
    "/data": "h1",
    "/agreement": "text=What ann said against what bob said",
    "/adjudicate": "text=What is it?",
    "/label-errors": "text=Check all labels",
    "/face?id=10": "text=What models said",
    "/train": "h1",
    "/models": "h1",
}
#: The same of the pages of figures, on a home in which models were compared.
_CHART = ".js-plotly-plot .nsewdrag"
DASHBOARDS: Mapping[str, str] = {page.address: _CHART for page in navigation.DASHBOARDS}
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
#: The toolkits draw a page piece by piece; the last ones come after the script has ended.
SETTLE_MS = 2000


class Toolkit(NamedTuple):
    """A violation in a toolkit's own markup, which a page cannot mend: the rule, a part of the
    element's HTML, and why it stays."""

    rule: str
    html: str
    reason: str


TOOLKITS: Sequence[Toolkit] = (
    Toolkit(
        "button-name",
        '<button class="gallery-item',
        "gr.Examples puts a picture without alt into a button; with example_labels it shows words"
        " in place of the pictures",
    ),
    Toolkit(
        "nested-interactive",
        'aria-label="Click to Upload"',
        "gr.File's button for more files holds its own input",
    ),
    Toolkit(
        "aria-prohibited-attr",
        'aria-label="Empty value"',
        "gr.Image and gr.Video name their empty box without a role",
    ),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, astronaut_rgb: np.ndarray) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("pages")
    studio = studio_of_two(folder, astronaut_rgb)
    use_studio(None)
    with running_pages(studio.home.root) as address:
        yield address


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_violation_that_we_can_mend(
    browser: Browser, address: str, path: str
) -> None:
    check_in_both_modes(browser, address, path, PAGES[path])


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = make_compared_home(tmp_path_factory.mktemp("compared") / "home")
    with running_pages(home.root) as address:
        yield address


@pytest.mark.parametrize("path", DASHBOARDS)
def test_a_dashboard_has_no_violation_that_we_can_mend(
    browser: Browser, compared: str, path: str
) -> None:
    check_in_both_modes(browser, compared, path, DASHBOARDS[path])


def check_in_both_modes(browser: Browser, address: str, path: str, complete: str) -> None:
    """Open a page light and dark; ``complete`` is there when all of it is."""
    with open_page(browser, address) as page:
        for colors in ("light", "dark"):
            page.emulate_media(color_scheme=colors)
            page.goto(path, wait_until="commit")
            page.locator(complete).first.wait_for()
            is_drawn(page)
            page.wait_for_timeout(SETTLE_MS)
            assert violations(page) == [], colors


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_the_demo_has_no_violation_that_we_can_mend(
    browser: Browser, demo: tuple[str, Path], colors: str
) -> None:
    """With an answer, and its two other tabs."""
    address, portrait = demo
    with open_page(browser, address, colors=colors) as page:
        page.goto("/demo/", wait_until="commit")
        page.get_by_text("Ready: the student").wait_for()
        page.set_input_files("#uploads input[type=file]", portrait)
        page.locator(".mp-card table").first.wait_for()
        for tab in ("Photos", "Camera", "Video"):
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(SETTLE_MS)
            assert violations(page) == [], tab


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, astronaut_rgb: np.ndarray
) -> Iterator[tuple[str, Path]]:
    """The demo alone with an untrained student, and a photo for it."""
    folder = tmp_path_factory.mktemp("demo")
    portrait = folder / "portrait.jpg"
    portrait.write_bytes(encode_jpeg(astronaut_rgb))
    student = write_network(folder, "mhpnet")
    with running_app(folder, "--only", "demo", "--model", str(student)) as address:
        yield address, portrait


def violations(page: Page) -> list[str]:
    """A line for each element that breaks a rule, but those of ``TOOLKITS``."""
    page.evaluate(axe.AXE_SCRIPT)
    options = {"runOnly": list(RULES), "resultTypes": ["violations"]}
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['target']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
        if not is_of_a_toolkit(violation["id"], node["html"])
    ]


def is_of_a_toolkit(rule: str, html: str) -> bool:
    return any(rule == known.rule and known.html in html for known in TOOLKITS)


def test_axe_notices_what_is_wrong(browser: Browser, address: str) -> None:
    """The test above would also pass if axe did not run."""
    with open_page(browser, address) as page:
        page.goto(f"{address}/api/v1/me", wait_until="commit")
        page.set_content("<html><body><img src='data:,'><input></body></html>")
        rules = {line.split(":")[0] for line in violations(page)}
        assert {"image-alt", "label", "html-has-lang"} <= rules
