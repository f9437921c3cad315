"""Who has which face on the screen, until when; and what an annotator skipped or flagged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlite_utils import Database

from db.annotators import annotator_id
from db.database import now, placeholders, write_transaction
from db.faces import get_face

_OF = "annotator_id = (SELECT id FROM annotators WHERE name = ?)"


def extend(db: Database, annotator: str, face_ids: Sequence[int], lease_s: float = 300.0) -> None:
    """Hold on to faces for longer; those that somebody else has got meanwhile stay theirs."""
    with write_transaction(db, durable=False):
        db.execute(
            f"UPDATE leases SET expires_at = ? WHERE {_OF}"
            f" AND face_id IN ({placeholders(len(face_ids))})",
            [_in(lease_s), annotator, *face_ids],
        )


def release(db: Database, annotator: str, face_ids: Sequence[int] | None = None) -> None:
    """Give faces back (all of the annotator's, if none are named); labelling does so by itself."""
    which = "" if face_ids is None else f" AND face_id IN ({placeholders(len(face_ids))})"
    with write_transaction(db, durable=False):
        db.execute(f"DELETE FROM leases WHERE {_OF}{which}", [annotator, *(face_ids or ())])


def skip(db: Database, annotator: str, face_id: int) -> None:
    """Leave a face to others: it does not come back to this annotator's queues. Raises NotFound."""
    with write_transaction(db):
        get_face(db, face_id)
        who = annotator_id(db, annotator)
        db.execute("INSERT OR IGNORE INTO skips VALUES (?, ?, ?)", [who, face_id, now()])
        db.execute("DELETE FROM leases WHERE face_id = ? AND annotator_id = ?", [face_id, who])


def unskip(db: Database, annotator: str, face_id: int) -> None:
    with write_transaction(db):
        db.execute(f"DELETE FROM skips WHERE {_OF} AND face_id = ?", [annotator, face_id])


def flag(db: Database, annotator: str, face_id: int, note: str | None = None) -> None:
    """Mark a face for a talk about it. Raises NotFound."""
    with write_transaction(db):
        get_face(db, face_id)
        db.execute(
            "INSERT INTO flags VALUES (?, ?, ?, ?)"
            " ON CONFLICT (face_id, annotator_id) DO UPDATE SET note = excluded.note",
            [face_id, annotator_id(db, annotator), note, now()],
        )


def unflag(db: Database, face_id: int) -> None:
    """Take all flags off a face. Raises NotFound."""
    with write_transaction(db):
        get_face(db, face_id)
        db.execute("DELETE FROM flags WHERE face_id = ?", [face_id])


def drop_expired(db: Database) -> None:
    """Free the faces whose time is over."""
    db.execute("DELETE FROM leases WHERE expires_at <= ?", [now()])


def lease(db: Database, who: int, face_ids: Sequence[int], lease_s: float) -> None:
    """Hold faces for an annotator, within a transaction that found them free or theirs."""
    until = _in(lease_s)
    db.conn.executemany(
        "INSERT INTO leases VALUES (?, ?, ?)"
        " ON CONFLICT (face_id) DO UPDATE SET expires_at = excluded.expires_at",
        [(face_id, who, until) for face_id in face_ids],
    )


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
