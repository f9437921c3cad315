"""Disk full, file read-only, locked for too long, pictures gone: clear words, nothing half."""

from __future__ import annotations

import os
import resource
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import db_workers
import pytest
from db_support import add_face, add_picture, label

from core.faces import MaskLabel
from db.annotations import current_annotation, history
from db.backup import back_up, copy_database, restore
from db.check import find_faults
from db.database import connect, write_transaction
from db.errors import BackupRefused, DatabaseBusy, DatabaseReadOnly, DiskFull, ImageFileMissing
from db.home import Home
from db.images import get_image, read_bytes
from db.migrations import open_home

MASKED = MaskLabel.MASKED


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = open_home(tmp_path)
    with connect(home) as db:
        for seed in range(30):
            add_face(db, home, seed)
    return home


def fill_disk(size: int) -> None:
    """From now on, within ``no_file_beyond``, no file gets larger than this."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """The operating system refuses every write beyond this size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill_disk(size)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_disk_refuses_leaves_all_confirmed_labels(home: Home) -> None:
    confirmed = 0
    with connect(home) as db:  # keeps the log
        log = home.database_path.with_name("maskpose.db-wal")
        label(db, 1, MASKED)
        with (
            pytest.raises(DiskFull, match=r"no room to write .* nothing was changed"),
            no_file_beyond(log.stat().st_size + 200_000),
        ):
            for face in range(2, 31):
                with connect(home) as other:
                    label(other, face, MASKED)
                confirmed = face
        assert 2 <= confirmed < 30
        assert db.execute("SELECT max(face_id) FROM annotations").fetchone() == (confirmed,)
        assert find_faults(db, home) == []
        label(db, confirmed + 1, MASKED)  # there is room again


def test_a_full_database_says_so(home: Home) -> None:
    with pytest.raises(DiskFull), connect(home) as db:
        db.execute("PRAGMA max_page_count = 1")  # SQLite keeps what is there and adds nothing
        with write_transaction(db):
            db.execute("CREATE TABLE more (x TEXT)")
            db.execute("INSERT INTO more VALUES (hex(randomblob(100000)))")
    with connect(home) as db:
        assert "more" not in db.table_names()


def test_a_picture_that_the_disk_refuses_leaves_neither_file_nor_row(home: Home) -> None:
    with (
        connect(home) as db,
        pytest.raises(OSError, match="File too large"),
        no_file_beyond(1000),
    ):
        add_picture(db, home, 99)
    with connect(home) as db:
        assert db.execute("SELECT count(*) FROM images").fetchone() == (30,)
    assert not list(home.images_dir.rglob("*.part"))


@pytest.fixture
def read_only_home() -> Iterator[Home]:
    """A home whose files and folders nobody may write; as root, become nobody meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        home = open_home(Path(folder) / "home")
        with connect(home) as db:
            add_face(db, home, 1)
            label(db, 1, MASKED)
        for path in (home.database_path, home.root):
            path.chmod(0o555 if path.is_dir() else 0o444)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(65534)
        try:
            yield home
        finally:
            if was_root:
                os.seteuid(0)
            home.root.chmod(0o755)


def test_a_read_only_file_is_said_so(read_only_home: Home) -> None:
    with (
        pytest.raises(DatabaseReadOnly, match="cannot be written: check the permissions"),
        connect(read_only_home) as db,
    ):
        label(db, 1, MaskLabel.UNMASKED, base_version=1)


def test_a_reader_cannot_write(home: Home) -> None:
    with pytest.raises(DatabaseReadOnly), connect(home, read_only=True) as db:
        label(db, 1, MASKED)


def test_a_lock_that_lasts_too_long_is_said_so(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.database.BUSY_TIMEOUT_S", 0.3)
    lock = db_workers.start(db_workers.hold_lock, home.database_path, 3.0, tmp_path / "held")
    db_workers.wait_for(tmp_path / "held")
    with pytest.raises(DatabaseBusy, match="another program has kept"), connect(home) as db:
        label(db, 1, MASKED)
    lock.kill()
    lock.join()
    with connect(home) as db:
        assert history(db, 1) == []


def test_a_disk_that_is_full_for_a_copy_is_no_damage_and_refuses_the_restore(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The good database was called damaged and moved away, while the server had it open."""
    back_up(home, tmp_path / "monday.db")
    copies = []

    def copy_where_the_disk_gets_full(home: Home, target: Path) -> Path:
        copies.append(target)
        fill_disk(100_000)
        return copy_database(home, target)

    monkeypatch.setattr("db.backup.copy_database", copy_where_the_disk_gets_full)
    with connect(home) as db:  # of the server
        label(db, 1, MASKED)
        with pytest.raises(DiskFull, match="nothing was changed"), no_file_beyond(1 << 40):
            restore(home.root, tmp_path / "monday.db")
        assert len(copies) == 1
        label(db, 2, MASKED)
    with connect(home) as db:
        assert db.execute("SELECT face_id FROM annotations").fetchall() == [(1,), (2,)]
    assert [*home.backups_dir.iterdir()] == [*home.work_dir.iterdir()] == []


def test_a_disk_that_is_full_for_the_pictures_refuses_the_restore_and_leaves_none_half(
    home: Home, tmp_path: Path
) -> None:
    large = home.checkpoints_dir / "large.safetensors"
    large.write_bytes(bytes(20_000_000))
    back_up(home, tmp_path / "all.tar")
    large.unlink()
    with connect(home) as db:
        label(db, 1, MASKED)
    with (
        pytest.raises(BackupRefused, match=r"large\.safetensors could not be unpacked"),
        no_file_beyond(10_000_000),
    ):
        restore(home.root, tmp_path / "all.tar")
    assert not large.exists()
    with connect(home) as db:
        assert [*db.execute("SELECT face_id FROM annotations")] == [(1,)]
    restore(home.root, tmp_path / "all.tar")  # there is room again
    assert large.stat().st_size == 20_000_000


def test_a_lock_that_lasts_refuses_the_restore(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(home, tmp_path / "monday.db")
    with connect(home) as db:
        label(db, 1, MASKED)
    monkeypatch.setattr("db.database.BUSY_TIMEOUT_S", 0.3)
    lock = db_workers.start(db_workers.hold_lock, home.database_path, 60.0, tmp_path / "held")
    db_workers.wait_for(tmp_path / "held")
    with pytest.raises(DatabaseBusy, match="nothing was changed"):
        restore(home.root, tmp_path / "monday.db")
    lock.kill()
    lock.join()
    with connect(home) as db:
        assert db.execute("SELECT face_id FROM annotations").fetchall() == [(1,)]


def test_an_error_in_a_transaction_leaves_nothing_and_is_not_masked(home: Home) -> None:
    with connect(home) as db:
        with pytest.raises(RuntimeError, match="mine"), write_transaction(db):
            label(db, 1, MASKED)
            raise RuntimeError("mine")
        assert history(db, 1) == []
        with write_transaction(db):
            label(db, 1, MASKED)
            with pytest.raises(sqlite3.IntegrityError), write_transaction(db):
                label(db, 2, MASKED)
                db.execute("DELETE FROM annotation_events")
        assert (len(history(db, 1)), len(history(db, 2))) == (1, 0)


def test_a_missing_picture_is_named_and_comes_back_with_its_labels(home: Home) -> None:
    with connect(home) as db:
        label(db, 1, MASKED)
        image = get_image(db, 1)
        (home.root / image.path).unlink()
        with pytest.raises(ImageFileMissing, match=r"the file of '0\.png' is gone"):
            read_bytes(home, image)
        assert find_faults(db, home) == [f"image 1 (0.png): its file {image.path} is gone"]
        assert add_picture(db, home, 0, name="another name.png") == image
        assert len(read_bytes(home, image)) > 1000
        assert current_annotation(db, 1).label.mask == MASKED
