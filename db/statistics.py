"""Numbers for the dashboards, counted in SQL: a chart never receives a row for each face.

Predictions are those of the student that serves (``face_states``) unless a model is named.
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
from db.filters import FaceFilter, where
from db.tally import tally

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCount:
    """The faces of one source. ``wrong``: the student contradicts the label."""

    source: str
    faces: int
    labelled: int
    compared: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceBin:
    """Labelled faces whose prediction is as confident: for calibration."""

    low: float
    high: float
    n: int
    correct: int
    mean_confidence: float


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


def by_source(db: Database) -> list[SourceCount]:
    rows = select(
        db,
        "SELECT sources.name AS source, n.faces, n.labelled, n.compared, n.wrong FROM"
        " (SELECT source_id, count(*) AS faces, sum(is_labelled) AS labelled,"
        "  count(mask_label <> predicted_label) AS compared,"
        "  total(mask_label <> predicted_label) AS wrong FROM face_states GROUP BY source_id) n"
        " JOIN sources ON sources.id = n.source_id ORDER BY sources.name",
    )
    return [SourceCount(**{**dict(row), "wrong": int(row["wrong"])}) for row in rows]


def confusion(
    db: Database, *, model: str | None = None, filter: FaceFilter | None = None
) -> dict[LabelPair, int]:
    """How often each (label, prediction) occurs among labelled faces."""
    condition = where(filter or FaceFilter())
    if model is None:
        rows, predicted, values = "face_states s", "s.predicted_label", condition.values
    else:
        rows, predicted = f"face_states s {_JOIN_MODEL}", "p.mask_label"
        values = (model, *condition.values)
    sql = f"{rows} WHERE s.is_labelled = 1 AND {condition.sql}"
    return _pairs(db, "s.mask_label", predicted, sql, values)


def agreement_with_teacher(db: Database, teacher: str) -> dict[LabelPair, int]:
    """How often each (student's, teacher's) pair of predictions occurs, over all faces."""
    sql = f"face_states s {_JOIN_MODEL}"
    return _pairs(db, "s.predicted_label", "p.mask_label", sql, (teacher,))


def calibration(
    db: Database, *, bins: int = 15, filter: FaceFilter | None = None
) -> list[ConfidenceBin]:
    """Confidence against truth on labelled faces, in bins of equal width; empty bins left out."""
    condition = where(filter or FaceFilter())
    rows = db.execute(
        f"SELECT min(cast(s.confidence * {bins:d} AS INTEGER), {bins - 1:d}) AS bin, count(*),"
        " sum(s.mask_label = s.predicted_label), avg(s.confidence) FROM face_states s"
        " WHERE s.is_labelled = 1 AND s.mask_label IS NOT NULL AND s.confidence IS NOT NULL"
        f" AND {condition.sql} GROUP BY bin ORDER BY bin",
        condition.values,
    )
    return [
        ConfidenceBin(low=b / bins, high=(b + 1) / bins, n=n, correct=right, mean_confidence=mean)
        for b, n, right, mean in rows
    ]


def masked_scores(db: Database, model: str, *, bins: int = 200) -> dict[MaskLabel, list[int]]:
    """For each label, how the model's probability of ``masked`` is spread: for thresholds."""
    found = {label: [0] * bins for label in MaskLabel}
    rows = db.execute(
        "SELECT s.mask_label, min(cast(p.p_masked * ? AS INTEGER), ?) AS bin, count(*)"
        f" FROM face_states s {_JOIN_MODEL}"
        " WHERE s.is_labelled = 1 AND s.mask_label IS NOT NULL AND p.p_masked IS NOT NULL"
        " GROUP BY 1, 2",
        [bins, bins - 1, model],
    )
    for label, bin, n in rows:
        found[MaskLabel(label)][bin] = n
    return found


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


def pose_map(
    db: Database, *, step_deg: int = 10, filter: FaceFilter | None = None
) -> dict[tuple[int, int], int]:
    """Faces by predicted (yaw, pitch), in squares named by their lower corner in degrees."""
    condition = where(filter or FaceFilter())
    yaw, pitch = (f"cast(s.{name} / {step_deg:d}.0 + 500 AS INTEGER)" for name in _YAW_PITCH)
    sql = f"face_states s WHERE s.yaw_deg IS NOT NULL AND {condition.sql}"
    counts = tally(db, f"{yaw} * 1000 + {pitch}", sql, condition.values)
    return {
        ((key // 1000 - 500) * step_deg, (key % 1000 - 500) * step_deg): n
        for key, n in counts.items()
    }


_YAW_PITCH = ("yaw_deg", "pitch_deg")
_JOIN_MODEL = (
    "CROSS JOIN predictions p ON p.face_id = s.face_id"
    " AND p.model_id = (SELECT id FROM models WHERE name = ?)"
)


def _pairs(
    db: Database, first: str, second: str, rows: str, values: tuple[object, ...]
) -> dict[LabelPair, int]:
    """Counts of pairs of labels in one pass: a GROUP BY would sort all the rows."""
    pairs = [(a, b) for a in MaskLabel for b in MaskLabel]
    counts = ", ".join(
        f"count(*) FILTER (WHERE {first} = '{a}' AND {second} = '{b}')" for a, b in pairs
    )
    row = db.execute(f"SELECT {counts} FROM {rows}", values).fetchone()
    return dict(zip(pairs, row, strict=True))


def _number(db: Database, sql: str, values: Sequence[float] = ()) -> int:
    return int(db.execute(sql, values).fetchone()[0])
