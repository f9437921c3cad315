"""Suspected label errors, found by ``trainer.label_check``, and the labels that it looks at.

Without them the review queue ranks by how much the serving student doubts a label; a suspicion
with a reason takes its place until the face is labelled anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlite_utils import Database

from core.faces import MaskLabel
from db.database import write_transaction
from db.settings import get_setting, set_setting

#: Labels with a score from here on are candidates: more likely wrong than right.
CANDIDATE = 0.5
#: Key of the last check in ``db.settings``.
_LAST_CHECK = "label_check"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFace:
    """A mask label that counts now. Faces of one person, video or picture share ``group``."""

    face_id: int
    event_id: int
    label: MaskLabel
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """``score`` 0 … 1; ``event_id`` is the label that is suspected, ``reason`` one line."""

    face_id: int
    event_id: int
    score: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class LabelCheck:
    """What a check found. ``left_out``: labels of classes too rare, or of unreadable pictures.

    ``accuracy``: how often the regression gives an unseen face its label, 0 … 1.
    """

    model: str
    faces: int
    candidates: int
    left_out: int
    accuracy: float
    checked_at: str

    def text(self) -> str:
        left_out = f"; {self.left_out:,} labels could not be checked" if self.left_out else ""
        return (
            f"{self.candidates:,} of {self.faces:,} labels look wrong{left_out} "
            f"(features of {self.model}, accuracy on unseen faces {self.accuracy:.1%})"
        )


def store_check(db: Database, check: LabelCheck, suspicions: Iterable[Suspicion]) -> None:
    """Keep what a check found in place of what the last one did."""
    with write_transaction(db, durable=False):
        forget_suspicions(db)
        store_suspicions(db, suspicions)
        set_setting(db, _LAST_CHECK, asdict(check))


def last_check(db: Database) -> LabelCheck | None:
    """What the last check found; None where there was none."""
    found = get_setting(db, _LAST_CHECK)
    return LabelCheck(**found) if found else None


def labelled_faces(db: Database) -> list[LabelledFace]:
    """Every face with a mask label, by its number."""
    sql = (
        "SELECT s.face_id, s.event_id, s.mask_label, coalesce(i.origin, 'image ' || i.id) AS grp"
        " FROM face_states s JOIN faces f ON f.id = s.face_id JOIN images i ON i.id = f.image_id"
        " WHERE s.is_labelled = 1 AND s.mask_label IS NOT NULL ORDER BY s.face_id"
    )
    return [
        LabelledFace(face_id=face_id, event_id=event_id, label=MaskLabel(label), group=group)
        for face_id, event_id, label, group in db.execute(sql)
    ]


def store_suspicions(db: Database, suspicions: Iterable[Suspicion]) -> int:
    """Keep suspicions about labels that still count; returns how many."""
    rows = [(s.score, s.reason, s.face_id, s.event_id) for s in suspicions]
    with write_transaction(db, durable=False):
        cursor = db.conn.executemany(
            "UPDATE face_states SET label_error = ?, label_error_reason = ?"
            " WHERE face_id = ? AND event_id = ?",
            rows,
        )
        kept = cursor.rowcount
        db.execute(
            "INSERT OR REPLACE INTO label_suspicions"
            " SELECT face_id, event_id, label_error, label_error_reason FROM face_states"
            " WHERE label_error_reason IS NOT NULL"
        )
        return kept


def forget_suspicions(db: Database) -> None:
    """Rank by the student's doubt again, from the next prediction or label of a face on."""
    with write_transaction(db, durable=False):
        db.execute("DELETE FROM label_suspicions")
        db.execute(
            "UPDATE face_states SET label_error_reason = NULL WHERE label_error_reason IS NOT NULL"
        )
