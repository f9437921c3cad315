"""The app as people meet it: a real server, a real (headless) browser, a camera that films a face.

Each test opens its own page. Whatever leaves this machine, and every error in the console that is
not one of the toolkits' own, fails the test that caused it.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from studio_files import write_network, write_video

from benchmarks.camera_film import write_camera_film
from core.crop import cut_square
from core.faces import FaceBox
from core.images import encode_jpeg, encode_png
from db.database import connect
from db.migrations import open_home
from db.runs import set_status, submit_run
from ui.navigation import entries

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import (
    CHROMIUM,
    PATIENCE_MS,
    open_page,
    running_app,
    running_browser,
)
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole app with an untrained student, and a training that nobody works on any more."""
    folder = tmp_path_factory.mktemp("app")
    leave_a_run_behind(folder / "home")
    with running_app(folder, "--model", str(write_network(folder, "mhpnet"))) as address:
        yield address


def leave_a_run_behind(home: Path) -> None:
    with connect(open_home(home)) as db:
        run = submit_run(db, recipe="quick", config={}, device="cpu", backend="local")
        set_status(db, run.id, "running")


@pytest.fixture(scope="module")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    film = write_camera_film(tmp_path_factory.mktemp("camera") / "film.y4m", frames=30)
    with running_browser(film) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; a test may ask for (width, height, light or dark) by indirect parameters."""
    width, height, colors = getattr(request, "param", (1280, 900, "light"))
    with open_page(browser, address, size=(width, height), colors=colors) as page:
        yield page


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut_rgb: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("photos") / "anna.jpg"
    path.write_bytes(encode_jpeg(cut_square(astronaut_rgb, FaceBox(60, 0, 320, 320), 320)))
    return path


def open_demo(page: Page) -> None:
    page.goto("/demo/")
    expect(page.get_by_text("Ready: the student")).to_be_visible()


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#uploads input[type=file]", path)


def see(page: Page, selector: str) -> Locator:
    found = page.locator(selector).first
    expect(found).to_be_visible()
    return found


def test_a_first_visit_says_what_this_is_and_leads_to_the_demo(page: Page) -> None:
    page.goto("/")
    see(page, "text=how the head is turned")
    see(page, "text=Ready: the student")
    # Streamlit forgets the pictures of a page that is left, and complains where one comes late.
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    page.get_by_role("link", name="Demo").last.click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("Drop a photo, paste one")).to_be_visible()
    expect(frame.locator(".mp-top")).to_be_hidden()  # the studio's navigation is enough
    bottom_px = page.locator("iframe").evaluate("node => node.getBoundingClientRect().bottom")
    assert 850 < bottom_px <= 900, "the frame fills the window and does not stick out"


def test_both_toolkits_show_the_same_navigation(page: Page) -> None:
    open_demo(page)
    links = page.locator(".mp-top a")
    expect(links).to_have_text([*(entry.title for entry in entries()), "API"])
    page.goto(links.first.get_attribute("href"))
    for entry in entries():
        see(page, f"text={entry.title}")


def test_an_uploaded_photo_is_answered_corrected_and_the_correction_undone(
    page: Page, portrait: Path
) -> None:
    open_demo(page)
    upload(page, portrait)
    see(page, ".mp-card table")
    expect(page.locator(".mp-card footer")).to_have_count(0)  # not kept: nothing to correct
    page.check("#keep input")
    see(page, "text=kept in the studio")
    see(page, "button[data-verdict=masked]").click()
    expect(page.locator(".mp-label")).to_contain_text("masked")
    page.click("#undo")
    expect(page.locator(".mp-label")).to_have_count(0)
    see(page, "text=Undone on face 1 of anna.jpg, now: no label")
    page.goto("/review?order=newest")
    see(page, "text=anna.jpg")


def test_a_box_drawn_by_hand_is_answered_too(page: Page, portrait: Path) -> None:
    open_demo(page)
    upload(page, portrait)
    see(page, "button[data-tool=box]").click()
    area = page.locator(".mp-picture").bounding_box()
    page.mouse.move(area["x"] + 10, area["y"] + 10)
    page.mouse.down()
    page.mouse.move(area["x"] + 90, area["y"] + 100, steps=3)
    page.mouse.up()
    see(page, "text=box drawn by you")


def test_a_missed_face_is_boxed_with_keys_alone(page: Page, portrait: Path) -> None:
    open_demo(page)
    upload(page, portrait)
    see(page, "button[data-tool=box]").focus()
    page.keyboard.press("Enter")
    see(page, "text=Arrow keys move the box")
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    see(page, "text=box drawn by you")
    expect(page.locator("button[data-tool=box]")).to_be_focused()


def test_a_file_that_is_no_picture_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    wrong = tmp_path / "letter.jpg"
    wrong.write_bytes(b"%PDF-1.7 this only calls itself a picture")
    open_demo(page)
    upload(page, wrong)
    see(page, "text=letter.jpg: is a PDF document")


def test_a_picture_with_too_many_pixels_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    bomb = tmp_path / "poster.png"
    assert cv2.imwrite(str(bomb), np.zeros((8000, 8000), np.uint8))
    open_demo(page)
    upload(page, bomb)
    see(page, "text=/poster.png: .* at most 50 million/")


def test_a_picture_without_faces_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    assert cv2.imwrite(str(wall), np.full((200, 300, 3), 127, np.uint8))
    open_demo(page)
    upload(page, wall)
    see(page, "text=No face found in wall.png")


COLLECT_PLACES = r"""() => {
  window.places = [];
  const places = () => document.body.innerText.match(/queue: \d+\/\d+/g) || [];
  const look = () => window.places.push(...places());
  new MutationObserver(look).observe(document.body,
    {subtree: true, childList: true, characterData: true});
}"""


def test_who_has_to_wait_sees_the_place_in_the_queue(
    page: Page, address: str, portrait: Path
) -> None:
    from gradio_client import Client, handle_file

    open_demo(page)
    page.evaluate(COLLECT_PLACES)  # a place may show for less time than a look at the page takes
    client = Client(f"{address}/demo/", verbose=False)
    photo = handle_file(str(portrait))
    jobs = [client.submit(photo, True, api_name="/predict") for _ in range(20)]
    upload(page, portrait)
    see(page, ".mp-card table")
    assert page.evaluate("window.places") != []
    assert all(job.result()["faces"] for job in jobs)


def test_keys_alone_are_enough_to_label(page: Page, portrait: Path) -> None:
    open_demo(page)
    upload(page, portrait)
    page.locator("#keep input").focus()
    page.keyboard.press("Space")
    see(page, "button[data-verdict=masked]")
    page.locator(".mp-card button").first.focus()
    page.keyboard.press("3")
    expect(page.locator(".mp-label")).to_contain_text("incorrect")
    expect(page.locator(".mp-card button").first).to_be_focused()  # the answer took its place
    page.locator("#undo").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".mp-label")).to_have_count(0)


def test_the_camera_view_finds_faces_and_shows_its_rate(page: Page) -> None:
    open_demo(page)
    page.get_by_role("tab", name="Camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera button", has_text="Record").click()
    rate = re.compile(r"([1-9]\d*\.\d|0\.[1-9]) frames/s, 1 face")
    expect(page.locator("#live-rate")).to_contain_text(rate)
    see(page, "#live-answers img")


def test_a_refused_camera_is_explained(browser: Browser, address: str) -> None:
    refusal = "Permission denied"  # Gradio does not catch it
    with open_page(browser, address, permissions=(), expected=refusal) as page:
        open_demo(page)
        page.get_by_role("tab", name="Camera").click()
        page.get_by_text("Click to Access Webcam").click()
        see(page, "text=The browser refuses the camera to this page.")


def test_a_video_is_marked_and_can_be_downloaded(
    page: Page, astronaut_rgb: np.ndarray, tmp_path: Path
) -> None:
    film = write_video(tmp_path / "walk.mp4", astronaut_rgb, frames=6, frames_per_s=10)
    open_demo(page)
    page.get_by_role("tab", name="Video").click()
    page.set_input_files("#video-file input[type=file]", film)
    see(page, "#video-file >> text=walk")
    page.click("#video-start")
    see(page, "text=Faces in 6 of 6 frames.")
    with page.expect_download() as download:
        page.locator("#video-result a[download]").click()
    marked = cv2.VideoCapture(str(download.value.path()))
    assert marked.get(cv2.CAP_PROP_FRAME_COUNT) == 6


def test_a_file_that_is_no_video_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    wrong = tmp_path / "letter.mp4"
    wrong.write_bytes(b"%PDF-1.7 this only calls itself a video")
    open_demo(page)
    page.get_by_role("tab", name="Video").click()
    page.set_input_files("#video-file input[type=file]", wrong)
    see(page, "#video-file >> text=letter")
    page.click("#video-start")
    see(page, "text=letter.mp4: is not a video")


@pytest.mark.parametrize(
    "page", [(390, 844, "dark"), (1600, 900, "light")], indirect=True, ids=["phone", "wide"]
)
def test_nothing_sticks_out_sideways(page: Page, portrait: Path) -> None:
    open_demo(page)
    upload(page, portrait)
    see(page, ".mp-card table")
    assert width_overflow_px(page) <= 0
    for path in ("/", "/review", "/data"):
        page.goto(path)
        see(page, "h1")
        assert width_overflow_px(page) <= 0


def width_overflow_px(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.parametrize("page", [(1280, 900, "dark")], indirect=True, ids=["dark"])
def test_dark_mode_reaches_both_toolkits(page: Page) -> None:
    page.goto("/try")
    body = page.frame_locator("iframe").locator("body")
    expect(body).to_have_class(re.compile(r"\bdark\b"))
    shell = page.locator(".stApp").evaluate("node => getComputedStyle(node).backgroundColor")
    assert shell == "rgb(15, 20, 24)"


def test_the_demo_has_its_documented_names_for_programs(address: str, portrait: Path) -> None:
    from gradio_client import Client, handle_file

    client = Client(f"{address}/demo/", verbose=False)
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/predict", "/draw"}
    answer = client.predict(handle_file(str(portrait)), api_name="/predict")
    assert [set(face["pose"]) for face in answer["faces"]] == [{"yaw_deg", "pitch_deg", "roll_deg"}]
    drawn = client.predict(handle_file(str(portrait)), api_name="/draw")
    assert Path(drawn).read_bytes().startswith(b"\xff\xd8")


def test_the_same_names_are_mcp_tools(address: str) -> None:
    with urllib.request.urlopen(f"{address}/demo/gradio_api/mcp/schema", timeout=60) as reply:
        tools = {tool["name"]: tool["inputSchema"]["required"] for tool in json.load(reply)}
    assert tools == {"predict": ["photo"], "draw": ["photo"]}


def test_a_run_that_died_meanwhile_is_found_at_the_start(address: str) -> None:
    with urllib.request.urlopen(f"{address}/api/v1/runs", timeout=60) as reply:
        (run,) = json.load(reply)["items"]
    assert run["status"] == "failed" and "resume it" in run["error"]


def test_a_key_counts_right_after_keep_was_ticked(page: Page, portrait: Path) -> None:
    """The box that has just been ticked holds the focus, and is an input."""
    open_demo(page)
    upload(page, portrait)
    see(page, ".mp-card table")
    page.get_by_label("Keep my photos").check()
    see(page, ".mp-card footer")
    page.keyboard.press("3")
    expect(page.locator(".mp-label")).to_contain_text("incorrect")


def test_folded_teachers_stay_folded_when_a_face_is_labelled_again(
    page: Page, portrait: Path
) -> None:
    open_demo(page)
    upload(page, portrait)
    page.check("#keep input")
    see(page, ".mp-card footer")
    teachers = page.locator("details.mp-teachers")
    if teachers.get_attribute("open") is None:  # as it is where they agree
        teachers.locator("summary").click()
        expect(teachers).to_have_attribute("open", "")
    teachers.locator("summary").click()
    for verdict in ("masked", "unmasked", "incorrect"):
        page.click(f"button[data-verdict={verdict}]")
        expect(page.locator(".mp-label")).to_contain_text(verdict)
        expect(teachers).not_to_have_attribute("open", "")


def test_several_photos_are_leafed_through(page: Page, portrait: Path, tmp_path: Path) -> None:
    other = tmp_path / "grey.png"
    other.write_bytes(encode_png(np.full((200, 200, 3), 90, np.uint8)))
    open_demo(page)
    page.set_input_files("#uploads input[type=file]", [portrait, other])
    see(page, "text=No face found in grey.png")
    page.get_by_role("button", name="Previous").click()
    see(page, "text=Photo 1 of 2")
    see(page, "text=in anna.jpg")
    page.get_by_label("Thumbnail 2 of 2").first.click()
    see(page, "text=Photo 2 of 2")
