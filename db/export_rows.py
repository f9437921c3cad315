"""The faces to export, one at a time, those of a picture together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from db.database import select
from db.faces import box_of
from db.filters import Condition, FaceFilter, where
from db.labels import Label, label_of_row
from db.records import FaceRecord
from db.review_queue import count

#: Somebody said something, and did not take it back.
_SAID = Condition(
    "s.event_id IS NOT NULL AND (e.mask_label IS NOT NULL OR e.rejected"
    " OR e.yaw_deg IS NOT NULL OR e.note IS NOT NULL)"
)
# CROSS JOIN fixes the order of the loops: along faces_by_image, so that nothing must be sorted.
_FACES = """
SELECT f.id AS face_id, f.left_px, f.top_px, f.width_px, f.height_px, f.score,
       i.sha256, i.path, i.name, i.width_px AS image_width_px, i.height_px AS image_height_px,
       i.split, i.origin, sources.name AS source,
       e.mask_label, e.yaw_deg, e.pitch_deg, e.roll_deg, e.rejected, e.note,
       annotators.name AS annotator, annotators.kind AS annotator_kind, a.created_at
FROM faces f INDEXED BY faces_by_image
CROSS JOIN images i ON i.id = f.image_id
CROSS JOIN sources ON sources.id = i.source_id
CROSS JOIN face_states s ON s.face_id = f.id
LEFT JOIN annotation_events e ON e.id = s.event_id
LEFT JOIN annotation_actions a ON a.id = e.action_id
LEFT JOIN annotators ON annotators.id = a.annotator_id
WHERE {condition} ORDER BY f.image_id, f.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFace:
    """A record (without ``file``), and where the picture lies in the home folder."""

    face_id: int
    image_path: str
    record: FaceRecord


def count_exported(db: Database, filter: FaceFilter | None) -> int:
    """How many faces ``exported_faces`` gives."""
    if filter:
        return count(db, filter)
    sql = "SELECT count(*) FROM face_states s JOIN annotation_events e ON e.id = s.event_id"
    return int(db.execute(f"{sql} WHERE {_SAID.sql}").fetchone()[0])


def exported_faces(db: Database, filter: FaceFilter | None) -> Iterator[ExportedFace]:
    """Streams the faces of a filter; of None: those about which somebody said something."""
    condition = where(filter) if filter else _SAID
    for row in select(db, _FACES.format(condition=condition.sql), condition.values):
        yield ExportedFace(face_id=row["face_id"], image_path=row["path"], record=_record(row))


def _record(row: sqlite3.Row) -> FaceRecord:
    said = row["rejected"] is not None
    return FaceRecord(
        sha256=row["sha256"],
        name=row["name"],
        width_px=row["image_width_px"],
        height_px=row["image_height_px"],
        box=box_of(row),
        label=label_of_row(row) if said else Label(),
        annotator=row["annotator"],
        annotator_kind=row["annotator_kind"] or "dataset",
        annotated_at=row["created_at"],
        source=row["source"],
        split=row["split"],
        origin=row["origin"],
    )
