"""Backup and restore: the database alone, or with pictures and checkpoints in one archive.

The database is copied by SQLite's own backup, so others may write meanwhile and the copy is of one
moment. Restoring goes through a SQLite transaction too, so programs that have the database open
see the old state or the new one.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from db.backup_archive import DATABASE_IN_ARCHIVE, extract_database, extract_files, write_archive
from db.database import BUSY_TIMEOUT_S
from db.errors import BackupRefused
from db.file_time import file_time
from db.home import Home
from db.schema import APPLICATION_ID, SCHEMA_VERSION
from db.work_folders import WorkFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What was written or restored; ``before`` is the backup of the state before a restore."""

    path: Path
    files: int
    labels: int
    before: Path | None = None

    def text(self) -> str:
        if self.before is None:
            return f"{self.labels:,} label events and {self.files:,} files written to {self.path}"
        return (
            f"{self.labels:,} label events and {self.files:,} files restored from {self.path}\n"
            f"  what was there before: {self.before}"
        )


def back_up(home: Home, target: Path) -> BackupReport:
    """A backup at ``target``: of the database (``.db``), or with all files (``.tar``)."""
    target = target.expanduser().resolve()
    if target.suffix not in (".db", ".tar"):
        raise BackupRefused(
            f"{target.name}: a backup ends in .db (database) or .tar (with pictures)"
        )
    if target.exists():
        raise BackupRefused(f"{target} is there already: choose a new name")
    if not target.parent.is_dir():
        raise BackupRefused(f"{target.parent} is no folder: create it first")
    if target.suffix == ".db":
        copy_database(home, target)
        return BackupReport(path=target, files=0, labels=_check(target))
    part = target.with_name(f"{target.name}.part")
    with WorkFolder(home, "backup") as scratch:
        database = copy_database(home, scratch / DATABASE_IN_ARCHIVE)
        labels = _check(database)
        try:
            files = write_archive(home, database, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return BackupReport(path=target, files=files, labels=labels)


def restore(root: Path | None, source: Path) -> BackupReport:
    """Bring a backup back. What is there now is backed up, or set aside if it is damaged.

    Pictures and checkpoints are added to those that are there; none is taken away.
    """
    from db.migrations import open_home  # migrations make backups

    home = Home.at(root)
    source = source.expanduser().resolve()
    if not source.is_file():
        raise BackupRefused(f"{source} does not exist: check the path")
    home.make_folders()
    with WorkFolder(home, "restore") as scratch:
        database, files = source, 0
        if source.suffix == ".tar":
            database = extract_database(source, scratch)
        labels = _check(database)
        if source.suffix == ".tar":
            files = extract_files(source, home)
        before = _set_aside(home)
        _copy_into(database, home.database_path)
    open_home(home.root)  # an older backup is upgraded
    return BackupReport(path=source, files=files, labels=labels, before=before)


def copy_database(home: Home, target: Path) -> Path:
    """A consistent copy of the database at ``target`` while others go on writing."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        uri = f"{home.database_path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as db, closing(sqlite3.connect(part)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        os.chmod(part, 0o600)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _check(database: Path) -> int:
    """The number of label events in a sound database of ours; BackupRefused says what is wrong."""
    uri = f"{database.as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            ours = db.execute("PRAGMA application_id").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
            faults = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if ours != APPLICATION_ID:
                raise BackupRefused(f"{database.name} is no database of MaskPose Studio")
            if version > SCHEMA_VERSION:
                raise BackupRefused(
                    f"{database.name} is of a newer program (schema {version}, this one knows "
                    f"{SCHEMA_VERSION}): update this program"
                )
            if faults != "ok":
                raise BackupRefused(f"{database.name} is damaged: {faults}")
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            if "annotation_events" not in tables:
                return 0
            return int(db.execute("SELECT count(*) FROM annotation_events").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise BackupRefused(f"{database.name} is no sound database ({error})") from error


def _set_aside(home: Home) -> Path | None:
    """Back up the present database; a damaged one is moved away, with its log."""
    if not home.database_path.is_file():
        return None
    aside = home.backups_dir / f"before-restore-{file_time()}.db"
    try:
        _check(copy_database(home, aside))
        copy_database(home, aside)  # again: the check takes a while, and people label meanwhile
    except (sqlite3.Error, BackupRefused):
        aside.unlink(missing_ok=True)
        aside = home.backups_dir / f"damaged-{file_time()}.sqlite"
        for ending in ("-wal", "-shm", ""):
            beside = home.database_path.with_name(home.database_path.name + ending)
            if beside.is_file():
                beside.rename(aside.with_name(aside.name + ending))
    return aside


def _copy_into(database: Path, target: Path) -> None:
    uri = f"{database.as_uri()}?mode=ro&immutable=1"
    target.touch(mode=0o600)
    live = closing(sqlite3.connect(target, timeout=BUSY_TIMEOUT_S))
    with closing(sqlite3.connect(uri, uri=True)) as source, live as db:
        source.backup(db)
