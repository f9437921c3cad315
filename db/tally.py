"""Counting by groups without sorting: SQLite's GROUP BY would sort a million rows first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database


class _Tally:
    """An SQL aggregate that counts how often each whole number occurs."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def step(self, key: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + 1

    def finalize(self) -> str:
        return json.dumps(self.counts)


def tally(db: Database, key: str, rows: str, values: Sequence[Any] = ()) -> dict[int, int]:
    """How often each value of ``key``, a whole number in SQL, occurs in ``rows``."""
    return tallies(db, [key], rows, values)[0]


def tallies(
    db: Database, keys: Sequence[str], rows: str, values: Sequence[Any] = ()
) -> list[dict[int, int]]:
    """The tally of each key, in one pass over the rows."""
    db.conn.create_aggregate("tally", 1, _Tally)  # type: ignore[arg-type]
    columns = ", ".join(f"tally({key})" for key in keys)
    found = db.execute(f"SELECT {columns} FROM {rows}", values).fetchone()
    return [{int(key): n for key, n in json.loads(text or "{}").items()} for text in found]
