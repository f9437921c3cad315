"""What a review screen shows of a face, in one read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import FaceBox, HeadPose, MaskLabel
from db.database import placeholders, select
from db.faces import box_of
from db.labels import pose_of_row


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """A face with its picture, its label and the student's opinion.

    ``version`` goes back as ``base_version`` of a change; ``label`` None with ``is_labelled`` means
    "not a face".
    """

    face_id: int
    version: int
    image_id: int
    image_name: str
    image_sha256: str
    image_path: str
    image_width_px: int
    image_height_px: int
    source: str
    box: FaceBox
    is_labelled: bool
    label: MaskLabel | None
    annotator: str | None
    annotated_at: str | None
    predicted: MaskLabel | None
    confidence: float | None
    pose: HeadPose | None
    entropy: float | None
    disagreement: float | None
    label_error: float | None
    label_error_reason: str | None
    is_flagged: bool


_ITEMS = (
    "SELECT s.*, f.image_id, f.left_px, f.top_px, f.width_px, f.height_px, f.score,"
    " i.name AS image_name, i.sha256 AS image_sha256, i.path AS image_path,"
    " i.width_px AS image_width_px, i.height_px AS image_height_px,"
    " sources.name AS source, annotators.name AS annotator,"
    " EXISTS (SELECT 1 FROM flags WHERE flags.face_id = s.face_id) AS is_flagged"
    " FROM face_states s JOIN faces f ON f.id = s.face_id JOIN images i ON i.id = f.image_id"
    " JOIN sources ON sources.id = s.source_id"
    " LEFT JOIN annotators ON annotators.id = s.annotator_id"
)


def items_of(db: Database, face_ids: Sequence[int]) -> list[QueueItem]:
    """These faces, in this order; unknown ones are left out."""
    found: dict[int, QueueItem] = {}
    for start in range(0, len(face_ids), 500):
        part = face_ids[start : start + 500]
        sql = f"{_ITEMS} WHERE s.face_id IN ({placeholders(len(part))})"
        found |= {row["face_id"]: _item(row) for row in select(db, sql, part)}
    return [found[face_id] for face_id in face_ids if face_id in found]


def _item(row: sqlite3.Row) -> QueueItem:
    return QueueItem(
        face_id=row["face_id"],
        version=row["version"],
        image_id=row["image_id"],
        image_name=row["image_name"],
        image_sha256=row["image_sha256"],
        image_path=row["image_path"],
        image_width_px=row["image_width_px"],
        image_height_px=row["image_height_px"],
        source=row["source"],
        box=box_of(row),
        is_labelled=bool(row["is_labelled"]),
        label=MaskLabel(row["mask_label"]) if row["mask_label"] else None,
        annotator=row["annotator"],
        annotated_at=row["annotated_at"],
        predicted=MaskLabel(row["predicted_label"]) if row["predicted_label"] else None,
        confidence=row["confidence"],
        pose=pose_of_row(row),
        entropy=row["entropy"],
        disagreement=row["disagreement"],
        label_error=row["label_error"],
        label_error_reason=row["label_error_reason"],
        is_flagged=bool(row["is_flagged"]),
    )
