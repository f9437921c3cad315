"""Backup and restore: the database alone, or with pictures and checkpoints in one archive.

The database is copied by SQLite's own backup, so others may write meanwhile and the copy is of one
moment. Restoring goes through a SQLite transaction too, so programs that have the database open
see the old state or the new one. No number of a face, picture or run is given a second time.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlite_utils import Database

from db.backup_archive import DATABASE_IN_ARCHIVE, extract_database, extract_files, write_archive
from db.database import connect, explained, open_connection
from db.errors import BackupRefused, DatabaseBusy
from db.file_time import file_time
from db.fresh_ids import TABLES, highest_ids, keep_highest_ids
from db.home import Home
from db.restores import mark_restore
from db.schema import APPLICATION_ID, SCHEMA_VERSION
from db.work_folders import WorkFolder

#: Numbers left out for each damaged database: how many faces it had, it no longer tells.
_UNTOLD_IDS = 1_000_000
#: What SQLite says where it may not write beside a database that has a log.
_CANNOT_LIE_THERE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What was written or restored; ``before`` is what a restore found there, if anything."""

    path: Path
    files: int
    labels: int
    done: Literal["written to", "restored from"]
    before: Path | None = None

    def text(self) -> str:
        text = f"{self.labels:,} label events and {self.files:,} files {self.done} {self.path}"
        return f"{text}\n  what was there before: {self.before}" if self.before else text


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
        return BackupReport(path=target, files=0, labels=_check(target), done="written to")
    part = target.with_name(f"{target.name}.part")
    with WorkFolder(home, "backup") as scratch:
        database = copy_database(home, scratch / DATABASE_IN_ARCHIVE)
        labels = _check(database)
        try:
            files = write_archive(home, database, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return BackupReport(path=target, files=files, labels=labels, done="written to")


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
    is_archive = source.suffix == ".tar"
    with explained(home), WorkFolder(home, "restore") as scratch:
        database = extract_database(source, scratch) if is_archive else source
        labels = _check(database)
        staged = Home(scratch)
        if not is_archive:
            with (
                closing(_opened(source)) as old,
                closing(sqlite3.connect(staged.database_path)) as new,
            ):
                old.backup(new)
        open_home(staged.root)  # an older backup is upgraded
        files = extract_files(source, home) if is_archive else 0
        damaged = _move_away(home) if _is_damaged(home) else None
        aside = _replace(home, staged)
    before = damaged or aside
    return BackupReport(
        path=source, files=files, labels=labels, done="restored from", before=before
    )


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
    try:
        with closing(_opened(database)) as db:
            return _labels_in_sound(db, database.name)
    except sqlite3.DatabaseError as error:
        log, code = _log_of(database), getattr(error, "sqlite_errorcode", 0) & 0xFF
        if log.exists() and code in _CANNOT_LIE_THERE:
            raise BackupRefused(
                f"{database.name} cannot be read where it is, together with {log.name}: copy both "
                "into a folder of yours and restore from there"
            ) from error
        raise BackupRefused(f"{database.name} is no sound database ({error})") from error


def _labels_in_sound(db: sqlite3.Connection, name: str) -> int:
    """As ``_check``, of an open database; the errors of SQLite come out as they are."""
    ours = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    faults = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if ours != APPLICATION_ID:
        raise BackupRefused(f"{name} is no database of MaskPose Studio")
    if version > SCHEMA_VERSION:
        raise BackupRefused(
            f"{name} is of a newer program (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): update this program"
        )
    if faults != "ok":
        raise BackupRefused(f"{name} is damaged: {faults}")
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    if "annotation_events" not in tables:
        return 0
    return int(db.execute("SELECT count(*) FROM annotation_events").fetchone()[0])


def _opened(database: Path) -> sqlite3.Connection:
    """A database from anywhere, with what its log holds; nothing in it is changed.

    A program may still write one that has a log, and SQLite needs to write beside it. One without
    may lie where nobody can.
    """
    how = "" if _log_of(database).exists() else "&immutable=1"  # which would leave out the log
    return sqlite3.connect(f"{database.as_uri()}?mode=ro{how}", uri=True)


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _is_damaged(home: Home) -> bool:
    """Whether there is a database that is not sound, or none of ours that this program knows.

    It is looked at where it lies, together with its log, in one read transaction: others may write
    meanwhile. What is no damage, such as a lock, is raised, and the database stays in use.
    """
    if not home.database_path.is_file():
        return False
    try:
        with closing(open_connection(home, read_only=True, check_version=False)) as db:
            _labels_in_sound(db.conn, home.database_path.name)
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, BackupRefused):
        return True
    return False


def _move_away(home: Home) -> Path:
    target = home.backups_dir / f"damaged-{file_time()}.sqlite"
    for ending in ("-wal", "-shm", ""):
        beside = home.database_path.with_name(home.database_path.name + ending)
        if beside.is_file():
            beside.rename(target.with_name(target.name + ending))
    return target


def _replace(home: Home, staged: Home) -> Path | None:
    """Put the staged database in the place of the present one, in one transaction; its backup.

    The first page takes the write lock, and others still read the old state. Only now that is
    backed up, so no label comes in afterwards that the new state would overwrite.
    """
    from db.migrations import open_home  # migrations make backups

    is_new = not home.database_path.is_file()
    aside = None if is_new else home.backups_dir / f"before-restore-{file_time()}.db"
    open_home(home.root)  # an older one is upgraded; where there is none, it is made
    with connect(staged) as new, connect(home) as present:

        def after_a_page(status: int, remaining: int, pages: int) -> None:
            if status == sqlite3.SQLITE_BUSY:  # of which sqlite3 would never tire
                raise DatabaseBusy(
                    f"another program has kept {home.database_path} locked: close it, then restore "
                    "again; nothing was changed"
                )
            if remaining == pages - 1:
                if aside:
                    copy_database(home, aside)
                _give_no_number_twice(home, new, is_new)
                mark_restore(new)

        new.conn.backup(present.conn, pages=1, progress=after_a_page)
    return aside


def _give_no_number_twice(home: Home, new: Database, is_new: bool) -> None:
    """What comes in afterwards gets numbers that neither database has given: labels that wait in a
    browser, links and the files of runs still name what was there."""
    damaged = home.backups_dir.glob("damaged-*.sqlite") if is_new else ()
    untold = _UNTOLD_IDS * len([*damaged])  # all of them: the same backup may come back twice
    with connect(home, read_only=True) as present:
        ours, theirs = highest_ids(present), highest_ids(new)
    keep_highest_ids(new, {name: max(ours[name], theirs[name] + untold) for name in TABLES})
