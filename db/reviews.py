"""Opinions of further people on a label: kept beside it, never in its place.

Of several opinions of one person on a face the last counts; all are kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from db.annotators import annotator_id
from db.database import now, placeholders, select, select_one, write_transaction
from db.errors import NotFound, OperationIdReused, StudioError
from db.events import Annotation, last_events, refuse_stale
from db.labels import Label, label_of_row
from db.scores import pose_distance_deg

Verdict = Literal["agree", "disagree", "unsure"]
#: Poses of two people farther apart than this (degrees, geodesic) are a disagreement.
POSES_DIFFER_DEG = 15.0

_REVIEWS = (
    "SELECT r.*, e.face_id, annotators.name AS reviewer FROM reviews r"
    " JOIN annotation_events e ON e.id = r.event_id"
    " JOIN annotators ON annotators.id = r.reviewer_id"
)


class OwnLabel(StudioError):
    "A second opinion by the person who gave the first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A verdict on one event. ``opinion`` is what the reviewer says of the face."""

    id: int
    face_id: int
    event_id: int
    reviewer: str
    verdict: Verdict
    blind: bool
    opinion: Label
    created_at: str


def give_opinion(
    db: Database,
    face_id: int,
    opinion: Label,
    *,
    base_version: int,
    reviewer: str,
    client_op_id: str,
    blind: bool,
) -> Review:
    """Keep what another person says of a labelled face; the label stays. Empty: unsure.

    ``base_version`` is the version of the face that was asked about. Raises StaleVersion where
    its label has changed since, OwnLabel where it is the reviewer's own; a retry returns the first.
    """
    with write_transaction(db):
        known = _find(db, client_op_id)
        if known:
            return _same(known, face_id, reviewer, opinion)
        current = last_events(db, [face_id])
        refuse_stale({face_id: base_version}, current)
        if face_id not in current:
            raise NotFound(f"face {face_id} has no label to give a second opinion on")
        event = current[face_id]
        if event.annotator == reviewer:
            raise OwnLabel(f"the label of face {face_id} is {reviewer}'s own: ask somebody else")
        _insert(db, event, opinion, reviewer, client_op_id, blind)
        kept = _find(db, client_op_id)
        assert kept is not None
        return kept


def verdict_on(label: Label, opinion: Label) -> Verdict:
    """Whether an opinion contradicts a label, in what both of them speak about."""
    if opinion.rejected or label.rejected:
        same = opinion.rejected == label.rejected
        speaks = opinion.rejected or opinion.mask or opinion.pose
        return ("agree" if same else "disagree") if speaks else "unsure"
    verdicts: list[bool] = []
    if opinion.mask and label.mask:
        verdicts.append(opinion.mask == label.mask)
    if opinion.pose and label.pose:
        verdicts.append(pose_distance_deg(opinion.pose, label.pose) <= POSES_DIFFER_DEG)
    if not verdicts:
        return "unsure"
    return "agree" if all(verdicts) else "disagree"


def reviews_of_face(db: Database, face_id: int) -> list[Review]:
    """All verdicts on all labels of a face, oldest first."""
    sql = f"{_REVIEWS} WHERE e.face_id = ? ORDER BY r.id"
    return [_review(row) for row in select(db, sql, [face_id])]


def present_reviews(db: Database, face_ids: Sequence[int]) -> list[Review]:
    """What others say of the labels that count now: the last word of each, oldest first."""
    sql = (
        f"{_REVIEWS} JOIN present_reviews now ON now.id = r.id"
        f" WHERE e.face_id IN ({placeholders(len(face_ids))}) ORDER BY r.id"
    )
    return [_review(row) for row in select(db, sql, list(face_ids))]


def _insert(
    db: Database, event: Annotation, opinion: Label, reviewer: str, client_op_id: str, blind: bool
) -> None:
    pose = opinion.pose
    db.execute(
        "INSERT INTO reviews (client_op_id, event_id, reviewer_id, verdict, blind, mask_label,"
        " rejected, yaw_deg, pitch_deg, roll_deg, note, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            client_op_id,
            event.event_id,
            annotator_id(db, reviewer),
            verdict_on(event.label, opinion),
            int(blind),
            str(opinion.mask) if opinion.mask else None,
            int(opinion.rejected),
            pose.yaw_deg if pose else None,
            pose.pitch_deg if pose else None,
            pose.roll_deg if pose else None,
            opinion.note,
            now(),
        ],
    )


def _find(db: Database, client_op_id: str) -> Review | None:
    row = select_one(db, f"{_REVIEWS} WHERE client_op_id = ?", [client_op_id])
    return _review(row) if row else None


def _same(known: Review, face_id: int, reviewer: str, opinion: Label) -> Review:
    """The review of a retried gesture; refuses another one under its id."""
    if (known.face_id, known.reviewer, known.opinion) != (face_id, reviewer, opinion):
        raise OperationIdReused(
            "this operation id already stands for another opinion: choose a new one for each"
        )
    return known


def _review(row: sqlite3.Row) -> Review:
    return Review(
        id=row["id"],
        face_id=row["face_id"],
        event_id=row["event_id"],
        reviewer=row["reviewer"],
        verdict=row["verdict"],
        blind=bool(row["blind"]),
        opinion=label_of_row(row),
        created_at=row["created_at"],
    )
