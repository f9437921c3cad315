"""The demo in a browser: several photos at once, photos taken off the page, forgotten files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from studio_files import write_network, write_video

from core.images import encode_jpeg
from db.database import connect
from db.home import Home

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, open_page, running_app
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The demo alone, with an untrained student."""
    student = write_network(folder, "mhpnet")
    with running_app(folder, "--only", "demo", "--model", str(student)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with open_page(browser, address) as page:
        page.goto("/demo/")
        expect(page.get_by_text("Ready: the student")).to_be_visible()
        yield page


@pytest.fixture
def photos(astronaut_rgb: np.ndarray, tmp_path: Path) -> list[Path]:
    """Photos with one face each, which no other test has."""
    paths = [tmp_path / f"{number}.jpg" for number in range(8)]
    for path in paths:
        path.write_bytes(encode_jpeg(astronaut_rgb) + str(path).encode())
    return paths


def upload(page: Page, widget: str, *paths: Path) -> list[str]:
    """Where the server has put the files."""
    with page.expect_response("**/gradio_api/upload?*") as reply:
        page.set_input_files(f"{widget} input[type=file]", paths)
    return reply.value.json()


def images_kept(folder: Path) -> int:
    with connect(Home(folder / "home"), read_only=True) as db:
        return db["images"].count


def test_a_box_is_given_up_when_another_photo_comes_to_the_screen(
    page: Page, photos: list[Path]
) -> None:
    upload(page, "#uploads", *photos[:2])
    expect(page.get_by_text("Photo 2 of 2")).to_be_visible()
    expect(page.get_by_text("answering …")).to_have_count(0)
    tool = page.locator("button[data-tool=box]")
    tool.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".mp-frame")).to_be_focused()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text("in 0.jpg")).to_be_visible()
    expect(page.locator(".mp-frame")).to_have_count(0)
    expect(tool).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".mp-hint")).to_be_empty()


def test_photos_cleared_while_others_are_answered_are_not_kept(
    page: Page, photos: list[Path], folder: Path
) -> None:
    before = images_kept(folder)
    page.check("#keep input")
    expect(page.get_by_text("kept in the studio")).to_be_visible()
    upload(page, "#uploads", *photos)
    expect(page.locator(".mp-card").first).to_be_visible()
    page.locator("#uploads").get_by_label("Clear").click()
    expect(page.get_by_text("Drop a photo, paste one")).to_be_visible()
    upload(page, "#uploads", photos[-1])  # its answer comes after whatever was under way
    expect(page.get_by_text(f"in {photos[-1].name}")).to_be_visible()
    expect(page.locator(".mp-card footer")).to_be_visible()
    assert images_kept(folder) - before < len(photos)


def test_another_student_answers_a_photo_whose_file_is_gone(page: Page, photos: list[Path]) -> None:
    (path,) = upload(page, "#uploads", photos[0])
    expect(page.locator(".mp-card")).to_be_visible()
    expect(page.get_by_text("answering …")).to_have_count(0)
    Path(path).unlink()
    page.get_by_text("Settings").click()
    page.get_by_label("Student").click()
    page.get_by_role("option").nth(1).click()
    expect(page.get_by_text("answering …").first).to_be_attached()
    expect(page.get_by_text("answering …")).to_have_count(0)
    expect(page.get_by_text("in 0.jpg")).to_be_visible()
    expect(page.get_by_test_id("toast-body")).to_have_count(0)


def test_a_video_whose_file_is_gone_gets_a_sentence(
    page: Page, astronaut_rgb: np.ndarray, tmp_path: Path
) -> None:
    film = write_video(tmp_path / "walk.mp4", astronaut_rgb, frames=3, frames_per_s=10)
    page.get_by_role("tab", name="Video").click()
    (path,) = upload(page, "#video-file", film)
    expect(page.locator("#video-file").get_by_text("walk")).to_be_visible()
    Path(path).unlink()
    page.click("#video-start")
    expect(page.get_by_text("This video was forgotten after 15 minutes")).to_be_visible()
