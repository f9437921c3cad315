"""What can go wrong in the database, each with one line that a person understands."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class StudioError(ValueError):
    "Something about the stored data that the person can act on"


class NotFound(StudioError):
    "The row that was asked for does not exist"


class DatabaseMissing(StudioError):
    "There is no database in the home folder yet"


class DatabaseTooNew(StudioError):
    "A newer program wrote the file"


class DatabaseTooOld(StudioError):
    "The file waits to be upgraded"


class NotOurDatabase(StudioError):
    "Another program's SQLite file"


class DatabaseBusy(StudioError):
    "Another program held the database for too long"


class DatabaseReadOnly(StudioError):
    "The file or its folder cannot be written"


class DiskFull(StudioError):
    "No room for the write, which did not happen"


class DatabaseCorrupt(StudioError):
    "The file is damaged"


class BackupRefused(StudioError):
    "The backup cannot be written there, or cannot be restored from it"


class ImageFileMissing(StudioError):
    "The database knows the image, but its file is gone"


class OperationIdReused(StudioError):
    "One client operation id stands for two different operations"


class NothingToUndo(StudioError):
    "No action of this annotator is left to undo or redo"


class NotTheLast(StudioError):
    "The gesture to take back is not the annotator's last one"


def explain(error: sqlite3.Error, database: Path, last_backup: Path | None) -> Exception:
    """The clear error for one of SQLite's, or the same error where it is a fault of the program."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL") or name == "SQLITE_IOERR_WRITE":
        return DiskFull(f"no room to write {database}: free some disk space; nothing was changed")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseBusy(
            f"another program has kept {database} locked: close it, then try again; "
            "nothing was changed"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return DatabaseReadOnly(
            f"{database} cannot be written: check the permissions of the file and its folder"
        )
    if name == "SQLITE_CANTOPEN":
        return DatabaseMissing(f"{database} cannot be opened: is the folder there and readable?")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        advice = (
            f"the last backup is {last_backup}: `python launch.py restore {last_backup}`"
            if last_backup
            else "there is no backup in the home folder"
        )
        return DatabaseCorrupt(f"{database} is damaged ({error}); {advice}")
    return error
