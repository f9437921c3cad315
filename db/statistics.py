"""Numbers for the dashboards, counted in SQL: a chart never receives a row for each face.

Predictions are those of the student that serves (``face_states``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from core.faces import MaskLabel
from db.database import select

Score = Literal["entropy", "disagreement", "label_error"]
_SCORES = ("entropy", "disagreement", "label_error")
LabelPair = tuple[MaskLabel, MaskLabel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How much there is."""

    images: int
    faces: int
    labels: Mapping[MaskLabel, int]
    rejected: int
    disputed: int
    flagged: int

    @property
    def unlabelled(self) -> int:
        return self.faces - sum(self.labels.values()) - self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """Labels that count now, by the day (UTC) and the annotator who gave them."""

    day: str
    annotator: str
    labels: int


def overview(db: Database) -> Overview:
    rows = db.execute(
        "SELECT mask_label, count(*) FROM face_states WHERE is_labelled = 1 GROUP BY mask_label"
    )
    by_label = dict(rows.fetchall())
    return Overview(
        images=_number(db, "SELECT count(*) FROM images"),
        faces=_number(db, "SELECT count(*) FROM faces"),
        labels={label: by_label.get(str(label), 0) for label in MaskLabel},
        rejected=by_label.get(None, 0),
        disputed=_number(db, "SELECT count(DISTINCT face_id) FROM disputes"),
        flagged=_number(db, "SELECT count(DISTINCT face_id) FROM flags"),
    )


def labels_per_day(db: Database) -> list[DayCount]:
    rows = select(
        db,
        "SELECT substr(s.annotated_at, 1, 10) AS day, annotators.name AS annotator,"
        " count(*) AS labels FROM face_states s JOIN annotators ON annotators.id = s.annotator_id"
        " WHERE s.is_labelled = 1 GROUP BY 1, s.annotator_id ORDER BY 1",
    )
    return [DayCount(**dict(row)) for row in rows]


def agreement_with_teacher(db: Database, teacher: str) -> dict[LabelPair, int]:
    """How often each (student's, teacher's) pair of predictions occurs, over all faces."""
    pairs = [(a, b) for a in MaskLabel for b in MaskLabel]
    counts = ", ".join(
        f"count(*) FILTER (WHERE s.predicted_label = '{a}' AND p.mask_label = '{b}')"
        for a, b in pairs
    )
    # In one pass: a GROUP BY would sort all the rows.
    row = db.execute(
        f"SELECT {counts} FROM face_states s CROSS JOIN predictions p ON p.face_id = s.face_id"
        " AND p.model_id = (SELECT id FROM models WHERE name = ?)",
        (teacher,),
    ).fetchone()
    return dict(zip(pairs, row, strict=True))


def score_histogram(db: Database, score: Score, *, low: float, high: float, bins: int) -> list[int]:
    """How the scores of all faces that have one are spread; what is outside goes to the ends."""
    if score not in _SCORES:
        raise ValueError(f"no score is called {score!r}; there are {', '.join(_SCORES)}")
    width = (high - low) / bins
    edges = [-math.inf, *(low + width * inner for inner in range(1, bins)), math.inf]
    # A walk along the index of the score for each bin: eight times as fast as a bin for each face.
    sql = f"SELECT count(*) FROM face_states WHERE is_labelled = ? AND {score} >= ? AND {score} < ?"
    return [
        sum(_number(db, sql, (status, *ends)) for status in (0, 1))
        for ends in itertools.pairwise(edges)
    ]


def _number(db: Database, sql: str, values: Sequence[float] = ()) -> int:
    return int(db.execute(sql, values).fetchone()[0])
