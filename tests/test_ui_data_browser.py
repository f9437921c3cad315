"""Data in and out through the page, in a real browser: import, follow, label, export, import."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, open_page
from db_support import add_face, label, picture
from pages_server import running_pages
from playwright.sync_api import Browser, Page, expect

from core.faces import MaskLabel
from db.database import connect
from db.filters import FaceFilter
from db.home import Home
from db.migrations import open_home
from db.review_queue import count
from trainer.dataset_import import import_path

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)
PICTURES = 250  # more than one chunk of an import


def number(home: Home, label: MaskLabel) -> int:
    with connect(home, read_only=True) as db:
        return count(db, FaceFilter(labels=(label,)))


def see(page: Page, text: str) -> None:
    expect(page.get_by_text(text).filter(visible=True).first).to_be_visible()


def test_data_go_in_are_followed_and_come_out_whole(browser: Browser, tmp_path: Path) -> None:
    folder, home = tmp_path / "holiday" / "masked", open_home(tmp_path / "home")
    folder.mkdir(parents=True)
    for seed in range(PICTURES):
        (folder / f"{seed}.png").write_bytes(picture(seed, 24, 20))
    with running_pages(home.root) as address, open_page(browser, address) as page:
        import_folder(page, folder.parent)
        assert number(home, MaskLabel.MASKED) == PICTURES
        file = download(page, tmp_path)
    other = open_home(tmp_path / "other")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "back")
    import_path(other, tmp_path / "back" / file.stem)
    assert number(other, MaskLabel.MASKED) == PICTURES


def test_a_row_that_somebody_labelled_meanwhile_is_not_overwritten(
    browser: Browser, tmp_path: Path
) -> None:
    home = open_home(tmp_path / "home")
    with connect(home) as db:
        face = add_face(db, home, 1)
    with running_pages(home.root) as address, open_page(browser, address) as page:
        page.goto("/data", wait_until="commit", timeout=PATIENCE_MS)
        rows = page.get_by_test_id("stDataFrame").locator(".dvn-scroller")
        rows.click(position={"x": 15, "y": 60})  # below the headings, what chooses the first row
        see(page, "1 chosen")
        with connect(home) as db:
            label(db, face, MaskLabel.INCORRECT, annotator="bob")
        label_it = page.get_by_role("button", name="Label unmasked")
        label_it.click()
        see(page, "it is 'incorrect' by bob now; nothing was overwritten")
        assert number(home, MaskLabel.INCORRECT) == 1
        see(page, "1 chosen")
        label_it.click()  # knowingly: the page has shown what bob said
        see(page, "1 faces: unmasked")
        assert number(home, MaskLabel.UNMASKED) == 1


def import_folder(page: Page, folder: Path) -> None:
    page.goto("/data", wait_until="commit", timeout=PATIENCE_MS)
    page.get_by_role("tab", name="Import").click()
    page.get_by_label("Folder or file on the server").fill(str(folder))
    page.get_by_role("button", name="Import the folder").click()
    see(page, "Import of holiday is finished.")
    see(page, f"labels: {PICTURES} new")


def download(page: Page, folder: Path) -> Path:
    page.get_by_role("tab", name="Export and backup").click()
    see(page, f"{PICTURES} faces")
    page.get_by_text("With the pictures").click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_have_attribute("href", "/api/v1/export?format=csv&images=true")
    # the link opens a tab, as downloads do; a click that stays here is followed more easily
    link.evaluate("node => node.removeAttribute('target')")
    with page.expect_download(timeout=PATIENCE_MS) as waiting:
        link.click()
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    return file
