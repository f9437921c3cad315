"""What was measured in the pictures of faces: written in the order of the faces' numbers.

So the faces that still wait are those after the last one written, and finding them costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlite_utils import Database

from core.faces import FaceBox
from db.database import select, write_transaction
from db.faces import box_of


class UnmeasuredFace(NamedTuple):
    """A face and where its picture lies; faces of one picture mostly follow each other."""

    face_id: int
    image_id: int
    box: FaceBox


class MeasuredFace(NamedTuple):
    """None where the picture could not be read."""

    face_id: int
    sharpness: float | None
    brightness: float | None


def unmeasured_faces(db: Database, count: int = 100) -> list[UnmeasuredFace]:
    """The next faces to measure."""
    rows = select(
        db,
        "SELECT * FROM faces WHERE id > (SELECT coalesce(max(face_id), 0) FROM face_measures)"
        f" ORDER BY id LIMIT {count:d}",
    )
    return [UnmeasuredFace(row["id"], row["image_id"], box_of(row)) for row in rows]


def store_measures(db: Database, measured: Iterable[MeasuredFace]) -> None:
    """Keep them, in place of earlier ones."""
    with write_transaction(db, durable=False):
        db.conn.executemany("INSERT OR REPLACE INTO face_measures VALUES (?, ?, ?)", measured)


def mark_occluded(db: Database, occluded: Mapping[int, bool]) -> None:
    """Keep what a data set says: does something that need not be a mask cover the lower face?"""
    with write_transaction(db, durable=False):
        db.conn.executemany(
            "UPDATE faces SET lower_face_occluded = ? WHERE id = ?",
            [(int(is_so), face_id) for face_id, is_so in occluded.items()],
        )
