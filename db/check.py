"""Is everything as it should be? And the repair of what follows from other tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sqlite_utils import Database

from db.database import select, write_transaction
from db.home import Home
from db.predictions import refresh_states

#: The part of ``face_states`` that people decide, computed anew from the events, and what it has
#: from the face's picture.
_FROM_EVENTS = """
SELECT f.id AS face_id, e.mask_label IS NOT NULL OR coalesce(e.rejected, 0) AS is_labelled,
       e.mask_label, a.annotator_id, a.created_at AS annotated_at, e.id AS event_id,
       coalesce(e.version, 0) AS version, e.yaw_deg AS label_yaw_deg,
       e.pitch_deg AS label_pitch_deg, e.roll_deg AS label_roll_deg,
       i.source_id, i.split
FROM faces f
JOIN images i ON i.id = f.image_id
LEFT JOIN annotation_events e ON e.id =
    (SELECT id FROM annotation_events WHERE face_id = f.id ORDER BY version DESC LIMIT 1)
LEFT JOIN annotation_actions a ON a.id = e.action_id
"""
_COLUMNS = (
    *("is_labelled", "mask_label", "annotator_id", "annotated_at", "event_id", "version"),
    *("label_yaw_deg", "label_pitch_deg", "label_roll_deg", "source_id", "split"),
)


def find_faults(db: Database, home: Home | None, limit: int = 100) -> list[str]:
    """What is wrong, at most ``limit`` lines; none when all is well. With a home, its pictures are
    read too."""
    faults = [row[0] for row in db.execute(f"PRAGMA integrity_check({limit:d})") if row[0] != "ok"]
    faults += [
        f"{row[0]} row {row[1]}: points to a row of {row[2]} that is not there"
        for row in db.execute("PRAGMA foreign_key_check")
    ]
    differs = " OR ".join(f"s.{column} IS NOT t.{column}" for column in _COLUMNS)
    sql = (
        f"SELECT t.face_id FROM ({_FROM_EVENTS}) t"
        f" LEFT JOIN face_states s ON s.face_id = t.face_id WHERE {differs} LIMIT {limit:d}"
    )
    faults += [
        f"face {row[0]}: its state is not what its events and its picture say"
        for row in db.execute(sql)
    ]
    if home:
        faults += islice(_picture_faults(db, home), limit)
    return faults[:limit]


def _picture_faults(db: Database, home: Home) -> Iterator[str]:
    for row in select(db, "SELECT id, name, path, sha256 FROM images ORDER BY id"):
        fault = _file_fault(home.root / row["path"], row["sha256"])
        if fault:
            yield f"image {row['id']} ({row['name']}): its file {row['path']} {fault}"


def _file_fault(path: Path, sha256: str) -> str | None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == sha256 else "is not what was taken in any more"


def rebuild_states(db: Database, chunk: int = 5000) -> None:
    """Write ``face_states`` anew from events and predictions, chunk by chunk."""
    last = db.execute("SELECT coalesce(max(id), 0) FROM faces").fetchone()[0]
    columns = ", ".join(_COLUMNS)
    for start in range(1, last + 1, chunk):
        end = min(start + chunk, last + 1)
        with write_transaction(db, durable=False):
            db.execute(
                f"UPDATE face_states SET ({columns}) = (SELECT {columns} FROM ({_FROM_EVENTS}"
                " WHERE f.id BETWEEN ? AND ?) t WHERE t.face_id = face_states.face_id)"
                " WHERE face_id BETWEEN ? AND ?",
                [start, end - 1, start, end - 1],
            )
            refresh_states(db, range(start, end))
