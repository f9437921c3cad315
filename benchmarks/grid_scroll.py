"""How smoothly the grid scrolls: frames in headless Chromium while 10,000 faces go by.

    python -m benchmarks.grid_scroll [--faces 10000] [--seconds 10] [--json FILE]

Reported: seconds until the first tile and until all faces are read, the time of a frame while
scrolling slowly (a wheel) and fast (the whole grid within the time), tiles in the page at most, how
long after scrolling the last picture is there, and from a key to the label on a hundred tiles.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from db.migrations import open_home
from tests.browser_files import open_page, running_browser
from tests.many_faces import add_many_faces
from tests.pages_server import running_pages

#: Scrolls by ``step`` pixels in each frame; returns the milliseconds between frames, and the
#: most tiles that were there.
_SCROLL = """
async (scroller, [step, seconds]) => {
  const times = [];
  let most = 0;
  const end = performance.now() + 1000 * seconds;
  await new Promise((resolve) => {
    const frame = (now) => {
      times.push(now);
      scroller.scrollTop += step;
      most = Math.max(most, scroller.querySelectorAll(".tile").length);
      if (now < end) requestAnimationFrame(frame);
      else resolve();
    };
    requestAnimationFrame(frame);
  });
  return [times.slice(1).map((time, i) => time - times[i]), most];
}
"""
_PICTURES = """
(scroller) => [...scroller.querySelectorAll(".tile img")].every((p) => p.complete && p.naturalWidth)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), args.faces, args.seconds)
    text = json.dumps(report, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text)


def measure(folder: Path, faces: int, seconds: float) -> dict[str, Any]:
    home = open_home(folder / "home")
    add_many_faces(home, folder / "pictures", faces)
    with (
        running_pages(home.root) as address,
        running_browser() as browser,
        open_page(browser, address) as page,
    ):
        report = opened(page, faces)
        scroller = page.locator(".scroller")
        height_px = scroller.evaluate("node => node.scrollHeight")
        fast_px = height_px / (60 * seconds)
        for name, step_px in (("wheel", 20), ("fast", fast_px)):
            scroller.evaluate("node => (node.scrollTop = 0)")
            frames_ms, most = scroller.evaluate(_SCROLL, [step_px, seconds])
            report[name] = {"step_px": round(step_px), "tiles_at_most": most, **spread(frames_ms)}
            report[name]["pictures_after_ms"] = pictures_after_ms(page)
        report["key_to_100_labels_ms"] = labelling_ms(page)
    return report


def opened(page: Page, faces: int) -> dict[str, Any]:
    page.goto("/grid?order=entropy", wait_until="commit")
    page.locator(".scroller").wait_for()
    began = time.perf_counter()
    page.locator(".tile").first.wait_for()
    first_s = time.perf_counter() - began
    page.get_by_text(f"{faces:,} faces ·").wait_for()
    return {
        "faces": faces,
        "first_tile_s": round(first_s, 2),
        "all_read_s": round(time.perf_counter() - began, 2),
    }


def spread(frames_ms: list[float]) -> dict[str, float]:
    times = np.array(frames_ms)
    return {
        "frames": len(times),
        "frames_per_s": round(1000 / times.mean(), 1),
        "median_ms": round(float(np.median(times)), 1),
        "p95_ms": round(float(np.percentile(times, 95)), 1),
        "worst_ms": round(float(times.max()), 1),
        "share_over_50_ms": round(float((times > 50).mean()), 4),
    }


def pictures_after_ms(page: Page) -> float:
    """From the end of scrolling until every picture in the page is there."""
    began = time.perf_counter()
    while not page.locator(".scroller").evaluate(_PICTURES):
        time.sleep(0.02)
    return round((time.perf_counter() - began) * 1000)


def labelling_ms(page: Page) -> float:
    """From the key until the tiles show the label, of the first hundred faces."""
    page.keyboard.press("Home")
    for _ in range(20):
        page.keyboard.press("Shift+ArrowDown")
    began = time.perf_counter()
    page.keyboard.press("2")
    page.locator(".tile .label", has_text="● masked").first.wait_for()
    return round((time.perf_counter() - began) * 1000)


if __name__ == "__main__":
    main()
