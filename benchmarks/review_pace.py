"""How fast faces are reviewed: from a key to the next picture, with a long queue behind it.

    python -m benchmarks.review_pace [--faces 100000] [--presses 200] [--pause-ms 250] [--json FILE]

Keys are pressed in headless Chromium on the real page. Reported: milliseconds from the key until
the next picture has been painted (target: median ≤ 50), from the key until the server has
confirmed the label, and how many labels were confirmed before the next-but-one picture was shown
(target: all; a label that is confirmed survives a crash). All of them must be in the database.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from db.database import connect
from db.migrations import open_home
from tests.browser_files import open_page, running_browser
from tests.many_faces import add_many_faces
from tests.pages_server import running_pages

#: Notes the times of keys, paints and confirmations, on one clock (``performance.now()``).
_WATCH = """
(root) => {
  const seen = { keys: [], painted: [], stored: {} };
  window.reviewTimes = seen;
  let shown = Number(root.dataset.face); // the page's own listener, which comes first, moves on
  addEventListener("keydown", (event) => {
    const after = new MessageChannel();
    after.port1.onmessage = () => {
      seen.painted.push(performance.now());
      shown = Number(root.dataset.face);
    };
    requestAnimationFrame(() => after.port2.postMessage(null)); // comes when the frame is out
    seen.keys.push([shown, event.timeStamp]);
  }, true);
  const send = window.fetch;
  window.fetch = async (address, options) => {
    const reply = await send(address, options);
    if (String(address).endsWith("/annotations") && reply.ok) {
      const { changes } = JSON.parse(options.body);
      for (const { face_id } of changes) seen.stored[face_id] = performance.now();
    }
    return reply;
  };
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--pause-ms", type=int, default=250, help="between two keys")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), args.faces, args.presses, args.pause_ms)
    text = json.dumps(report, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text)


def measure(folder: Path, faces: int, presses: int, pause_ms: int) -> dict[str, Any]:
    home = open_home(folder / "home")
    add_many_faces(home, folder / "pictures", faces)
    with (
        running_pages(home.root) as address,
        running_browser() as browser,
        open_page(browser, address) as page,
    ):
        page.goto("/review?order=entropy&status=unlabelled", wait_until="commit")
        times = press(page, presses, pause_ms)
    with connect(home, read_only=True) as db:
        kept = db.execute("SELECT count(*) FROM annotation_events").fetchone()[0]
    return {
        "faces": faces,
        "presses": presses,
        "pause_ms": pause_ms,
        "kept": kept,
        **summary(times),
    }


def press(page: Page, presses: int, pause_ms: int) -> dict[str, Any]:
    """Keys 1, 2, 3 in turn, each after the picture it is about; the times of all that happened."""
    root = page.locator(".review")
    page.wait_for_selector(".review[data-ready='60']")
    root.evaluate(_WATCH)
    for number in range(presses):
        page.wait_for_function("r => Number(r.dataset.ready) > 0", arg=root.element_handle())
        page.keyboard.press(str(1 + number % 3))
        page.wait_for_timeout(pause_ms)
    page.get_by_text("everything is stored").wait_for()
    return page.evaluate("window.reviewTimes")


def summary(times: dict[str, Any]) -> dict[str, Any]:
    keys_ms = [at for _, at in times["keys"]]
    stored_ms = [times["stored"][str(face)] for face, _ in times["keys"]]
    painted_ms = times["painted"]
    # the picture after the next one is painted by the following key
    in_time = [stored < later for stored, later in zip(stored_ms, painted_ms[1:], strict=False)]
    return {
        "key_to_next_picture_ms": spread(np.subtract(painted_ms, keys_ms)),
        "key_to_stored_ms": spread(np.subtract(stored_ms, keys_ms)),
        "stored_before_next_but_one": f"{sum(in_time)} of {len(in_time)}",
    }


def spread(milliseconds: np.ndarray) -> dict[str, float]:
    return {
        "median": round(float(np.median(milliseconds)), 1),
        "p95": round(float(np.percentile(milliseconds, 95)), 1),
        "worst": round(float(milliseconds.max()), 1),
    }


if __name__ == "__main__":
    main()
