"""Where the serving student errs on masks: counts over the faces that people labelled.

Of every split at once: the filter names none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from core.faces import MASK_CLASSES, MaskLabel
from db.database import select
from db.filters import FaceFilter, where
from db.splits import SPLIT_CODE, BySplit, by_split, tallies_by_split, where_of_all_splits
from db.statistics import LabelPair

#: Faces with a label and an answer; a further condition is to be filled in.
COMPARED = "s.is_labelled = 1 AND s.mask_label IS NOT NULL AND s.predicted_label IS NOT NULL AND {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceBin:
    """Labelled faces whose prediction is as confident: for calibration."""

    low: float
    high: float
    n: int
    correct: int
    mean_confidence: float


def confusion(db: Database, filter: FaceFilter) -> BySplit[dict[LabelPair, int]]:
    """How often each (label, prediction) occurs."""
    condition = where_of_all_splits(filter)
    key = f"{_class_code('s.mask_label')} * 10 + {_class_code('s.predicted_label')}"
    rows = f"face_states s WHERE {COMPARED.format(condition.sql)}"
    (found,) = tallies_by_split(db, [key], rows, condition.values)
    codes = {
        (label, said): 10 * row + column
        for row, label in enumerate(MASK_CLASSES)
        for column, said in enumerate(MASK_CLASSES)
    }
    return {
        split: {pair: counts.get(code, 0) for pair, code in codes.items()}
        for split, counts in found.items()
    }


def calibration(
    db: Database, filter: FaceFilter, *, bins: int = 15
) -> BySplit[list[ConfidenceBin]]:
    """Confidence against truth, in bins of equal width; empty bins left out."""
    condition = where_of_all_splits(filter)
    rows = db.execute(
        f"SELECT {SPLIT_CODE} AS split_code, min(cast(s.confidence * {bins:d} AS INTEGER),"
        f" {bins - 1:d}) AS bin, count(*), sum(s.mask_label = s.predicted_label), sum(s.confidence)"
        f" FROM face_states s WHERE s.confidence IS NOT NULL AND {COMPARED.format(condition.sql)}"
        " GROUP BY split_code, bin ORDER BY bin",
        condition.values,
    )
    found = by_split(((split, bin, np.array(sums)) for split, bin, *sums in rows), np.add)
    return {
        split: [_confidence_bin(bin, bins, *sums.tolist()) for bin, sums in sorted(of.items())]
        for split, of in found.items()
    }


def _confidence_bin(
    bin: int, bins: int, n: float, correct: float, confidence: float
) -> ConfidenceBin:
    return ConfidenceBin(
        low=bin / bins,
        high=(bin + 1) / bins,
        n=int(n),
        correct=int(correct),
        mean_confidence=confidence / n,
    )


def _class_code(column: str) -> str:
    """The place of a label in ``MASK_CLASSES``, in SQL."""
    cases = "".join(f" WHEN '{label}' THEN {code}" for code, label in enumerate(MASK_CLASSES))
    return f"(CASE {column}{cases} END)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCounts:
    """By label, how the probability of ``masked`` is spread, and which side was larger.

    ``bins[label][i]`` faces have it in [i, i + 1) ÷ ``len(bins[label])``; ``called_masked`` faces
    have p(masked) > p(unmasked): the two-class decision of ``core.metrics``.
    """

    bins: Mapping[MaskLabel, Sequence[int]]
    called_masked: Mapping[MaskLabel, int]


def score_counts(db: Database, filter: FaceFilter, *, bins: int = 200) -> BySplit[ScoreCounts]:
    """The serving student's probabilities of ``masked`` on labelled faces: for thresholds."""
    condition = where_of_all_splits(filter)
    key = (
        f"({_class_code('s.mask_label')} * 1000 + min(cast(p.p_masked * {bins:d} AS INTEGER),"
        f" {bins - 1:d})) * 10 + (p.p_masked > p.p_unmasked)"
    )
    rows = (
        "face_states s CROSS JOIN predictions p ON p.model_id = s.model_id"
        " AND p.face_id = s.face_id WHERE p.p_masked IS NOT NULL"
        f" AND {COMPARED.format(condition.sql)}"
    )
    (found,) = tallies_by_split(db, [key], rows, condition.values)
    return {split: _score_counts(counts, bins) for split, counts in found.items()}


def _score_counts(counts: Mapping[int, int], bins: int) -> ScoreCounts:
    spread = {label: [0] * bins for label in MASK_CLASSES}
    called_masked = dict.fromkeys(MASK_CLASSES, 0)
    for number, n in counts.items():
        label = MASK_CLASSES[number // 10_000]
        spread[label][number // 10 % 1000] += n
        called_masked[label] += n * (number % 10)
    return ScoreCounts(bins=spread, called_masked=called_masked)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentCounts:
    """A student on the faces of the sample that it answered."""

    model: str
    registered_at: str
    serves: bool
    confusion: Mapping[LabelPair, int]


#: Faces on which students are compared over time: enough for ± 0.7 %, few enough to be quick.
SAMPLE = 20_000


def students_on_sample(
    db: Database, filter: FaceFilter, *, faces: int = SAMPLE
) -> list[StudentCounts]:
    """Every student on those of the same labelled faces, drawn at random, that it answered.

    Oldest first.
    """
    condition = where(filter)
    rows = select(
        db,
        "SELECT m.name, m.created_at, a.alias IS NOT NULL AS serves, s.mask_label AS label,"
        " p.mask_label AS said, count(*) AS n FROM"
        " (SELECT face_id, mask_label FROM face_states s INDEXED BY face_states_by_chance"
        f"  WHERE is_labelled = 1 AND mask_label IS NOT NULL AND {condition.sql}"
        f"  ORDER BY random_key LIMIT {faces:d}) s"
        " CROSS JOIN models m"
        " CROSS JOIN predictions p ON p.model_id = m.id AND p.face_id = s.face_id"
        " LEFT JOIN model_aliases a ON a.model_id = m.id AND a.alias = 'champion'"
        " WHERE m.kind = 'student' AND p.mask_label IS NOT NULL GROUP BY m.id, label, said",
        condition.values,
    )
    students: dict[str, StudentCounts] = {}
    for row in rows:
        empty = {(a, b): 0 for a in MASK_CLASSES for b in MASK_CLASSES}
        student = students.setdefault(
            row["name"],
            StudentCounts(
                model=row["name"],
                registered_at=row["created_at"],
                serves=bool(row["serves"]),
                confusion=empty,
            ),
        )
        student.confusion[MaskLabel(row["label"]), MaskLabel(row["said"])] = row["n"]  # type: ignore[index]
    return sorted(students.values(), key=lambda student: student.registered_at)
