"""The app as people meet it: a real server, a real (headless) browser, a fake camera.

Each test opens its own page. Whatever leaves this machine, and every error in the console that is
not one of the toolkits' own, fails the test that caused it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from studio_files import write_network

from core.crop import cut_square
from core.faces import FaceBox
from core.images import encode_jpeg

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, expect  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
#: Generous: the machine may be busy with a training.
PATIENCE_MS = 90_000
#: Streamlit asks for these below each page's own address first.
NOT_OURS = re.compile(r"_stcore/(health|host-config)|Failed to load resource.*404")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole app, started as a person would, with an untrained student."""
    folder = tmp_path_factory.mktemp("app")
    port = free_port()
    command = [sys.executable, "launch.py", "serve", "--no-browser", "--port", str(port)]
    command += ["--home", str(folder / "home"), "--model", str(write_network(folder, "mhpnet"))]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/api/v1/health", (folder / "log"))
        yield url
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, log: Path) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                if b'"ready"' in reply.read():
                    return
        except OSError:
            pass
        time.sleep(0.5)
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; a test may ask for (width, height, light or dark) by indirect parameters."""
    width, height, colors = getattr(request, "param", (1280, 900, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=colors,
        base_url=address,
        permissions=["camera", "clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("request", lambda sent: faults.extend(leaving(sent.url, address)))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda line: (
            faults.append(line.text)
            if line.type == "error" and not NOT_OURS.search(f"{line.text} {line.location}")
            else None
        ),
    )
    yield page
    context.close()
    assert not faults


def leaving(url: str, address: str) -> list[str]:
    ours = (address, address.replace("http", "ws", 1), "data:", "blob:", "about:")
    return [] if url.startswith(ours) else [f"a request left for {url}"]


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut_rgb: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("photos") / "anna.jpg"
    path.write_bytes(encode_jpeg(cut_square(astronaut_rgb, FaceBox(60, 0, 320, 320), 320)))
    return path


def open_demo(page: Page) -> None:
    page.goto("/demo/")
    expect(page.get_by_text("Ready: the student")).to_be_visible(timeout=PATIENCE_MS)


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#uploads input[type=file]", path)


def see(page: Page, selector: str):
    found = page.locator(selector).first
    expect(found).to_be_visible(timeout=PATIENCE_MS)
    return found


def test_a_first_visit_says_what_this_is_and_leads_to_the_demo(page: Page) -> None:
    page.goto("/")
    see(page, "text=how the head is turned")
    see(page, "text=Ready: the student")
    page.get_by_role("link", name="Demo").last.click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("Drop a photo on the left")).to_be_visible(timeout=PATIENCE_MS)
    expect(frame.locator(".mp-top")).to_be_hidden()  # the studio's navigation is enough


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
    expect(page.locator(".mp-label")).to_contain_text("masked", timeout=PATIENCE_MS)
    page.click("#undo")
    expect(page.locator(".mp-label")).to_have_count(0, timeout=PATIENCE_MS)
    page.goto("/review")
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


def test_a_file_that_is_no_picture_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    wrong = tmp_path / "letter.jpg"
    wrong.write_bytes(b"%PDF-1.7 this only calls itself a picture")
    open_demo(page)
    upload(page, wrong)
    see(page, "text=letter.jpg: is a PDF document")


def test_keys_alone_are_enough_to_label(page: Page, portrait: Path) -> None:
    open_demo(page)
    upload(page, portrait)
    page.locator("#keep input").focus()
    page.keyboard.press("Space")
    see(page, "button[data-verdict=masked]")
    page.locator(".mp-card button").first.focus()
    page.keyboard.press("3")
    expect(page.locator(".mp-label")).to_contain_text("incorrect", timeout=PATIENCE_MS)
    page.locator("#undo").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".mp-label")).to_have_count(0, timeout=PATIENCE_MS)


def test_the_camera_view_answers_frames_and_shows_its_rate(page: Page) -> None:
    open_demo(page)
    page.get_by_role("tab", name="Camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera button", has_text="Record").click()
    expect(page.locator("#live-rate")).to_contain_text(
        re.compile(r"[1-9]\d*\.\d|0\.[1-9] frames/s"), timeout=PATIENCE_MS
    )
    see(page, "#live-answers img")


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
    expect(body).to_have_class(re.compile(r"\bdark\b"), timeout=PATIENCE_MS)
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
