"""Numbers that are never given twice, also after an older backup was restored.

A label that waits in a browser, a link, the files of a run: they name a face, picture or run by
its number. SQLite gives the number after the highest one in the table, and a restored table may
end lower than the one it replaced. So a restore writes down the highest numbers ever given.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlite_utils import Database

from db.settings import set_setting

TABLES = ("images", "faces", "runs")


def fresh_id(table: str) -> str:
    """SQL for the number of a new row."""
    return f"{_highest_id(table)} + 1"


def highest_ids(db: Database) -> dict[str, int]:
    """The highest number that was ever given, for each table."""
    return {table: db.execute(f"SELECT {_highest_id(table)}").fetchone()[0] for table in TABLES}


def keep_highest_ids(db: Database, ids: Mapping[str, int]) -> None:
    """New rows get higher numbers than these."""
    for table, highest in ids.items():
        set_setting(db, _setting(table), highest)


def _highest_id(table: str) -> str:
    """Two look-ups: SQLite keeps both tables in the order of what is looked for."""
    given = f"SELECT CAST(value AS INTEGER) FROM settings WHERE key = '{_setting(table)}'"
    return f"max(coalesce((SELECT max(id) FROM {table}), 0), coalesce(({given}), 0))"


def _setting(table: str) -> str:
    return f"highest_id_of_{table}"
