"""Runs and models in a real browser: what open pages see of what happens meanwhile."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from studio_files import write_network
from waiting import wait_for

from core.checkpoint import load_checkpoint
from core.crop import cut_square
from core.faces import FaceBox
from core.images import encode_jpeg
from db.database import connect
from db.home import Home
from db.migrations import open_home
from db.models import promote, register_model
from db.runs import claim_run, set_status, submit_run
from trainer.jobs.device_lock import device_lock

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, open_page, running_app
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)

#: Keeps what the browser was asked to show; the real notification is shown as well.
LISTEN = """
const Real = window.Notification;
window.notified = [];
window.Notification = class extends Real {
  constructor(title, options) { super(title, options); window.notified.push(options.body); }
};
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two students that never learned anything; the second one answers."""
    folder = tmp_path_factory.mktemp("app")
    home = open_home(folder / "home")
    for name in ("old", "new"):
        (folder / name).mkdir()
        path = write_network(folder / name, "mhpnet")
        checkpoint = load_checkpoint(path)
        with connect(home) as db:
            register_model(
                db,
                name=checkpoint.model_id,
                sha256=checkpoint.sha256,
                path=str(path),
                kind="student",
                recipe="untrained",
            )
            promote(db, checkpoint.model_id, reason=name, changed_by="test")
    return home


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with running_app(home.root.parent) as address:
        yield address


def test_the_browser_tells_when_a_run_has_ended(home: Home, address: str, browser: Browser) -> None:
    with connect(home) as db, device_lock(home, "cpu"):
        run = submit_run(db, recipe="quick", config={"preset": "quick"}, device="cpu")
        claim_run(db, device="cpu", host="here", pid=1)
        with open_page(browser, address, permissions=("notifications",)) as page:
            page.add_init_script(LISTEN)
            page.goto("/train")
            expect(page.get_by_text("Running").first).to_be_visible()
            assert page.evaluate("Notification.permission") == "granted"
            set_status(db, run.id, "finished")
            page.wait_for_function("window.notified.length > 0")
            assert page.evaluate("window.notified") == [f"Run {run.id} is finished."]
            expect(page.get_by_text("Finished").first).to_be_visible()
            page.wait_for_timeout(5000)  # the page goes on looking, and says it once
            assert len(page.evaluate("window.notified")) == 1


def test_a_roll_back_reaches_pages_that_are_open(
    home: Home, address: str, browser: Browser, tmp_path: Path, astronaut_rgb: np.ndarray
) -> None:
    photo = tmp_path / "anna.jpg"
    photo.write_bytes(encode_jpeg(cut_square(astronaut_rgb, FaceBox(60, 0, 320, 320), 320)))
    with (
        open_page(browser, address) as models,
        open_page(browser, address) as demo,
    ):
        models.goto("/models")
        expect(models.get_by_text("answers now").first).to_be_visible()
        before = champion(address)
        expect(models.locator("strong code").first).to_have_text(before)
        demo.goto("/demo/")
        expect(demo.get_by_text("Ready: the student")).to_be_visible()
        request = urllib.request.Request(f"{address}/api/v1/roll-back", b"", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            after = json.load(answer)["champion"]
        assert after != before
        expect(models.locator("strong code").first).to_have_text(after)
        wait_until_served(address, after)
        demo.set_input_files("#uploads input[type=file]", photo)
        expect(demo.get_by_text(after).first).to_be_visible()


def champion(address: str) -> str:
    with urllib.request.urlopen(f"{address}/api/v1/models", timeout=60) as answer:
        return next(one["name"] for one in json.load(answer) if "champion" in one["aliases"])


def served(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}/api/v1/health", timeout=60) as answer:
        return [model["name"] for model in json.load(answer)["models"]]


def wait_until_served(address: str, name: str) -> None:
    """The other student is loaded beside the one that answers: seconds, on a quiet machine."""
    wait_for(lambda: name in served(address))
