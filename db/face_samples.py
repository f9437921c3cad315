"""Some of the stored faces: drawn by chance, or those that a model has not answered yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import MaskLabel
from db.database import placeholders


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceState:
    """What people and the student say of a face, and where it comes from."""

    label: MaskLabel | None
    predicted: MaskLabel | None
    source: str
    split: str | None
    image_id: int


_UNANSWERED = (
    " FROM face_states s WHERE (s.is_labelled OR s.label_yaw_deg IS NOT NULL) >= ?"
    " AND s.face_id > ? AND NOT EXISTS (SELECT 1"
    " FROM predictions p WHERE p.face_id = s.face_id"
    " AND p.model_id = (SELECT id FROM models WHERE name = ?))"
)


def sample_faces(db: Database, limit: int) -> list[int]:
    """At most so many faces by chance, the same ones each time.

    Labelled and unlabelled ones come in the proportion in which there are such faces.
    """
    labelled, faces = db.execute("SELECT total(is_labelled), count(*) FROM face_states").fetchone()
    share = round(limit * labelled / faces) if faces else 0
    sql = (
        "SELECT face_id FROM face_states INDEXED BY face_states_by_chance WHERE is_labelled = ?"
        " ORDER BY random_key LIMIT ?"
    )
    parts = ((1, share), (0, limit - share))
    return [row[0] for part in parts for row in db.execute(sql, part)]


def unanswered_faces(
    db: Database, model: str, *, labelled_only: bool, after: int = 0, limit: int = 200
) -> list[int]:
    """The next faces, by number, that this model has not answered.

    ``labelled_only``: those about whose mask or pose people or data sets said something.
    """
    sql = f"SELECT s.face_id{_UNANSWERED} ORDER BY s.face_id LIMIT ?"
    return [row[0] for row in db.execute(sql, [int(labelled_only), after, model, limit])]


def count_unanswered(db: Database, model: str, *, labelled_only: bool) -> int:
    sql = f"SELECT count(*){_UNANSWERED}"
    return int(db.execute(sql, [int(labelled_only), 0, model]).fetchone()[0])


def states_of(db: Database, face_ids: Sequence[int]) -> dict[int, FaceState]:
    """What is known now of these faces; unknown ones are left out."""
    found = {}
    ordered = sorted(face_ids)  # neighbours share pages of the file: five times as fast
    for start in range(0, len(ordered), 500):
        part = ordered[start : start + 500]
        sql = (
            "SELECT s.face_id, s.mask_label, s.predicted_label, sources.name, s.split, f.image_id"
            " FROM face_states s JOIN sources ON sources.id = s.source_id"
            " JOIN faces f ON f.id = s.face_id"
            f" WHERE s.face_id IN ({placeholders(len(part))})"
        )
        for face_id, label, said, source, split, image_id in db.execute(sql, part):
            found[face_id] = FaceState(
                label=MaskLabel(label) if label else None,
                predicted=MaskLabel(said) if said else None,
                source=source,
                split=split,
                image_id=image_id,
            )
    return found
