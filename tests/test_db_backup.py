"""Backup while others write, restore over anything, and refusals."""

from __future__ import annotations

import signal
import sqlite3
import tarfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

import db_workers
import pytest
from db_support import add_face, files_below, label
from test_db_migrations import damage, old_home

from core.faces import MaskLabel
from db.backup import back_up, copy_database, restore
from db.backup_archive import extract_files
from db.check import find_faults
from db.database import connect
from db.errors import BackupRefused, DatabaseBusy, NotFound
from db.faces import get_face
from db.home import Home
from db.migrations import open_home
from db.runs import submit_run

MASKED = MaskLabel.MASKED


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = open_home(tmp_path / "home")
    with connect(home) as db:
        for seed in range(60):
            label(db, add_face(db, home, seed), MASKED)
    (home.checkpoints_dir / "a.safetensors").write_bytes(b"weights")
    return home


def labels(home: Home) -> list[tuple[object, ...]]:
    with connect(home) as db:
        assert find_faults(db, None) == []
        return db.execute(
            "SELECT face_id, mask_label, version FROM annotations ORDER BY 1"
        ).fetchall()


def test_a_backup_brings_labels_pictures_and_checkpoints_to_a_new_home(
    home: Home, tmp_path: Path
) -> None:
    report = back_up(home, tmp_path / "all.tar")
    assert report.text().startswith("60 label events and 61 files written to ")
    report = restore(tmp_path / "new", tmp_path / "all.tar")
    assert report.text().startswith("60 label events and 61 files restored from ")
    new = Home.at(tmp_path / "new")
    assert labels(new) == labels(home)
    with connect(new) as db:
        assert find_faults(db, new) == []
        label(db, 1, MaskLabel.UNMASKED, base_version=1)  # goes on as before
        assert db.journal_mode == "wal"
    assert files_below(new.images_dir) == files_below(home.images_dir)
    assert (new.checkpoints_dir / "a.safetensors").read_bytes() == b"weights"
    assert [*new.work_dir.iterdir()] == []


def test_restoring_over_newer_labels_keeps_them_in_a_backup(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "monday.db")
    monday = labels(home)
    with connect(home) as db:  # another program has it open meanwhile
        label(db, 1, MaskLabel.UNMASKED, base_version=1)
        report = restore(home.root, tmp_path / "monday.db")
        assert db.execute("SELECT mask_label FROM annotations WHERE face_id = 1").fetchone() == (
            "masked",
        )
    assert labels(home) == monday
    restore(home.root, report.before)
    assert labels(home)[0] == (1, "unmasked", 2)


@pytest.mark.parametrize("offset", [0, 4096 * 2])
def test_a_damaged_database_is_set_aside_and_replaced(
    home: Home, tmp_path: Path, offset: int
) -> None:
    expected = labels(home)
    back_up(home, tmp_path / "monday.db")
    damage(home, offset)
    report = restore(home.root, tmp_path / "monday.db")
    assert labels(home) == expected
    assert report.before.name.startswith("damaged-") and report.before.is_file()
    assert home.last_backup() is None  # the damaged file is not offered as a backup


def test_a_restore_copies_what_is_there_once(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was copied a first time only to be looked at: of a large one, minutes and its room."""
    back_up(home, tmp_path / "monday.db")
    copies = []

    def copy(home: Home, target: Path) -> Path:
        copies.append(target)
        return copy_database(home, target)

    monkeypatch.setattr("db.backup.copy_database", copy)
    with connect(home) as db:  # a program has it open, with a label that is only in its log
        label(db, 1, MaskLabel.UNMASKED, base_version=1)
        report = restore(home.root, tmp_path / "monday.db")
    assert copies == [report.before]


@pytest.mark.parametrize("is_damaged", [False, True])
def test_after_a_restore_no_number_is_given_a_second_time(
    home: Home, tmp_path: Path, is_damaged: bool
) -> None:
    """A label waited in a browser for face 61, which was another face when the label came."""
    back_up(home, tmp_path / "monday.db")
    given: set[tuple[str, int]] = set()
    for seed in (100, 200, 300):  # the same backup again and again
        with connect(home) as db:
            faces = [add_face(db, home, seed + extra) for extra in range(3)]
            new = {("face", face) for face in faces}
            new |= {("image", get_face(db, face).image_id) for face in faces}
            new.add(("run", submit_run(db, recipe="quick", config={}, device="cpu").id))
            assert not new & given
            given |= new
        if is_damaged:
            damage(home, 0)
        restore(home.root, tmp_path / "monday.db")
        with connect(home) as db:
            add_face(db, home, seed + 50)
            for face in faces:
                with pytest.raises(NotFound, match=rf"\[{face}\] does not exist"):
                    label(db, face, MASKED)


def test_a_backup_while_others_write_is_of_one_moment(home: Home, tmp_path: Path) -> None:
    with connect(home) as db:
        new = [add_face(db, home, seed) for seed in range(100, 300)]
    writer = db_workers.start(db_workers.label_faces, home.root, "bob", new, tmp_path / "said")
    db_workers.wait_for(tmp_path / "said")
    counts = []
    while writer.is_alive() and len(counts) < 20:
        target = tmp_path / f"{len(counts)}.db"
        counts.append(back_up(home, target).labels)
        with closing(sqlite3.connect(target)) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert copy.execute(
                "SELECT count(*) FROM annotation_events e JOIN face_states s ON s.event_id = e.id"
            ).fetchone() == (counts[-1],)
    db_workers.finish([writer])
    assert counts == sorted(counts) and counts[0] > 60
    assert len(labels(home)) == 260


def test_an_old_backup_is_upgraded(tmp_path: Path) -> None:
    old = old_home(tmp_path / "old")
    restore(tmp_path / "new", old.database_path)
    assert labels(Home.at(tmp_path / "new")) == [(2, "masked", 1)]


def bytes_below(folder: Path) -> dict[str, bytes]:
    """All files but the index of a log, which whoever reads it makes anew."""
    names = [name for name in files_below(folder) if not name.endswith("-shm")]
    return {name: (folder / name).read_bytes() for name in names}


def test_the_database_of_a_killed_program_is_restored_with_its_log(
    home: Home, tmp_path: Path
) -> None:
    """Hours of labels were left out: they lay in the log beside the file."""
    program = db_workers.start(db_workers.label_and_die, home.root, 1)
    program.join()
    before = bytes_below(home.root)
    assert program.exitcode == -signal.SIGKILL and before["maskpose.db-wal"]
    assert restore(tmp_path / "new", home.database_path).labels == 61
    assert labels(Home.at(tmp_path / "new"))[0] == (1, "unmasked", 2)
    assert bytes_below(home.root) == before


def test_the_database_of_a_running_program_is_restored_with_its_log(
    home: Home, tmp_path: Path
) -> None:
    with connect(home) as db:
        label(db, 1, MaskLabel.UNMASKED, base_version=1)
        assert restore(tmp_path / "new", home.database_path).labels == 61
        label(db, 2, MaskLabel.UNMASKED, base_version=1)  # and goes on
    assert labels(Home.at(tmp_path / "new"))[0] == (1, "unmasked", 2)


def test_a_log_that_cannot_be_read_is_not_left_out(home: Home, tmp_path: Path) -> None:
    program = db_workers.start(db_workers.label_and_die, home.root, 1)
    program.join()
    index = home.root / "maskpose.db-shm"
    index.unlink()
    index.symlink_to("/nowhere/x")  # no folder is closed to root, but here nobody can make a file
    with pytest.raises(BackupRefused, match=r"together with maskpose\.db-wal: copy both"):
        restore(tmp_path / "new", home.database_path)


def test_what_is_no_backup_is_refused_and_changes_nothing(home: Home, tmp_path: Path) -> None:
    before = labels(home)
    good = tmp_path / "good.db"
    back_up(home, good)
    half = tmp_path / "half.db"
    half.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE x (y)")
    text = tmp_path / "text.tar"
    text.write_text("no archive")
    for source, reason in (
        (half, "damaged|no sound database"),
        (foreign, "no database of MaskPose Studio"),
        (text, "no backup of MaskPose Studio"),
        (tmp_path / "nothing.db", "does not exist"),
    ):
        with pytest.raises(BackupRefused, match=reason):
            restore(home.root, source)
    assert labels(home) == before


def test_a_backup_never_overwrites(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "a.db"
    back_up(home, target)
    with pytest.raises(BackupRefused, match="is there already"):
        back_up(home, target)
    with pytest.raises(BackupRefused, match=r"ends in \.db"):
        back_up(home, tmp_path / "a.zip")
    assert files_below(tmp_path)[0] == "a.db"


@pytest.mark.parametrize(
    "name", ["images/../../escaped", "/absolute", "evil.py", "images/../maskpose.db"]
)
def test_an_archive_cannot_write_anywhere_else(home: Home, tmp_path: Path, name: str) -> None:
    back_up(home, tmp_path / "good.tar")
    with tarfile.open(tmp_path / "good.tar", "a") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, BytesIO(b"evil"))
    before = files_below(home.root)
    with pytest.raises(BackupRefused, match="which no backup does: not restored"):
        restore(home.root, tmp_path / "good.tar")
    assert files_below(home.root) == before


def test_labels_given_while_an_archive_is_unpacked_are_set_aside(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(home, tmp_path / "all.tar")

    def extract_while_somebody_labels(source: Path, into: Home) -> int:
        with connect(into) as db:
            label(db, 1, MaskLabel.UNMASKED, base_version=1)
        return extract_files(source, into)

    monkeypatch.setattr("db.backup.extract_files", extract_while_somebody_labels)
    report = restore(home.root, tmp_path / "all.tar")
    assert labels(home)[0] == (1, "masked", 1)
    assert report.before is not None
    with closing(sqlite3.connect(report.before)) as before:
        said = "SELECT mask_label FROM annotations WHERE face_id = 1"
        assert before.execute(said).fetchone() == ("unmasked",)


def faces_labelled_in(database: Path) -> set[int]:
    with closing(sqlite3.connect(database)) as db:
        return {row[0] for row in db.execute("SELECT face_id FROM annotation_events")}


def test_a_label_given_during_a_restore_is_in_one_of_the_two_databases(
    home: Home, tmp_path: Path
) -> None:
    """One that came between the backup of the old state and the new one was in neither."""
    back_up(home, tmp_path / "monday.db")
    notes = {seed: tmp_path / f"said-{seed}" for seed in (1_000, 100_000)}
    enough = tmp_path / "enough"
    writers = [
        db_workers.start(db_workers.add_and_label, home.root, seed, said, enough)
        for seed, said in notes.items()
    ]
    for said in notes.values():
        db_workers.wait_for(said)
    kept = [restore(home.root, tmp_path / "monday.db").before for _ in range(8)]
    enough.touch()
    db_workers.finish(writers)
    confirmed = [int(face) for said in notes.values() for face in said.read_text().split()]
    assert len(confirmed) == len(set(confirmed)) > 20  # no number was given twice, either
    databases = [path for path in (*kept, home.database_path) if path]
    assert set(confirmed) <= set().union(*map(faces_labelled_in, databases))


def test_a_restore_that_gets_no_lock_changes_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(home, tmp_path / "monday.db")
    monkeypatch.setattr("db.database.BUSY_TIMEOUT_S", 0.2)
    before = files_below(home.backups_dir)
    other = db_workers.start(db_workers.hold_lock, home.database_path, 60.0, tmp_path / "held")
    db_workers.wait_for(tmp_path / "held")
    with pytest.raises(DatabaseBusy, match="locked"):
        restore(home.root, tmp_path / "monday.db")
    other.kill()
    other.join()
    assert files_below(home.backups_dir) == before and len(labels(home)) == 60
