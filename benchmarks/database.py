"""How fast the database is when it is full: ``python -m benchmarks.database`` prints a table.

Every time is that of the whole call as the program makes it. Beside the time on the clock stands
the processor time of the call: on a busy machine the first also measures the others.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import get_args

from benchmarks.database_contents import ANNOTATORS, TEACHER, fill
from core.faces import MaskLabel
from db import mask_slices, mask_statistics, pose_statistics
from db import statistics as dashboards
from db.annotations import annotate
from db.database import connect, open_connection
from db.export_rows import exported_faces
from db.filters import FaceFilter
from db.home import Home
from db.labels import Change
from db.leases import release
from db.migrations import open_home
from db.review_queue import Order, QueueQuery, count, peek, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; times in milliseconds."""

    what: str
    median_ms: float
    high_ms: float  # p99 where there are many, else the slowest
    cpu_ms: float | None
    target: str
    note: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--annotations", type=int, default=300_000)
    parser.add_argument("--writes", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--lock-s", type=float, default=20.0)
    parser.add_argument("--home", type=Path, help="use and keep this home instead of a new one")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    args = parser.parse_args()
    with _home(args.home, args.faces, args.annotations) as home:
        rows = []
        for row in _measure(home, args):
            rows.append(row)
            print(_line(row), flush=True)
    if args.json:
        fields = Row.__slots__
        args.json.write_text(json.dumps([{f: getattr(row, f) for f in fields} for row in rows]))


@contextmanager
def _home(root: Path | None, faces: int, annotations: int) -> Iterator[Home]:
    """A home with as many faces; built unless it is there."""
    with tempfile.TemporaryDirectory(prefix="maskpose-benchmark-") as folder:
        home = open_home(root or Path(folder))
        began = time.perf_counter()
        with connect(home) as db:
            if not db.execute("SELECT 1 FROM faces LIMIT 1").fetchone():
                fill(db, faces=faces, annotations=annotations)
                print(f"built in {time.perf_counter() - began:.0f} s")
            _describe(home, db.execute("SELECT sqlite_version()").fetchone()[0])
            numbers = [
                db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("faces", "predictions", "annotations")
            ]
        size = home.database_path.stat().st_size / 2**20
        print(
            "{:,} faces, {:,} predictions, {:,} annotations".format(*numbers), f"{size:,.0f} MiB\n"
        )
        print("| what | median ms | p99 or slowest ms | CPU ms | target |\n|---|---|---|---|---|")
        yield home


def _describe(home: Home, sqlite_version: str) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"commit {commit or 'unknown'}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, SQLite {sqlite_version}, load average {load}"
    )


def _measure(home: Home, args: argparse.Namespace) -> Iterator[Row]:
    with connect(home) as db:
        yield from _queue(db)
        yield from _counts(db)
        yield from _dashboards(db)
    yield _reader_memory(home)
    yield _lock(home, args.lock_s)
    # Eight people who label twenty faces a second each, then as fast as the machine can.
    yield _writes(home, args.processes, args.writes // 10, pause_s=0.05)
    yield _writes(home, args.processes, args.writes, pause_s=0.0)


def _queue(db) -> Iterator[Row]:
    for order in get_args(Order):
        status = "labelled" if order in ("label_error", "pose_error") else "unlabelled"
        query = QueueQuery(order=order, filter=FaceFilter(status=status))

        def next_fifty(query: QueueQuery = query) -> None:
            assert len(take(db, query, annotator=ANNOTATORS[0], count=50)) == 50

        yield _timed(f"take the next 50 by {order}", next_fifty, "≤ 50 ms", repeat=40)
        release(db, ANNOTATORS[0])
        everything = QueueQuery(order=order, filter=FaceFilter())
        call = lambda query=everything: peek(db, query, count=50)  # noqa: E731
        yield _timed(f"show 50 by {order}, labelled too", call, "≤ 50 ms", repeat=40)


_FILTERS = {
    "unlabelled of a source": FaceFilter(status="unlabelled", source="source 03"),
    "wrong on labelled": FaceFilter(wrong=True),
    "predicted masked, confidence 0.5–0.6": FaceFilter(
        predicted=(MaskLabel.MASKED,), confidence=(0.5, 0.6)
    ),
    "yaw over 60°, unlabelled": FaceFilter(status="unlabelled", yaw_deg=(60, 90)),
    "labels of one annotator in March": FaceFilter(
        annotator=ANNOTATORS[3], annotated_from="2026-03-01", annotated_before="2026-04-01"
    ),
    "a teacher says masked, confidence 0.5–0.6": FaceFilter(
        model=TEACHER, predicted=(MaskLabel.MASKED,), confidence=(0.5, 0.6)
    ),
    "a teacher says masked, of a source": FaceFilter(
        model=TEACHER, predicted=(MaskLabel.MASKED,), source="source 03"
    ),
    "a teacher says masked, unlabelled (half of all match)": FaceFilter(
        model=TEACHER, predicted=(MaskLabel.MASKED,), status="unlabelled"
    ),
}


def _counts(db) -> Iterator[Row]:
    for name, filter in _FILTERS.items():
        call = lambda filter=filter: count(db, filter)  # noqa: E731
        yield _timed(f"count: {name}", call, "≤ 200 ms", repeat=5)


def _dashboards(db) -> Iterator[Row]:
    calls: dict[str, Callable[[], object]] = {
        "overview": lambda: dashboards.overview(db),
        "labels per day": lambda: dashboards.labels_per_day(db),
        "confusion of the student": lambda: mask_statistics.confusion(db, FaceFilter()),
        "student against teacher, all faces": lambda: dashboards.agreement_with_teacher(
            db, TEACHER
        ),
        "calibration": lambda: mask_statistics.calibration(db, FaceFilter()),
        "scores for threshold curves": lambda: mask_statistics.score_counts(db, FaceFilter()),
        "disagreement histogram": lambda: dashboards.score_histogram(
            db, "disagreement", low=0, high=1, bins=40
        ),
        "pose, student against people": lambda: pose_statistics.said_against_true(db, FaceFilter()),
    }
    below: dict[str, Callable[[], object]] = {
        "mask errors by kind of face": lambda: mask_slices.error_slices(db, FaceFilter()),
        "pose errors by angle": lambda: pose_statistics.pose_cells(db, FaceFilter()),
    }
    for name, call in calls.items():
        yield _timed(f"dashboard: {name}", call, "≤ 1 s", repeat=3)
    for name, call in below.items():  # charts below the first, which nobody waits for
        yield _timed(f"dashboard, below: {name}", call, "", repeat=3)


def _timed(what: str, call: Callable[[], object], target: str, repeat: int) -> Row:
    call()  # the first call reads the pages
    walls, cpus = [], []
    for _ in range(repeat):
        cpu, began = time.thread_time(), time.perf_counter()
        call()
        walls.append((time.perf_counter() - began) * 1e3)
        cpus.append((time.thread_time() - cpu) * 1e3)
    return Row(
        what=what,
        median_ms=statistics.median(walls),
        high_ms=max(walls),
        cpu_ms=statistics.median(cpus),
        target=target,
    )


def _reader_memory(home: Home) -> Row:
    """Read every annotation as the exports do, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        rows, seconds, grown_mib = pool.submit(read_all, home.root).result()
    return Row(
        what=f"read {rows:,} annotations one by one: peak memory grows by {grown_mib:.1f} MiB",
        median_ms=seconds * 1e3,
        high_ms=seconds * 1e3,
        cpu_ms=None,
        target="flat",
    )


def read_all(root: Path) -> tuple[int, float, float]:
    """(rows, seconds, growth of peak memory in MiB after the first thousand rows)."""
    with connect(Home(root), read_only=True) as db:
        rows = exported_faces(db, None)
        for _ in range(1000):
            next(rows)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        read = 1000 + sum(1 for _ in rows)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return read, time.perf_counter() - began, grown / 1024


def _lock(home: Home, seconds: float) -> Row:
    """Another program locks the file while a label is written."""
    faces = _unlabelled(home, 1)
    with closing(
        sqlite3.connect(home.database_path, isolation_level=None, check_same_thread=False)
    ) as db:
        db.execute("BEGIN EXCLUSIVE")
        threading.Timer(seconds, lambda: db.execute("ROLLBACK")).start()
        (latency_ms,) = label_faces(home.root, "locked out", faces, 0.0)
    return Row(
        what=f"a label while another program locks the file for {seconds:.0f} s",
        median_ms=latency_ms,
        high_ms=latency_ms,
        cpu_ms=None,
        target="kept",
    )


def _writes(home: Home, processes: int, writes: int, pause_s: float) -> Row:
    """Labels by several processes at once; all must be there afterwards."""
    faces = _unlabelled(home, writes)
    with connect(home) as db:
        before = db.execute("SELECT count(*) FROM annotation_events").fetchone()[0]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _start_together, (barrier,)) as pool:
        jobs = [
            pool.submit(_label_timed, home.root, f"writer {n}", faces[n::processes], pause_s)
            for n in range(processes)
        ]
        done = [job.result() for job in jobs]
    latencies = sorted(latency for _, _, mine in done for latency in mine)
    seconds = max(end for _, end, _ in done) - min(begin for begin, _, _ in done)
    with connect(home) as db:
        after = db.execute("SELECT count(*) FROM annotation_events").fetchone()[0]
    lost = len(faces) - (after - before)
    pace = f"a label every {pause_s * 1e3:.0f} ms each" if pause_s else "without pause"
    return Row(
        what=f"{len(faces):,} labels by {processes} processes, {pace}: {lost} lost, "
        f"{len(faces) / seconds:,.0f} a second",
        median_ms=statistics.median(latencies),
        high_ms=latencies[int(len(latencies) * 0.99)],
        cpu_ms=None,
        target="median ≤ 5 ms, p99 ≤ 25 ms, none lost",
    )


_barrier: Barrier | None = None


def _start_together(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _label_timed(
    root: Path, annotator: str, faces: list[int], pause_s: float
) -> tuple[float, float, list[float]]:
    """(begin, end, milliseconds of each label), once all the others are ready too."""
    if _barrier:
        _barrier.wait()
    began = time.time()
    latencies = label_faces(root, annotator, faces, pause_s)
    return began, time.time(), latencies


def label_faces(root: Path, annotator: str, faces: list[int], pause_s: float) -> list[float]:
    """Label faces; the milliseconds that each took."""
    latencies = []
    with closing(open_connection(Home(root))) as db:
        for face in faces:
            time.sleep(pause_s)
            began = time.perf_counter()
            change = Change(face_id=face, base_version=0, mask=MaskLabel.MASKED)
            annotate(db, [change], annotator=annotator, client_op_id=f"{annotator}-{face}")
            latencies.append((time.perf_counter() - began) * 1e3)
    return latencies


def _unlabelled(home: Home, wanted: int) -> list[int]:
    sql = "SELECT face_id FROM face_states WHERE event_id IS NULL ORDER BY random_key LIMIT ?"
    with connect(home) as db:
        return [row[0] for row in db.execute(sql, [wanted])]


def _line(row: Row) -> str:
    cpu = "" if row.cpu_ms is None else f"{row.cpu_ms:,.1f}"
    return f"| {row.what} | {row.median_ms:,.1f} | {row.high_ms:,.1f} | {cpu} | {row.target} |"


if __name__ == "__main__":
    sys.exit(main())
