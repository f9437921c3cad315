"""Faces: boxes that a detector found, a data set lists or a person drew."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import FaceBox
from db.database import now, select, select_one, write_transaction
from db.errors import NotFound
from db.fresh_ids import fresh_id

#: ``detector`` of a box drawn by hand, and of one that came with an imported data set.
BY_PERSON = "person"
BY_DATASET = "dataset"

#: Two boxes of one picture that overlap as much are the same face.
SAME_FACE_IOU = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face in a stored picture."""

    id: int
    image_id: int
    box: FaceBox
    detector: str
    added_at: str


def add_faces(
    db: Database,
    image_id: int,
    boxes: Sequence[FaceBox],
    *,
    detector: str,
    same_face_iou: float = SAME_FACE_IOU,
    durable: bool = True,
) -> list[Face]:
    """The faces of these boxes, in order; a box that is known already stays the face it is."""
    with write_transaction(db, durable=durable):
        known = faces_of_image(db, image_id)
        faces = []
        for box in boxes:
            face = _same_face(box, known, same_face_iou)
            if face:
                known.remove(face)  # so that two new boxes never become one face
            faces.append(face or _insert(db, image_id, box, detector))
        return faces


def faces_of_image(db: Database, image_id: int) -> list[Face]:
    """All faces of a picture, in the order they were found."""
    sql = "SELECT * FROM faces WHERE image_id = ? ORDER BY id"
    return [_face(row) for row in select(db, sql, [image_id])]


def get_face(db: Database, face_id: int) -> Face:
    row = select_one(db, "SELECT * FROM faces WHERE id = ?", [face_id])
    if row is None:
        raise NotFound(f"there is no face {face_id}")
    return _face(row)


def _same_face(box: FaceBox, known: Sequence[Face], same_face_iou: float) -> Face | None:
    """The known face that overlaps most, where it overlaps enough."""
    best = max(known, key=lambda face: face.box.intersection_over_union(box), default=None)
    if best is None or best.box.intersection_over_union(box) < same_face_iou:
        return None
    return best


def _insert(db: Database, image_id: int, box: FaceBox, detector: str) -> Face:
    added_at = now()
    cursor = db.execute(
        "INSERT INTO faces (id, image_id, left_px, top_px, width_px, height_px, score, detector,"
        f" added_at) VALUES ({fresh_id('faces')}, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            image_id,
            box.left_px,
            box.top_px,
            box.width_px,
            box.height_px,
            box.score,
            detector,
            added_at,
        ],
    )
    return Face(
        id=int(cursor.lastrowid or 0),
        image_id=image_id,
        box=box,
        detector=detector,
        added_at=added_at,
    )


def _face(row: sqlite3.Row) -> Face:
    return Face(
        id=row["id"],
        image_id=row["image_id"],
        box=box_of(row),
        detector=row["detector"],
        added_at=row["added_at"],
    )


def box_of(row: sqlite3.Row) -> FaceBox:
    """The box in a row that has the columns of ``faces``."""
    return FaceBox(row["left_px"], row["top_px"], row["width_px"], row["height_px"], row["score"])
