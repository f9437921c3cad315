"""The app and a browser for tests: a real server, and Chromium whose camera films a face.

What leaves this machine, and every error in the console that is not one of the toolkits' own, is
a fault of the page that caused it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

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
]
#: Generous: the machine may be busy with a training.
PATIENCE_MS = 60_000
#: Streamlit asks for the first two below each page's own address; the others are Gradio's stream
#: of answers, cut off because its page was left.
NOT_OURS = re.compile(
    r"_stcore/(health|host-config)|Failed to load resource.*404"
    r"|BodyStreamBuffer was aborted|Connection errored out"
    r"|AbortError: signal is aborted[\s\S]*/demo/assets/"
)


@contextmanager
def started_app(folder: Path, *options: str) -> Iterator[str]:
    """The address of an app started as a person would, at once; its home lies in ``folder``."""
    port = free_port()
    command = [sys.executable, "launch.py", "serve", "--no-browser", "--port", str(port)]
    command += ["--home", str(folder / "home"), *options]
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | threads
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(60)


@contextmanager
def running_app(folder: Path, *options: str) -> Iterator[str]:
    """As ``started_app``, once its models are settled."""
    with started_app(folder, *options) as address:
        assert is_up(f"{address}/api/v1/health"), (folder / "log").read_text()[-2000:]
        yield address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_up(health: str) -> bool:
    """Whether the models are settled, within PATIENCE_MS; asking without a login is enough."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(health, timeout=10) as reply:
                if b'"starting"' not in reply.read():
                    return True
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return True
        except OSError:
            pass
        time.sleep(0.5)
    return False


@contextmanager
def running_browser(film: Path | None = None) -> Iterator[Browser]:
    """Chromium; its camera shows ``film`` (Y4M) again and again."""
    camera = [f"--use-file-for-fake-video-capture={film}"] if film else []
    with sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=CHROMIUM, args=ARGS + camera)
        yield browser
        browser.close()


@contextmanager
def open_page(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = (1280, 900),
    colors: str = "light",
    permissions: tuple[str, ...] = ("camera", "clipboard-read", "clipboard-write"),
    expected: str = "",
    **options: Any,
) -> Iterator[Page]:
    """A fresh page whose faults are raised when it is left.

    ``expected`` (a regular expression) are lines of the console that belong to the test.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=colors,
        base_url=address,
        permissions=list(permissions),
        **options,
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("request", lambda sent: faults.extend(leaving(sent.url, address)))
    page.on("pageerror", lambda error: faults.extend(complaint("error", str(error), {})))
    page.on("console", lambda line: faults.extend(complaint(line.type, line.text, line.location)))
    try:
        yield page
    finally:
        context.close()
    faults = [fault for fault in faults if not (expected and re.search(expected, fault))]
    assert not faults, faults


def is_drawn(page: Page) -> None:
    """Streamlit's script has ended and its last elements are on the page."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for()


def complaint(kind: str, text: str, location: Mapping[str, Any]) -> list[str]:
    is_ours = kind == "error" and not NOT_OURS.search(f"{text} {location}")
    return [text] if is_ours else []


def leaving(url: str, address: str) -> list[str]:
    ours = (address, address.replace("http", "ws", 1), "data:", "blob:", "about:")
    return [] if url.startswith(ours) else [f"a request left for {url}"]
