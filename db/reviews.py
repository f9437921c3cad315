"""Second looks: what another person thinks of a label, and how far annotators agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from core.faces import HeadPose, MaskLabel
from db.annotators import annotator_id
from db.database import now, select, select_one, write_transaction
from db.errors import NotFound, OperationIdReused
from db.labels import pose_of_row

Verdict = Literal["agree", "disagree", "unsure"]

_REVIEWS = (
    "SELECT r.*, annotators.name AS reviewer FROM reviews r"
    " JOIN annotators ON annotators.id = r.reviewer_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A verdict on one event. ``mask`` and ``pose`` are the reviewer's own opinion."""

    id: int
    event_id: int
    reviewer: str
    verdict: Verdict
    blind: bool
    mask: MaskLabel | None
    pose: HeadPose | None
    note: str | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A face on which a reviewer contradicts the label that counts now."""

    face_id: int
    mask_label: str | None
    annotator: str
    reviewer_mask_label: str | None
    reviewer: str
    note: str | None
    blind: bool
    created_at: str
    review_id: int


def review(
    db: Database,
    event_id: int,
    *,
    verdict: Verdict,
    reviewer: str,
    client_op_id: str,
    blind: bool,
    mask: MaskLabel | None = None,
    pose: HeadPose | None = None,
    note: str | None = None,
) -> Review:
    """Keep a verdict; the label itself stays as it is. A retry returns the first."""
    with write_transaction(db):
        row = select_one(db, f"{_REVIEWS} WHERE client_op_id = ?", [client_op_id])
        if row:
            known = _review(row)
            if (known.event_id, known.reviewer, known.verdict) != (event_id, reviewer, verdict):
                raise OperationIdReused(
                    f"operation id {client_op_id!r} already stands for another review: "
                    "choose a new id for each gesture"
                )
            return known
        if select_one(db, "SELECT 1 FROM annotation_events WHERE id = ?", [event_id]) is None:
            raise NotFound(f"there is no annotation event {event_id}")
        db.execute(
            "INSERT INTO reviews (client_op_id, event_id, reviewer_id, verdict, blind, mask_label,"
            " yaw_deg, pitch_deg, roll_deg, note, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                client_op_id,
                event_id,
                annotator_id(db, reviewer),
                verdict,
                int(blind),
                str(mask) if mask else None,
                pose.yaw_deg if pose else None,
                pose.pitch_deg if pose else None,
                pose.roll_deg if pose else None,
                note,
                now(),
            ],
        )
        row = select_one(db, f"{_REVIEWS} WHERE client_op_id = ?", [client_op_id])
        assert row is not None
        return _review(row)


def reviews_of_face(db: Database, face_id: int) -> list[Review]:
    """All verdicts on all labels of a face, oldest first."""
    sql = (
        f"{_REVIEWS} WHERE event_id IN (SELECT id FROM annotation_events WHERE face_id = ?)"
        " ORDER BY r.id"
    )
    return [_review(row) for row in select(db, sql, [face_id])]


def disputes(db: Database, *, limit: int = 100) -> list[Dispute]:
    """Faces to settle, newest review first: a new label, by whoever decides, settles it."""
    rows = select(db, f"SELECT * FROM disputes ORDER BY review_id DESC LIMIT {limit:d}")
    return [Dispute(**{**dict(row), "blind": bool(row["blind"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two people said about the same faces: counts of (first's label, second's label)."""

    annotator: str
    reviewer: str
    counts: Mapping[tuple[str, str], int]

    @property
    def n(self) -> int:
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """The part on which both said the same, 0 … 1."""
        return sum(n for (a, b), n in self.counts.items() if a == b) / self.n

    @property
    def kappa(self) -> float | None:
        """Cohen's κ: agreement beyond chance, 1 at best; None where chance explains it all."""
        labels = {label for pair in self.counts for label in pair}
        by_chance = sum(self._marginal(0, x) * self._marginal(1, x) for x in labels) / self.n**2
        return None if by_chance == 1 else (self.share - by_chance) / (1 - by_chance)

    def _marginal(self, side: int, label: str) -> int:
        return sum(n for pair, n in self.counts.items() if pair[side] == label)


def agreements(db: Database, *, blind_only: bool = True) -> list[Agreement]:
    """Agreement on the mask of each pair of annotator and reviewer."""
    sql = (
        "SELECT first.name AS annotator, second.name AS reviewer, e.mask_label AS a,"
        " r.mask_label AS b, count(*) AS n FROM reviews r"
        " JOIN annotation_events e ON e.id = r.event_id"
        " JOIN annotation_actions act ON act.id = e.action_id"
        " JOIN annotators first ON first.id = act.annotator_id"
        " JOIN annotators second ON second.id = r.reviewer_id"
        " WHERE e.mask_label IS NOT NULL AND r.mask_label IS NOT NULL AND r.blind >= ?"
        " GROUP BY 1, 2, 3, 4"
    )
    pairs: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for row in select(db, sql, [int(blind_only)]):
        counts = pairs.setdefault((row["annotator"], row["reviewer"]), {})
        counts[row["a"], row["b"]] = row["n"]
    return [Agreement(*names, counts) for names, counts in pairs.items()]


def _review(row: sqlite3.Row) -> Review:
    return Review(
        id=row["id"],
        event_id=row["event_id"],
        reviewer=row["reviewer"],
        verdict=row["verdict"],
        blind=bool(row["blind"]),
        mask=MaskLabel(row["mask_label"]) if row["mask_label"] else None,
        pose=pose_of_row(row),
        note=row["note"],
        created_at=row["created_at"],
    )
