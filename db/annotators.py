"""Who labels: people, and data sets whose labels were imported."""

from __future__ import annotations

from typing import Literal

from sqlite_utils import Database

from db.database import now, select_one

AnnotatorKind = Literal["person", "dataset"]


def annotator_id(db: Database, name: str, kind: AnnotatorKind = "person") -> int:
    """The number of an annotator, who is added when new (call within a transaction)."""
    row = select_one(db, "SELECT id FROM annotators WHERE name = ?", [name])
    if row:
        return int(row["id"])
    cursor = db.execute(
        "INSERT INTO annotators (name, kind, added_at) VALUES (?, ?, ?)", [name, kind, now()]
    )
    return int(cursor.lastrowid or 0)
