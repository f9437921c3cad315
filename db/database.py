"""Connections and transactions: open for one call or one thread, write under ``BEGIN IMMEDIATE``.

Durability. A write that returned survives the end of the process, SIGKILL included, always.
Human input (``durable=True``, the default) is also on the disk before the call returns, so it
survives power loss as far as the disk keeps what it confirmed. Bulk writes that can be repeated
(predictions, imports) do without: after power loss the last of them may be missing, never half
there.

``synchronous=FULL`` would do the same for human input, but flush the log while holding the write
lock: eight people would wait for eight flushes one after the other. Here the transaction is
committed under ``NORMAL`` and the log flushed after the lock is given back, so that flushes of
several writers happen at once. A log that a checkpoint has emptied meanwhile was flushed before.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from db.errors import DatabaseMissing, DatabaseTooNew, DatabaseTooOld, explain
from db.home import Home
from db.schema import SCHEMA_VERSION

#: How long a write waits for the others before it gives up.
BUSY_TIMEOUT_S = 30.0
#: Pages in the log before SQLite moves them into the file (16 MiB): rarer, so fewer slow writes.
_CHECKPOINT_PAGES = 4096


@contextmanager
def connect(home: Home, *, read_only: bool = False) -> Iterator[Database]:
    """An open database for this call and this thread; errors of SQLite come out explained."""
    with explained(home), closing(open_connection(home, read_only=read_only)) as db:
        yield db


@contextmanager
def explained(home: Home) -> Iterator[None]:
    """Errors of SQLite come out as one line for a person; faults of the program as they are."""
    try:
        yield
    except sqlite3.Error as error:
        clear = explain(error, home.database_path, home.last_backup())
        if clear is error:
            raise
        raise clear from error


def open_connection(home: Home, *, read_only: bool = False, check_version: bool = True) -> Database:
    """A connection with this project's settings, to be closed by the caller."""
    if not home.database_path.is_file():
        raise DatabaseMissing(f"there is no database at {home.database_path} yet: call open_home")
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{home.database_path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,  # no transaction but those we begin
    )
    try:
        db = Database(connection)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if check_version:
            _check_version(db, home)
    except BaseException:
        connection.close()
        raise
    return db


def _check_version(db: Database, home: Home) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise DatabaseTooNew(
            f"{home.database_path} has schema {version}, this program knows {SCHEMA_VERSION}: "
            "update the program, or restore an older backup"
        )
    if version < SCHEMA_VERSION:
        raise DatabaseTooOld(
            f"{home.database_path} has schema {version}, this program needs {SCHEMA_VERSION}: "
            "call open_home, which upgrades it"
        )


@contextmanager
def write_transaction(db: Database, *, durable: bool = True) -> Iterator[Database]:
    """All writes of the block or none; inside another one, a part that can fail by itself.

    Takes the write lock at once: a transaction that first reads and then writes would be refused
    under load. ``durable=False`` spares the flush where the work can be repeated.
    """
    if db.conn.in_transaction:
        with db.atomic():
            yield db
        return
    db.conn.execute("PRAGMA busy_timeout = 0")  # while we do the waiting, or hold the lock
    try:
        _begin_immediate(db)
        yield db
        db.conn.execute("COMMIT")
    except BaseException:
        db.rollback()  # does nothing where the error has ended the transaction already
        raise
    finally:
        db.conn.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    if durable:
        _flush_log(db)


def _flush_log(db: Database) -> None:
    """Wait until everything committed so far is on the disk."""
    path = db.conn.execute("PRAGMA database_list").fetchone()[2]
    log = os.open(f"{path}-wal", os.O_RDWR)
    try:
        os.fsync(log)
    finally:
        os.close(log)


@contextmanager
def snapshot(db: Database) -> Iterator[Database]:
    """Reads of the block see one state, whatever others write meanwhile."""
    if db.conn.in_transaction:
        yield db
        return
    db.conn.execute("BEGIN")
    try:
        yield db
    finally:
        db.rollback()


def _begin_immediate(db: Database) -> None:
    """Take the write lock, asking often at first and ever more rarely.

    SQLite's own waiting sleeps up to 100 ms at a time: with eight writers the unlucky ones wait
    for half a second. The pauses here grow with the time waited, so that the wait is near to what
    it must be and a long lock costs no processor.
    """
    began = time.monotonic()
    while True:
        try:
            db.conn.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - began
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or waited > BUSY_TIMEOUT_S:
                raise
            time.sleep(min(0.2, 0.001 + waited / 20) * random.uniform(0.5, 1.0))


def select(
    db: Database, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
) -> sqlite3.Cursor:
    """Rows that can be read by column name, one at a time."""
    cursor = db.conn.cursor()
    cursor.row_factory = sqlite3.Row  # type: ignore[assignment]
    return cursor.execute(sql, parameters)


def select_one(
    db: Database, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
) -> sqlite3.Row | None:
    """The first row, or None."""
    row: sqlite3.Row | None = select(db, sql, parameters).fetchone()
    return row


def placeholders(count: int) -> str:
    """``?, ?, ?`` for an ``IN (…)``."""
    return ", ".join("?" * count)


def now() -> str:
    """The time in UTC, ISO 8601 with milliseconds; texts of it sort by time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
