"""How soon the app is there and how quickly it answers, as a person at the browser sees it.

    python -m benchmarks.app_speed [--rounds 10] [--json FILE]

A real server with the shipped weights and a fresh home, and headless Chromium beside it on the
same cores: to be run on a machine that does nothing else. Photos are timed from the moment the
browser has the file to the moment the answer stands in the page; the camera films 640 × 480 px.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.camera_film import write_camera_film
from benchmarks.speed_contenders import machine
from benchmarks.speed_photos import example_photo
from core.images import encode_jpeg
from tests.browser_files import open_page, running_browser, started_app

#: Figure → how it must compare with the target of the issue.
TARGETS = {
    "first_page_s": ("<=", 3.0),
    "ready_s": ("<=", 15.0),
    "student_ms": ("<=", 300.0),
    "teachers_ms": ("<=", 1000.0),
    "live_frames_per_s": (">=", 10.0),
}
_START_LIMIT_S = 300.0
_LIVE_WARM_UP_S = 3.0
_LIVE_S = 10.0
#: Notes when the browser has the file, the student's answer, and the last teacher's.
_WATCH_ANSWERS = """() => {
  const seen = window.seen = {};
  const note = (name) => { seen[name] ??= performance.now(); };
  document.addEventListener("change", (event) => {
    if (event.target.type === "file") note("uploaded");
  }, true);
  new MutationObserver(() => {
    const rows = document.querySelector(".mp-card .mp-scroll");
    if (!rows) return;
    note("student");
    if (!rows.textContent.includes("answering")) note("teachers");
  }).observe(document.querySelector("#answers"), { childList: true, subtree: true });
}"""
#: Counts the answered frames that arrive in the page.
_COUNT_FRAMES = """async (seconds) => {
  let frames = 0;
  const watch = new MutationObserver((changes) => { frames += changes.length; });
  const picture = document.querySelector("#live-answers img");
  watch.observe(picture, { attributes: true, attributeFilter: ["src"] });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return frames / seconds;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="photos, each on a fresh page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    args = parser.parse_args()
    report = measure(args.rounds)
    for name, value in report["figures"].items():
        print(f"{name:20} {value:8.2f}   {verdict(name, value)}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(rounds: int) -> dict[str, Any]:
    """Every figure as plain values: machine, targets, medians, and the single photos' times."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        began = time.perf_counter()
        with started_app(folder) as address:
            figures = start_times(address, began)
            film = write_camera_film(folder / "film.y4m")
            with running_browser(film) as browser:
                photos = [photo_times(browser, address, folder) for _ in range(rounds)]
                figures["live_frames_per_s"] = live_rate(browser, address)
    for name in ("student_ms", "teachers_ms"):
        figures[name] = median(photo[name] for photo in photos)
    return {"machine": machine(), "targets": TARGETS, "figures": figures, "photos": photos}


def verdict(name: str, value: float) -> str:
    """What the issue wants, and whether that is reached."""
    if name not in TARGETS:
        return ""
    sign, target = TARGETS[name]
    reached = value <= target if sign == "<=" else value >= target
    return f"target {sign} {target:g}: {'reached' if reached else 'missed'}"


def start_times(address: str, began: float) -> dict[str, float]:
    """Seconds until anything is answered, until the pages are there, until the models are."""
    seen: dict[str, float] = {}
    while "ready_s" not in seen:
        passed_s = time.perf_counter() - began
        if passed_s > _START_LIMIT_S:
            raise TimeoutError(f"the app was not ready after {_START_LIMIT_S:.0f} s: {seen}")
        status, _ = _get(address)
        if status:
            seen.setdefault("first_answer_s", passed_s)
        if status == 200:
            seen.setdefault("first_page_s", passed_s)
            if '"ready"' in _get(f"{address}/api/v1/health")[1]:
                seen["ready_s"] = time.perf_counter() - began
        time.sleep(0.05)
    return seen


def photo_times(browser: Browser, address: str, folder: Path) -> dict[str, float]:
    """Milliseconds from a photo with one face to its answers on a fresh page."""
    photo = folder / "photo.jpg"
    photo.write_bytes(encode_jpeg(example_photo(1, 640, 480)))
    with open_page(browser, address) as page:
        _open_demo(page)
        page.evaluate(_WATCH_ANSWERS)
        page.set_input_files("#uploads input[type=file]", photo)
        page.wait_for_function("window.seen.teachers")
        seen = page.evaluate("window.seen")
    return {
        "student_ms": seen["student"] - seen["uploaded"],
        "teachers_ms": seen["teachers"] - seen["uploaded"],
    }


def live_rate(browser: Browser, address: str) -> float:
    """Answered frames that a person sees each second."""
    with open_page(browser, address) as page:
        _open_demo(page)
        page.get_by_role("tab", name="Camera").click()
        page.get_by_text("Click to Access Webcam").click()
        page.locator("#camera button", has_text="Record").click()
        page.locator("#live-answers img").wait_for()
        page.wait_for_timeout(_LIVE_WARM_UP_S * 1000)
        return page.evaluate(_COUNT_FRAMES, _LIVE_S)


def _open_demo(page: Page) -> None:
    page.goto("/demo/")
    page.get_by_text("Ready: the student").wait_for()


def _get(address: str) -> tuple[int, str]:
    """Status (0: nobody answers yet) and body."""
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return reply.status, reply.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


if __name__ == "__main__":
    main()
