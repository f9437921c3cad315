"""The schema, in steps that are never edited once published: an older file is upgraded in place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Protocol

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from db.backup import copy_database
from db.database import explained, open_connection, write_transaction
from db.errors import DatabaseTooNew, NotOurDatabase
from db.file_time import file_time
from db.home import Home
from db.schema import APPLICATION_ID, SCHEMA_FILES


class _Step(Protocol):
    __name__: str

    def __call__(self, db: Database, /) -> None: ...


def _step(path: Path) -> _Step:
    def apply(db: Database, /) -> None:
        db.executescript(path.read_text(encoding="utf-8"))

    return apply


def schema_migrations() -> Migrations:
    """One migration for each file of ``db/schema``, in order."""
    migrations = Migrations("maskpose_studio")
    for path in SCHEMA_FILES:
        migrations(name=path.stem)(_step(path))
    return migrations


def open_home(root: Path | None = None) -> Home:
    """The home folder, with a database of today's schema in it. Call once when a program starts.

    Several programs may do so at once. An older database is backed up, then upgraded; a newer
    one is refused with DatabaseTooNew and left as it is.
    """
    home = Home.at(root)
    home.make_folders()
    home.database_path.touch(mode=0o600)
    with explained(home), closing(open_connection(home, check_version=False)) as db:
        migrate(db, home)
    return home


def migrate(db: Database, home: Home, stop_before: str | None = None) -> None:
    """Apply the pending steps, all or none, under the write lock: of two programs one waits."""
    migrations = schema_migrations()
    _refuse_foreign(db, home, migrations)
    if db.journal_mode != "wal":  # a new file, or one that was restored
        db.enable_wal()
    if not migrations.pending(db):
        return
    with write_transaction(db):
        _refuse_foreign(db, home, migrations)
        if migrations.applied(db) and migrations.pending(db):
            copy_database(home, home.backups_dir / f"before-upgrade-{file_time()}.db")
        migrations.apply(db, stop_before=stop_before)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(migrations.applied(db))}")


def _refuse_foreign(db: Database, home: Home, migrations: Migrations) -> None:
    application_id = db.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID and db.table_names():
        raise NotOurDatabase(
            f"{home.database_path} belongs to another program; choose another home"
        )
    known = {path.stem for path in SCHEMA_FILES}
    unknown = [step.name for step in migrations.applied(db) if step.name not in known]
    if unknown:
        raise DatabaseTooNew(
            f"{home.database_path} was written by a newer program (step {unknown[0]}): "
            "update this one, or restore an older backup"
        )
