"""Two models on the same faces, counted in SQL: where both answered and people decided.

A model is any that left predictions: a student, a teacher. Everything is about pairs of answers,
so that the difficulty of a face counts for both.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from sqlite_utils import Database

from core.faces import MASK_CLASSES, HeadPose, MaskLabel
from db.database import select
from db.filters import FaceFilter, where
from db.tally import tally

#: (label, first's answer, second's answer).
Triple = tuple[MaskLabel, MaskLabel, MaskLabel]
#: What happened to a face from the first model to the second.
Flip = Literal["now right", "now wrong"]
_FLIPS: Mapping[Flip, str] = {
    "now right": "a.mask_label <> s.mask_label AND b.mask_label = s.mask_label",
    "now wrong": "a.mask_label = s.mask_label AND b.mask_label <> s.mask_label",
}
_MODEL = "(SELECT id FROM models WHERE name = ?)"
_BOTH = (
    f" CROSS JOIN predictions a ON a.face_id = s.face_id AND a.model_id = {_MODEL}"
    f" CROSS JOIN predictions b ON b.face_id = s.face_id AND b.model_id = {_MODEL}"
)
_BOTH_MASKS = "a.mask_label IS NOT NULL AND b.mask_label IS NOT NULL"
_DECIDED = "s.is_labelled = 1 AND s.mask_label IS NOT NULL"
_EULER = ("yaw_deg", "pitch_deg", "roll_deg")
_EVERY = FaceFilter()


def mask_answers(
    db: Database, first: str, second: str, *, filter: FaceFilter = _EVERY
) -> Counter[Triple]:
    """How often each (label, first's answer, second's answer) occurs.

    Over the labelled faces that both models answered.
    """
    key = f"{_class('s')} * 9 + {_class('a')} * 3 + {_class('b')}"
    condition = where(filter)
    rows = f"face_states s{_BOTH} WHERE {_DECIDED} AND {_BOTH_MASKS} AND {condition.sql}"
    counts = tally(db, key, rows, (first, second, *condition.values))
    return Counter(
        {
            (MASK_CLASSES[cell // 9], MASK_CLASSES[cell // 3 % 3], MASK_CLASSES[cell % 3]): n
            for cell, n in counts.items()
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseErrors:
    """Mean |answer − label| of the three angles, degrees, of two models on the same ``n`` faces.

    ``squared_difference`` is the sum over faces of (second's − first's error)², for the interval;
    ``second_nearer`` counts the faces on which the second's error is the smaller one.
    """

    n: int
    first_mae_deg: float
    second_mae_deg: float
    squared_difference: float
    second_nearer: int


def pose_answers(
    db: Database, first: str, second: str, *, filter: FaceFilter = _EVERY
) -> PoseErrors | None:
    """Both models against the poses that people gave; None where there is no such face."""
    errors = ", ".join(
        "(" + " + ".join(f"abs({row}.{angle} - e.{angle})" for angle in _EULER) + f") / 3 AS {name}"
        for row, name in (("a", "first"), ("b", "second"))
    )
    condition = where(filter)
    sql = (
        "SELECT count(*), avg(first), avg(second),"
        " total((second - first) * (second - first)), total(second < first)"
        f" FROM (SELECT {errors} FROM annotation_events e"
        f" CROSS JOIN face_states s ON s.face_id = e.face_id AND s.event_id = e.id{_BOTH}"
        " WHERE e.yaw_deg IS NOT NULL AND a.yaw_deg IS NOT NULL AND b.yaw_deg IS NOT NULL"
        f" AND {condition.sql})"
    )
    values = [first, second, *condition.values]
    n, mae_first, mae_second, squared, nearer = db.execute(sql, values).fetchone()
    if not n:
        return None
    return PoseErrors(
        n=n,
        first_mae_deg=mae_first,
        second_mae_deg=mae_second,
        squared_difference=squared,
        second_nearer=int(nearer),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedAnswer:
    """One face as both models see it. Probabilities are those of ``masked``."""

    face_id: int
    label: MaskLabel | None
    first_p_masked: float | None
    second_p_masked: float | None
    first_pose: HeadPose | None
    second_pose: HeadPose | None
    mask_distance: float | None  # total variation, 0 … 1


def sample_answers(
    db: Database, first: str, second: str, *, limit: int = 3000
) -> list[PairedAnswer]:
    """At most so many faces that both answered, drawn by chance, the same ones each time.

    Labelled and unlabelled faces come in the proportion in which there are such faces.
    """
    labelled, faces = db.execute("SELECT total(is_labelled), count(*) FROM face_states").fetchone()
    share = round(limit * labelled / faces) if faces else 0
    return [
        *_sample(db, first, second, is_labelled=1, limit=share),
        *_sample(db, first, second, is_labelled=0, limit=limit - share),
    ]


def _sample(
    db: Database, first: str, second: str, *, is_labelled: int, limit: int
) -> list[PairedAnswer]:
    """A walk along the shuffled order, which each status has an index of."""
    distance = " + ".join(f"abs(a.p_{label} - b.p_{label})" for label in MASK_CLASSES)
    poses = ", ".join(f"{row}.{angle} AS {row}_{angle}" for row in "ab" for angle in _EULER)
    sql = (
        "SELECT s.face_id, s.mask_label, a.p_masked AS a_masked, b.p_masked AS b_masked,"
        f" ({distance}) / 2 AS distance, {poses}"
        f" FROM face_states s INDEXED BY face_states_by_chance{_BOTH}"
        " WHERE s.is_labelled = ? ORDER BY s.random_key LIMIT ?"
    )
    return [
        PairedAnswer(
            face_id=row["face_id"],
            label=MaskLabel(row["mask_label"]) if row["mask_label"] else None,
            first_p_masked=row["a_masked"],
            second_p_masked=row["b_masked"],
            first_pose=_pose(row, "a"),
            second_pose=_pose(row, "b"),
            mask_distance=row["distance"],
        )
        for row in select(db, sql, [first, second, is_labelled, limit])
    ]


def faces_answered(
    db: Database,
    first: str,
    second: str,
    first_said: MaskLabel,
    second_said: MaskLabel,
    *,
    limit: int = 500,
) -> list[int]:
    """Faces to which the two gave these answers, those of the surest answers first."""
    sql = (
        f"SELECT a.face_id FROM predictions a CROSS JOIN predictions b ON b.face_id = a.face_id"
        f" AND b.model_id = {_MODEL} AND b.mask_label = ?"
        f" WHERE a.model_id = {_MODEL} AND a.mask_label = ? ORDER BY a.confidence DESC LIMIT ?"
    )
    values = [second, str(second_said), first, str(first_said), limit]
    return [row[0] for row in db.execute(sql, values)]


def flipped_faces(
    db: Database,
    first: str,
    second: str,
    flip: Flip,
    *,
    filter: FaceFilter = _EVERY,
    limit: int = 500,
) -> list[int]:
    """Labelled faces on which the second is right and the first wrong, or the other way round.

    Those come first on which the second is surest of its answer.
    """
    condition = where(filter)
    sql = (
        f"SELECT s.face_id FROM face_states s{_BOTH} WHERE {_DECIDED} AND {_FLIPS[flip]}"
        f" AND {condition.sql} ORDER BY b.confidence DESC LIMIT ?"
    )
    return [row[0] for row in db.execute(sql, [first, second, *condition.values, limit])]


def accuracies(
    db: Database, models: Sequence[str], *, filter: FaceFilter = _EVERY
) -> tuple[int, list[int]]:
    """(faces, hits of each model) over the labelled faces that all of the models answered."""
    joins = " ".join(
        f"CROSS JOIN predictions p{i} ON p{i}.face_id = s.face_id AND p{i}.model_id = {_MODEL}"
        f" AND p{i}.mask_label IS NOT NULL"
        for i in range(len(models))
    )
    hits = ", ".join(f"total(p{i}.mask_label = s.mask_label)" for i in range(len(models)))
    condition = where(filter)
    sql = f"SELECT count(*), {hits} FROM face_states s {joins} WHERE {_DECIDED} AND {condition.sql}"
    n, *found = db.execute(sql, [*models, *condition.values]).fetchone()
    return n, [int(hit) for hit in found]


def answering_models(db: Database) -> list[str]:
    """The models that left answers: the champion, the other students, the teachers."""
    sql = (
        "SELECT name FROM models m LEFT JOIN model_aliases a ON a.model_id = m.id"
        " AND a.alias = 'champion' WHERE EXISTS (SELECT 1 FROM predictions p"
        " WHERE p.model_id = m.id) ORDER BY a.alias IS NULL, m.kind <> 'student', m.id DESC"
    )
    return [row[0] for row in db.execute(sql)]


def latencies_ms(db: Database, names: Sequence[str], *, faces: int = 2000) -> dict[str, float]:
    """How long a face took each of these models when it was stored: the median of some faces."""
    sql = (
        f"SELECT latency_ms FROM predictions WHERE model_id = {_MODEL}"
        " AND latency_ms IS NOT NULL LIMIT ?"
    )
    found = {name: [row[0] for row in db.execute(sql, [name, faces])] for name in names}
    return {name: median(values) for name, values in found.items() if values}


def _class(row: str) -> str:
    """SQL for the index of a row's mask label in ``MASK_CLASSES``."""
    cases = " ".join(f"WHEN '{label}' THEN {index}" for index, label in enumerate(MASK_CLASSES))
    return f"(CASE {row}.mask_label {cases} END)"


def _pose(row: sqlite3.Row, side: str) -> HeadPose | None:
    if row[f"{side}_yaw_deg"] is None:
        return None
    return HeadPose(**{angle: row[f"{side}_{angle}"] for angle in _EULER})
