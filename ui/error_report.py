"""What the dashboards say about the serving student: counts of ``db`` as figures with intervals.

Figures mean what ``core.metrics`` says they mean; here they come from counts, so that a million
faces cost no more than a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.faces import MASK_CLASSES, MaskLabel
from core.intervals import (
    Interval,
    confusion_interval,
    interval_of_sums,
    proportion_interval,
)
from core.metrics import macro_f1_of, matthews_correlation
from db.mask_statistics import ConfidenceBin, ScoreCounts
from db.pose_statistics import ErrorSums, PoseCell
from db.statistics import LabelPair


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its 95 % interval, and how many faces it rests on; None where undefined."""

    value: float | None
    interval: Interval | None
    n: int


def confusion_array(counts: Mapping[LabelPair, int]) -> np.ndarray:
    """Counts (3, 3), rows = label, columns = predicted, in the order of ``MASK_CLASSES``."""
    return np.array([[counts[a, b] for b in MASK_CLASSES] for a in MASK_CLASSES], np.int64)


def accuracy(counts: Mapping[LabelPair, int]) -> Figure:
    """Of the three classes."""
    array = confusion_array(counts)
    return share(int(array.trace()), int(array.sum()))


def specificity(scores: ScoreCounts) -> Figure:
    """Unmasked faces with p(unmasked) ≥ p(masked)."""
    n = sum(scores.bins[MaskLabel.UNMASKED])
    return share(n - scores.called_masked[MaskLabel.UNMASKED], n)


def recall(scores: ScoreCounts) -> Figure:
    """Masked faces with p(masked) > p(unmasked)."""
    return share(scores.called_masked[MaskLabel.MASKED], sum(scores.bins[MaskLabel.MASKED]))


def correlation(scores: ScoreCounts) -> Figure:
    """Matthews correlation of masked against unmasked, decided by the larger probability."""
    rows = []
    for label in (MaskLabel.UNMASKED, MaskLabel.MASKED):
        n, called = sum(scores.bins[label]), scores.called_masked[label]
        rows.append((n - called, called))
    two = np.array(rows, np.int64)
    return _figure(matthews_correlation, two)


def mean_f1(counts: Mapping[LabelPair, int]) -> Figure:
    """Mean F1 of the classes that people found."""
    confusion = confusion_array(counts)
    return _figure(macro_f1_of(confusion.sum(axis=1)), confusion)


def calibration_error(bins: Sequence[ConfidenceBin]) -> Figure:
    """Mean gap between confidence and accuracy (ECE) over bins of equal width.

    Source: Guo et al. (ICML 2017), equation 3. Interval: bins drawn anew, each as binomial.
    """
    n = sum(bin.n for bin in bins)
    if n == 0:
        return Figure(value=None, interval=None, n=0)
    sizes, hits, confidence = (
        np.array([getattr(bin, name) for bin in bins], float)
        for name in ("n", "correct", "mean_confidence")
    )
    drawn = np.random.default_rng(0).binomial(sizes.astype(int), hits / sizes, (2000, len(bins)))
    errors = np.abs(drawn - sizes * confidence).sum(axis=1) / n
    low, high = np.percentile(errors, (2.5, 97.5))
    value = float(np.abs(hits - sizes * confidence).sum() / n)
    return Figure(value=value, interval=(min(float(low), value), max(float(high), value)), n=n)


def share(hits: int, n: int) -> Figure:
    """A share of faces with Wilson's interval."""
    return Figure(value=hits / n if n else None, interval=proportion_interval(hits, n), n=n)


def pose_error(cells: Iterable[PoseCell | ErrorSums], what: str = "mae") -> Figure:
    """Mean ``mae`` or ``geodesic`` of the faces in these cells, degrees."""
    return _mean(cells, what, f"{what}_squares")


def pose_bias(cells: Iterable[PoseCell], axis: str) -> Figure:
    """Mean signed error of an axis, degrees: above 0 the student answers too far to the plus."""
    return _mean(cells, f"{axis}_sum", f"{axis}_squares")


def axis_error(cells: Iterable[PoseCell], axis: str) -> Figure:
    """Mean |error| of an axis, degrees."""
    return _mean(cells, f"{axis}_abs", f"{axis}_squares")


def _mean(cells: Iterable[PoseCell | ErrorSums], total: str, squares: str) -> Figure:
    cells = list(cells)
    n = sum(cell.n for cell in cells)
    if n == 0:
        return Figure(value=None, interval=None, n=0)
    mean = sum(getattr(cell, total) for cell in cells) / n
    sum_of_squares = sum(getattr(cell, squares) for cell in cells)
    return Figure(value=mean, interval=interval_of_sums(n, mean, sum_of_squares), n=n)


def _figure(statistic, counts: np.ndarray) -> Figure:
    value = float(statistic(counts))
    return Figure(
        value=value if np.isfinite(value) else None,
        interval=confusion_interval(statistic, counts),
        n=int(counts.sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCurves:
    """What a threshold on p(masked) does: all arrays (bins + 1,), thresholds rising from 0 to 1.

    Faces at or above the threshold are called masked. ``precision`` is NaN where none is.
    """

    threshold: np.ndarray
    recall: np.ndarray
    specificity: np.ndarray
    precision: np.ndarray
    masked: int
    unmasked: int

    @property
    def area(self) -> float:
        """Under the ROC curve."""
        return float(-np.trapezoid(self.recall, 1 - self.specificity))

    def at(self, threshold: float) -> int:
        """The index of a threshold."""
        return int(np.abs(self.threshold - threshold).argmin())

    def for_recall(self, wanted: float) -> int:
        """The highest threshold that still finds this share of the masks."""
        return int(np.flatnonzero(self.recall >= wanted)[-1])


def threshold_curves(scores: ScoreCounts) -> ThresholdCurves | None:
    """None where one of the two classes has no face; incorrectly worn masks take no part."""
    masked, unmasked = (
        np.array(scores.bins[label], float) for label in (MaskLabel.MASKED, MaskLabel.UNMASKED)
    )
    if not masked.sum() or not unmasked.sum():
        return None
    found, false = (np.append(side[::-1].cumsum()[::-1], 0.0) for side in (masked, unmasked))
    called = found + false
    return ThresholdCurves(
        threshold=np.linspace(0, 1, len(found)),
        recall=found / masked.sum(),
        specificity=1 - false / unmasked.sum(),
        precision=np.divide(found, called, out=np.full_like(found, np.nan), where=called > 0),
        masked=int(masked.sum()),
        unmasked=int(unmasked.sum()),
    )
