"""Suspected label errors from elsewhere, such as cleanlab on out-of-sample probabilities.

Without them the review queue ranks by how much the serving student doubts a label; a suspicion
with a reason takes its place until the face is labelled anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from db.database import write_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """``score`` 0 … 1; ``event_id`` is the label that is suspected, ``reason`` one line."""

    face_id: int
    event_id: int
    score: float
    reason: str


def store_suspicions(db: Database, suspicions: Iterable[Suspicion]) -> int:
    """Keep suspicions about labels that still count; returns how many."""
    rows = [(s.score, s.reason, s.face_id, s.event_id) for s in suspicions]
    with write_transaction(db, durable=False):
        cursor = db.conn.executemany(
            "UPDATE face_states SET label_error = ?, label_error_reason = ?"
            " WHERE face_id = ? AND event_id = ?",
            rows,
        )
        return cursor.rowcount


def forget_suspicions(db: Database) -> None:
    """Rank by the student's doubt again, from the next prediction or label of a face on."""
    with write_transaction(db, durable=False):
        db.execute(
            "UPDATE face_states SET label_error_reason = NULL WHERE label_error_reason IS NOT NULL"
        )
