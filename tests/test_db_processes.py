"""Several real processes at once, and processes that are killed: nothing said is lost."""

from __future__ import annotations

import random
import time
from pathlib import Path

import db_workers
import pytest
from db_support import add_face
from sqlite_utils import Database

from db.annotations import history
from db.check import find_faults
from db.database import connect, write_transaction
from db.home import Home
from db.migrations import open_home
from db.schema import SCHEMA_VERSION

PROCESSES, WRITES = 4, 150


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = open_home(tmp_path / "home")
    with connect(home) as db:
        _many_faces(db, home, PROCESSES * WRITES)
    return home


def _many_faces(db: Database, home: Home, count: int) -> None:
    face = add_face(db, home, 0)
    with write_transaction(db):
        for left in range(1, count):
            db.execute(
                "INSERT INTO faces (image_id, left_px, top_px, width_px, height_px, detector,"
                " added_at) SELECT image_id, ?, 0, 9, 9, 'person', added_at FROM faces"
                " WHERE id = ?",
                [left, face],
            )


def test_labels_of_several_processes_are_all_kept(home: Home, tmp_path: Path) -> None:
    workers = [
        db_workers.start(
            db_workers.label_faces,
            home.root,
            f"annotator {n}",
            range(1 + n * WRITES, 1 + (n + 1) * WRITES),
            tmp_path / f"said-{n}",
        )
        for n in range(PROCESSES)
    ]
    db_workers.finish(workers)
    with connect(home) as db:
        assert db.execute(
            "SELECT count(*), count(DISTINCT face_id) FROM annotations"
        ).fetchone() == (
            PROCESSES * WRITES,
            PROCESSES * WRITES,
        )
        assert find_faults(db, None) == []


def test_processes_that_change_the_same_face_overwrite_nothing(home: Home) -> None:
    workers = [
        db_workers.start(db_workers.add_to_one_face, home.root, f"annotator {n}", 1, 40)
        for n in range(PROCESSES)
    ]
    db_workers.finish(workers)
    with connect(home) as db:
        events = history(db, 1)
    assert [event.version for event in events] == list(range(1, PROCESSES * 40 + 1))
    for n in range(PROCESSES):
        mine = [event.label.note for event in events if event.annotator == f"annotator {n}"]
        assert mine == [f"annotator {n} {done}" for done in range(40)]


def test_processes_that_take_from_the_queue_share_it_out(home: Home, tmp_path: Path) -> None:
    notes = [tmp_path / f"taken-{n}" for n in range(PROCESSES)]
    db_workers.finish(
        [
            db_workers.start(db_workers.take_faces, home.root, f"annotator {n}", path)
            for n, path in enumerate(notes)
        ]
    )
    taken = [int(line) for path in notes for line in path.read_text().split()]
    assert sorted(taken) == list(range(1, PROCESSES * WRITES + 1))


def test_killed_in_the_middle_of_writes_every_confirmed_label_is_there(
    home: Home, tmp_path: Path
) -> None:
    chance = random.Random(4)
    confirmed: dict[int, int] = {}
    start = 1
    for round_number in range(4):
        said = [tmp_path / f"said-{round_number}-{n}" for n in range(2)]
        workers = []
        for n, path in enumerate(said):
            faces = range(start, start + WRITES // 2)
            start += len(faces)
            name = f"annotator {n}"
            workers.append(db_workers.start(db_workers.label_faces, home.root, name, faces, path))
        for path in said:
            db_workers.wait_for(path)
        time.sleep(chance.uniform(0.01, 0.25))
        for worker in workers:
            worker.kill()  # SIGKILL
            worker.join()
        for path in said:
            confirmed |= {int(a): int(b) for a, b in map(str.split, path.read_text().splitlines())}
        with connect(home) as db:
            kept = dict(db.execute("SELECT face_id, event_id FROM annotations").fetchall())
            assert confirmed.items() <= kept.items()
            # At most one label of each killed process was written and not yet confirmed.
            assert len(kept) <= len(confirmed) + 2 * (round_number + 1)
            assert find_faults(db, None) == []
    assert len(confirmed) > 4


def test_a_lock_of_another_program_is_waited_for(home: Home, tmp_path: Path) -> None:
    """The benchmark does it with 20 s."""
    lock = db_workers.start(db_workers.hold_lock, home.database_path, 1.5, tmp_path / "held")
    db_workers.wait_for(tmp_path / "held")
    began = time.monotonic()
    db_workers.label_faces(home.root, "ann", [1], tmp_path / "said")
    assert time.monotonic() - began > 0.5
    db_workers.finish([lock])
    with connect(home) as db:
        assert [event.annotator for event in history(db, 1)] == ["ann"]


def test_two_programs_that_upgrade_at_once_do_it_once(tmp_path: Path) -> None:
    from test_db_migrations import old_home

    home = old_home(tmp_path / "old")
    moment = time.time() + 1.0
    db_workers.finish(
        [db_workers.start(db_workers.open_at, home.root, moment) for _ in range(PROCESSES)]
    )
    with connect(home) as db:
        names = [row[0] for row in db.execute("SELECT name FROM _sqlite_migrations")]
        assert len(names) == len(set(names)) == SCHEMA_VERSION
        assert find_faults(db, home) == []
    assert len(list(home.backups_dir.glob("before-upgrade-*.db"))) == 1
