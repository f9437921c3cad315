"""Opening a home: new, old, newer, foreign, damaged."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from db_support import add_face

from db.annotations import current_annotation
from db.check import find_faults
from db.database import connect, open_connection
from db.errors import (
    DatabaseCorrupt,
    DatabaseMissing,
    DatabaseTooNew,
    DatabaseTooOld,
    NotOurDatabase,
)
from db.face_measures import MeasuredFace, store_measures, unmeasured_faces
from db.filters import FaceFilter
from db.home import Home
from db.migrations import migrate, open_home, schema_migrations
from db.review_queue import QueueQuery, count, peek
from db.schema import SCHEMA_FILES, SCHEMA_VERSION


def old_home(root: Path) -> Home:
    """A home as an early version left it, without review queue, with two faces and a label."""
    home = Home.at(root)
    home.make_folders()
    home.database_path.touch()
    with closing(open_connection(home, check_version=False)) as db:
        migrate(db, home, stop_before="0004_review_queue")
        db.executescript(f"""
            INSERT INTO sources VALUES (1, 'web', '2025');
            INSERT INTO images VALUES (1, '{hashlib.sha256().hexdigest()}', 'images/1.png',
                                       'a.png', 48, 40, 1, 'val', NULL, '2025');
            INSERT INTO faces VALUES (1, 1, 0, 0, 9, 9, NULL, 'person', '2025'),
                                     (2, 1, 20, 0, 9, 9, NULL, 'person', '2025');
            INSERT INTO annotators VALUES (1, 'ann', 'person', '2025');
            INSERT INTO annotation_actions VALUES (1, 'op', 1, 'label', NULL, '2025');
            INSERT INTO annotation_events (action_id, face_id, version, mask_label)
            VALUES (1, 2, 1, 'masked');
        """)
    (home.root / "images" / "1.png").write_bytes(b"")
    return home


def version(home: Home) -> int:
    with closing(sqlite3.connect(home.database_path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_home_has_the_whole_schema_and_is_private(tmp_path: Path) -> None:
    home = open_home(tmp_path / "new")
    assert version(home) == SCHEMA_VERSION == 12
    assert home.root.stat().st_mode & 0o077 == 0
    assert home.database_path.stat().st_mode & 0o077 == 0
    with connect(home) as db:
        assert db.journal_mode == "wal"
        assert all(table.strict for table in db.tables if not table.name.startswith("_sqlite"))
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert find_faults(db, home) == []
    assert list(home.backups_dir.iterdir()) == []


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with connect(home) as db:
        before = db.schema
    assert open_home(tmp_path) == home
    with connect(home) as db:
        assert db.schema == before


def test_an_old_file_is_backed_up_and_upgraded_in_place(tmp_path: Path) -> None:
    home = old_home(tmp_path)
    with (
        pytest.raises(DatabaseTooOld, match=f"has schema 3, this program needs {SCHEMA_VERSION}"),
        connect(home),
    ):
        pass
    open_home(tmp_path)
    with connect(home) as db:
        assert str(current_annotation(db, 2).label.mask) == "masked"
        assert [item.face_id for item in peek(db, QueueQuery(order="newest")).items] == [1]
        assert count(db, FaceFilter(split="val")) == 2
        assert count(db, FaceFilter(split="train")) == 0
        assert find_faults(db, home) == []
        upgraded = db.schema
    (backup,) = home.backups_dir.glob("before-upgrade-*.db")
    with closing(sqlite3.connect(backup)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        assert db.execute("SELECT count(*) FROM annotation_events").fetchone() == (1,)
    with connect(open_home(tmp_path / "new")) as db:
        assert db.schema == upgraded


@pytest.mark.parametrize("step", range(1, SCHEMA_VERSION))
def test_a_file_of_any_age_is_upgraded_to_the_same_schema(tmp_path: Path, step: int) -> None:
    home = Home.at(tmp_path / "old")
    home.make_folders()
    home.database_path.touch()
    with closing(open_connection(home, check_version=False)) as db:
        migrate(db, home, stop_before=SCHEMA_FILES[step].stem)
    assert version(home) == step
    with connect(open_home(home.root)) as db, connect(open_home(tmp_path / "new")) as new:
        assert db.schema == new.schema


def test_what_a_check_had_found_is_kept(tmp_path: Path) -> None:
    home = old_home(tmp_path)
    with closing(open_connection(home, check_version=False)) as db:
        migrate(db, home, stop_before="0011_label_suspicions")
        db.execute("UPDATE face_states SET label_error = 0.9, label_error_reason = 'so'")
    with connect(open_home(tmp_path)) as db:
        found = db.execute("SELECT * FROM label_suspicions").fetchall()  # of the labelled face
        assert [tuple(row) for row in found] == [(2, 1, 0.9, "so")]


def test_faces_measured_by_an_earlier_rule_are_measured_anew(tmp_path: Path) -> None:
    """Those at the edge of their picture kept the numbers of the old rule for good."""
    home = old_home(tmp_path)
    with closing(open_connection(home, check_version=False)) as db:
        migrate(db, home, stop_before="0012_measures_anew")
        store_measures(db, [MeasuredFace(1, 500.0, 0.5), MeasuredFace(2, None, None)])
        assert unmeasured_faces(db) == []
    with connect(open_home(tmp_path)) as db:
        assert [face.face_id for face in unmeasured_faces(db)] == [1, 2]
        store_measures(db, [MeasuredFace(1, 10.0, 0.5)])
    with connect(open_home(tmp_path)) as db:  # once, not at every start
        assert [face.face_id for face in unmeasured_faces(db)] == [2]


def test_a_failing_step_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = old_home(tmp_path / "home")
    broken = tmp_path / "0005_broken.sql"
    broken.write_text("CREATE TABLE half (id INTEGER) STRICT;\nINSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr("db.migrations.SCHEMA_FILES", (*SCHEMA_FILES[:4], broken))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_home(home.root)
    monkeypatch.undo()
    assert version(home) == 3
    with connect(open_home(home.root)) as db:
        assert "half" not in db.table_names()


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with closing(sqlite3.connect(home.database_path)) as db, db:
        db.execute("PRAGMA user_version = 99")
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('maskpose_studio', '0099_future', '')"
        )
    before = home.database_path.read_bytes()
    with pytest.raises(DatabaseTooNew, match=r"newer program \(step 0099_future\): update this"):
        open_home(tmp_path)
    with (
        pytest.raises(DatabaseTooNew, match=f"has schema 99, this program knows {SCHEMA_VERSION}"),
        connect(home),
    ):
        pass
    assert home.database_path.read_bytes() == before


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with closing(sqlite3.connect(home.database_path)) as db:
        db.execute("CREATE TABLE recipes (id INTEGER)")
    with pytest.raises(NotOurDatabase, match="belongs to another program"):
        open_home(tmp_path)


def test_a_home_that_was_never_opened_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissing, match="call open_home"), connect(Home.at(tmp_path)):
        pass


@pytest.mark.parametrize("offset", [0, 4096 * 2])
def test_a_damaged_file_is_named_with_its_last_backup(tmp_path: Path, offset: int) -> None:
    from db.backup import copy_database

    home = open_home(tmp_path)
    with connect(home) as db:
        for seed in range(30):
            add_face(db, home, seed)
    with pytest.raises(DatabaseCorrupt, match="there is no backup in the home folder"):
        damage(home, offset)
        read_everything(home)
    home = open_home(tmp_path / "again")
    copy_database(home, home.backups_dir / "tuesday.db")
    with connect(home) as db:
        add_face(db, home, 1)
    with pytest.raises(DatabaseCorrupt, match=r"the last backup is .*tuesday\.db: `python launch"):
        damage(home, offset)
        read_everything(home)


def damage(home: Home, offset: int) -> None:
    """Overwrite the file from a page on."""
    with home.database_path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(offset)
        file.write(b"\xa5" * (size - offset))


def read_everything(home: Home) -> None:
    open_home(home.root)
    with connect(home) as db:
        for table in db.table_names():
            db.execute(f"SELECT * FROM {table}").fetchall()


def test_the_steps_are_those_of_the_folder_in_order() -> None:
    assert repr(schema_migrations()) == (
        "<Migrations 'maskpose_studio': [0001_images_and_faces, 0002_runs_models_predictions,"
        " 0003_annotations, 0004_review_queue, 0005_imports_and_settings, 0006_views,"
        " 0007_opinions, 0008_error_dimensions, 0009_predictions_by_face,"
        " 0010_face_splits, 0011_label_suspicions, 0012_measures_anew]>"
    )
