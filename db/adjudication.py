"""Disagreements and how they end: somebody who saw both opinions decides, as a new event.

Nothing is deleted: label, opinions and decision all stay in the history. A new label by anybody
settles a disagreement too; undoing either opens it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from db.annotations import annotate
from db.database import select, select_one, write_transaction
from db.errors import NotFound
from db.events import Annotation, event_of_version, find_action, last_events
from db.filters import FaceFilter, where
from db.labels import Change
from db.reviews import Review, present_reviews


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A face about which people disagree: the label that counts, and what others say of it."""

    face_id: int
    label: Annotation
    opinions: tuple[Review, ...]


def open_cases(db: Database, filter: FaceFilter | None = None, *, limit: int = 100) -> list[Case]:
    """What is to be settled, the newest contradiction first."""
    condition = where(filter or FaceFilter())
    sql = (
        "SELECT d.face_id FROM disputes d JOIN face_states s ON s.face_id = d.face_id"
        f" WHERE {condition.sql} GROUP BY d.face_id ORDER BY max(d.review_id) DESC LIMIT {limit:d}"
    )
    face_ids = [row["face_id"] for row in select(db, sql, condition.values)]
    return cases_of(db, face_ids)


def count_open(db: Database) -> int:
    return int(db.execute("SELECT count(DISTINCT face_id) FROM disputes").fetchone()[0])


def cases_of(db: Database, face_ids: Sequence[int]) -> list[Case]:
    """The label and the present opinions of these faces, disputed or settled; in this order."""
    labels = last_events(db, face_ids)
    opinions: dict[int, list[Review]] = defaultdict(list)
    for review in present_reviews(db, face_ids):
        opinions[review.face_id].append(review)
    return [
        Case(face_id=face_id, label=labels[face_id], opinions=tuple(opinions[face_id]))
        for face_id in face_ids
        if face_id in labels
    ]


def decide(db: Database, change: Change, *, annotator: str, client_op_id: str) -> Annotation:
    """Settle a disagreement: the label after ``change`` counts, even if it is the one before.

    Raises StaleVersion where somebody else was faster, NotFound where nothing is in dispute; a
    retry returns what the first call did.
    """
    with write_transaction(db):
        is_retry = find_action(db, client_op_id, annotator, "label") is not None
        disputed = select_one(
            db, "SELECT present_event_id FROM disputes WHERE face_id = ?", [change.face_id]
        )
        (event,) = annotate(db, [change], annotator=annotator, client_op_id=client_op_id)
        if not is_retry:
            if disputed is None:
                raise NotFound(f"nobody disagrees about face {change.face_id}")
            db.execute("INSERT INTO adjudications VALUES (?, ?)", [event.event_id, *disputed])
        return event_of_version(db, change.face_id, event.version)
