"""How soon the dashboards show something with a million faces, in headless Chromium.

    python -m benchmarks.dashboards [--faces 1000000] [--home DIR] [--repeat 3] [--json FILE]

For each page: seconds from the address to its first drawn chart, in a browser that has been in the
studio before, right after a face was labelled, so that all is counted anew, and again without a
change; from a click in the menu after another label; medians. And seconds from a change of a widget
on a page at rest to the chart that follows it: the slowest of several changes, of each the median.
``--home`` keeps the made-up database (some minutes to make) for the next time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page
from sqlite_utils import Database

from benchmarks.database_contents import STUDENT, fill
from core.faces import MaskLabel
from db.annotations import annotate
from db.database import connect, write_transaction
from db.face_samples import sample_faces
from db.filters import FaceFilter
from db.home import Home
from db.labels import Change
from db.migrations import open_home
from db.models import register_model
from db.review_queue import QueueQuery, peek
from db.runs import claim_run, list_runs, set_status, submit_run
from tests.browser_files import PATIENCE_MS, open_page, running_browser
from tests.pages_server import running_pages
from trainer.jobs.run_files import RunFiles
from trainer.survey_file import Survey, save_survey

PAGES = (
    "overview",
    "mask-errors",
    "pose-errors",
    "teachers",
    "compare",
    "map",
    "data-quality",
    "benchmarks",
)
CHALLENGER = "student-2"
MAP_FACES = 20_000
_REST_MS = 3000
_AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"
_CHART = ".js-plotly-plot .main-svg"
#: Keeps when the first chart was painted, in ms from the start of the visit. Measured in the page:
#: Playwright's own question waits until the page has drawn what else has come.
_WATCH = f"""
const look = () => requestAnimationFrame(
  document.querySelector("{_CHART}") ? () => {{ window.paintedAtMs = performance.now(); }} : look
);
look();
"""
#: Keeps how long after the next click or key a chart was painted that follows it, and the text,
#: which is given.
_WATCH_CHANGE = """
text => {
  let began, plotted = false;
  delete window.changedMs;
  for (const kind of ["click", "keydown"])
    addEventListener(kind, () => { began ??= performance.now(); }, { capture: true, once: true });
  new MutationObserver(changes => {
    plotted ||= began !== undefined
      && changes.some(({ target }) => target.closest?.(".js-plotly-plot"));
  }).observe(document.body, { childList: true, subtree: true });
  const look = () => requestAnimationFrame(
    plotted && document.querySelector("[data-testid=stMain]").textContent.includes(text)
      ? () => { window.changedMs = performance.now() - began; } : look
  );
  look();
}
"""


def _choose(page: Page, text: str) -> None:
    page.get_by_text(text, exact=True).first.click()


def _press_slider(page: Page, label: str) -> None:
    page.get_by_role("slider", name=label).press("ArrowRight")


Gesture = Callable[[Page], None]
#: Of some pages: what is changed, one after the other, and the text that follows with the chart, if
#: one tells it from before.
_SPLITS = tuple((partial(_choose, text=split), "") for split in ("train", "test", "val"))
_CHANGES: dict[str, tuple[tuple[Gesture, str], ...]] = {
    "mask-errors": _SPLITS,
    "pose-errors": _SPLITS,
    "map": (
        (partial(_choose, text="error"), "by the student's errors"),
        (partial(_choose, text="source"), "by their source"),
        (partial(_choose, text="label"), "by what people say"),
    ),
    "data-quality": tuple(
        (partial(_press_slider, label="Suspect a label"), f"at least {doubt}")
        for doubt in ("0.91", "0.92", "0.93")
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="use and keep this home instead of a new one")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with _filled(args.home, args.faces) as home, running_browser() as browser:
        report = measure(home, browser, args.repeat)
    print("| page | after a label, s | again, s | by the menu, s | change of a widget, s |")
    print("|---|---|---|---|---|")
    for path, times in report.items():
        print(f"| {path} | " + " | ".join(_seconds(times[name]) for name in times) + " |")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


def measure(home: Home, browser: Browser, repeat: int) -> dict[str, dict[str, float | None]]:
    """Seconds of each page; targets: 2 to the first chart, 0.5 after a change."""
    report = {}
    with running_pages(home.root) as address, open_page(browser, address) as page:
        page.add_init_script(_WATCH)
        page.goto("/")  # Streamlit's own first start is not the page's,
        page.wait_for_selector("h1", timeout=PATIENCE_MS)
        _seconds_to_chart(page, PAGES[-1])  # nor are the scripts that a browser keeps
        for path in PAGES:
            first, later, menu = [], [], []
            for _ in range(repeat):
                _label_a_face(home)
                first.append(_seconds_to_chart(page, path))
                later.append(_seconds_to_chart(page, path))
                menu.append(_seconds_by_menu(page, home, path))
            report[path] = {
                "first": statistics.median(first),
                "later": statistics.median(later),
                "menu": statistics.median(menu),
                "change": _change(browser, address, path, repeat),
            }
    return report


def _label_a_face(home: Home) -> None:
    """Any change of the data makes all counts old."""
    with connect(home) as db:
        (item,) = peek(
            db, QueueQuery(order="random", filter=FaceFilter(status="unlabelled")), count=1
        ).items
        change = Change(face_id=item.face_id, base_version=item.version, mask=MaskLabel.MASKED)
        annotate(db, [change], annotator="benchmark", client_op_id=str(uuid.uuid4()))


def _seconds_to_chart(page: Page, path: str) -> float:
    """Seconds from the address until its first chart is painted; then a rest for what follows."""
    page.goto(f"/{path}")
    painted = page.wait_for_function("window.paintedAtMs", timeout=PATIENCE_MS)
    seconds = painted.json_value() / 1000
    page.wait_for_timeout(_REST_MS)
    return seconds


def _seconds_by_menu(page: Page, home: Home, path: str) -> float:
    """Seconds from a click in the menu of the home page, right after a face was labelled."""
    page.goto("/")
    page.wait_for_selector("h1", timeout=PATIENCE_MS)
    page.wait_for_timeout(_REST_MS)
    _label_a_face(home)
    page.get_by_text("Dashboards", exact=True).first.click()
    link = page.locator(f'a[href$="/{path}"]').first
    link.wait_for(timeout=PATIENCE_MS)
    seconds = _seconds_to_change(page, link.click)
    page.wait_for_timeout(_REST_MS)
    return seconds


def _seconds_to_change(page: Page, change: Callable[[], None], text: str = "") -> float:
    """Seconds from the click or key in ``change`` until a chart has followed, and the text."""
    page.evaluate(_WATCH_CHANGE, text)
    change()
    painted = page.wait_for_function("window.changedMs", timeout=PATIENCE_MS)
    return painted.json_value() / 1000


def _change(browser: Browser, address: str, path: str, repeat: int) -> float | None:
    """Seconds from a click or key to the changed chart: the slowest change, of each the median of
    so many visits. The page is at rest before."""
    if path not in _CHANGES:
        return None
    visits = [list(_changes_of_a_visit(browser, address, path)) for _ in range(repeat)]
    return max(map(statistics.median, zip(*visits, strict=True)))


def _changes_of_a_visit(browser: Browser, address: str, path: str) -> Iterator[float]:
    with open_page(browser, address) as page:
        page.goto(f"/{path}")
        page.wait_for_selector(_CHART, timeout=PATIENCE_MS)
        for change, text in _CHANGES[path]:
            page.wait_for_selector(_AT_REST, timeout=PATIENCE_MS)
            page.wait_for_timeout(_REST_MS)
            yield _seconds_to_change(page, partial(change, page), text)


@contextmanager
def _filled(folder: Path | None, faces: int) -> Iterator[Home]:
    """A home with so many faces, two students, a teacher and a map; made where it is empty."""
    with tempfile.TemporaryDirectory() as temporary:
        home = open_home(folder or Path(temporary))
        with connect(home) as db:
            if db.execute("SELECT count(*) FROM faces").fetchone()[0] == 0:
                fill(db, faces=faces, annotations=faces * 3 // 10)
            _add_challenger(db)
            _add_map(db, home)
        yield home


def _add_challenger(db: Database) -> None:
    """A second student, which says what the first says but for one face in ten."""
    challenger = register_model(
        db,
        name=CHALLENGER,
        sha256="c" * 64,
        path=f"checkpoints/{CHALLENGER}.safetensors",
        kind="student",
        recipe="default",
    )
    with write_transaction(db, durable=False):
        db.execute(
            "INSERT OR IGNORE INTO predictions SELECT ?, face_id,"
            " iif(face_id % 10, mask_label, 'masked'), confidence, p_unmasked, p_masked,"
            " p_incorrect, yaw_deg * 0.9, pitch_deg, roll_deg, latency_ms / 2, created_at"
            " FROM predictions p WHERE model_id = (SELECT id FROM models WHERE name = ?)",
            [challenger.id, STUDENT],
        )


def _add_map(db: Database, home: Home) -> None:
    if any(run.recipe == "survey" for run in list_runs(db)):
        return
    run = submit_run(db, recipe="survey", config={"model": STUDENT}, device="cpu")
    claim_run(db, device="cpu", host="benchmark", pid=1)
    set_status(db, run.id, "finished")
    ids = sample_faces(db, MAP_FACES)
    positions = np.random.default_rng(0).normal(0, 20, (len(ids), 2)).astype(np.float32)
    save_survey(
        RunFiles.of(home, run.id).survey,
        Survey(
            model=STUDENT,
            asked=MAP_FACES,
            face_ids=np.array(ids),
            positions=positions,
            pairs=np.zeros((0, 3), np.int64),
        ),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
