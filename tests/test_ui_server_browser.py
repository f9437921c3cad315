"""The app started in other ways: the demo alone, without a usable student, behind a login."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from studio_files import write_network
from waiting import wait_for

from core.images import encode_jpeg

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, open_page, running_app
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)
ANN = ("ann", "a-long-password")


@pytest.fixture
def photo(tmp_path: Path, astronaut_rgb: np.ndarray) -> Path:
    path = tmp_path / "anna.jpg"
    path.write_bytes(encode_jpeg(astronaut_rgb))
    return path


def wait_for_toolkits(address: str) -> None:
    """Until the server behind the login has started."""
    wait_for(lambda: get(f"{address}/api/v1/health", ANN)[0] == 200)


def get(address: str, login: tuple[str, str] | None = None) -> tuple[int, str, bytes]:
    """Status, final address and body."""
    request = urllib.request.Request(address)
    if login:
        token = b64encode(":".join(login).encode()).decode()
        request.add_header("authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.url, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.url, error.read()


def test_the_demo_runs_alone_and_says_what_is_wrong_with_its_student(
    browser: Browser, photo: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"not a checkpoint")
    with running_app(tmp_path, "--only", "demo", "--model", str(damaged)) as address:
        assert get(address)[:2] == (200, f"{address}/demo/")
        assert get(f"{address}/review")[0] == 404
        assert json.loads(get(f"{address}/api/v1/health")[2])["status"] == "degraded"
        with open_page(browser, address) as page:
            page.goto("/")
            expect(page.locator(".mp-alert").first).to_contain_text("could not be loaded")
            expect(page.locator(".mp-top a")).to_have_text(["Demo", "API"])
            page.set_input_files("#uploads input[type=file]", photo)
            expect(page.get_by_text("The student could not be loaded").first).to_be_visible()


def test_behind_a_login_all_toolkits_work_and_labels_carry_the_name(
    browser: Browser, photo: Path, tmp_path: Path
) -> None:
    options = ("--model", str(write_network(tmp_path, "mhpnet")), "--auth", ":".join(ANN))
    with running_app(tmp_path, *options) as address:
        for path in ("/", "/demo/", "/api/v1/health", "/demo/gradio_api/info"):
            assert get(address + path)[0] == 401
        wait_for_toolkits(address)
        login = {"username": ANN[0], "password": ANN[1]}
        with open_page(browser, address, http_credentials=login) as page:
            page.goto("/")
            expect(page.get_by_text("Ready: the student")).to_be_visible()  # over its websocket
            page.goto("/demo/")
            page.check("#keep input")
            page.set_input_files("#uploads input[type=file]", photo)
            page.locator("button[data-verdict=masked]").first.click()
            expect(page.locator(".mp-label")).to_contain_text("masked")
        (event,) = json.loads(get(f"{address}/api/v1/faces/1/history", ANN)[2])
        assert event["annotator"] == "ann"
