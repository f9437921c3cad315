"""Backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from db.home import Home


def copy_database(home: Home, target: Path) -> Path:
    """A consistent copy of the database at ``target`` while others go on writing."""
    part = target.with_name(target.name + ".part")
    uri = f"{home.database_path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    part.replace(target)
    return target
