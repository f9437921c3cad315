"""95 % confidence intervals: how far a figure would move on other faces of the same kind.

All draws are seeded, so the same predictions always print the same interval. Rows are taken as
independent; where many faces come from one person or picture the true interval is wider.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Interval = tuple[float, float]
#: Maps confusion counts (..., K, K), rows = true, to one figure each (...).
ConfusionStatistic = Callable[[np.ndarray], np.ndarray]

RESAMPLES = 2000
SEED = 0
_PERCENTILES = (2.5, 97.5)
_Z_95 = 1.959963984540054  # the standard normal's 97.5th percentile
_LEAST_VARIANCE = 1e-18  # of a count: none is left where a difference is certain
_INDICES_AT_ONCE = 4_000_000  # keeps a resampling of 20,000 faces below 100 MB


def mean_interval(values: np.ndarray, resamples: int = RESAMPLES) -> Interval | None:
    """Percentile bootstrap interval of the mean of ``values`` (n,); None below two values.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    if len(values) < 2:
        return None
    return _percentile_interval(_resampled_means(np.asarray(values, np.float64), resamples))


def _resampled_means(values: np.ndarray, resamples: int) -> np.ndarray:
    """Means of ``resamples`` draws with replacement, each as long as ``values`` (n,)."""
    rng = np.random.default_rng(SEED)
    rows_at_once = max(1, _INDICES_AT_ONCE // len(values))
    means = []
    for start in range(0, resamples, rows_at_once):
        rows = min(rows_at_once, resamples - start)
        picks = rng.integers(len(values), size=(rows, len(values)))
        means.append(values[picks].mean(axis=1))
    return np.concatenate(means)  # (resamples,)


def proportion_interval(hits: int, n: int) -> Interval | None:
    """Wilson score interval of ``hits`` out of ``n``; None for n = 0.

    Unlike the bootstrap it does not collapse to a point when all or none are hits.
    Source: Wilson, JASA 22 (1927); Brown, Cai & DasGupta, Statistical Science 16 (2001).
    """
    if n == 0:
        return None
    share, z2 = hits / n, _Z_95**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def confusion_interval(statistic: ConfusionStatistic, confusion: np.ndarray) -> Interval | None:
    """Bootstrap interval of a figure computed from the counts ``confusion`` (K, K).

    Drawing n faces with replacement and counting them anew is one draw from a multinomial over
    the cells, so no per-face resampling is needed.
    """
    return _percentile_interval(statistic(_resampled_counts(confusion)))


def _resampled_counts(counts: np.ndarray) -> np.ndarray:
    """Bootstrap draws of a table of counts: (RESAMPLES, *counts.shape)."""
    n = int(counts.sum())
    if n == 0:
        return np.zeros((RESAMPLES, *counts.shape), np.int64)
    rng = np.random.default_rng(SEED)
    draws = rng.multinomial(n, counts.ravel() / n, size=RESAMPLES)
    return draws.reshape(RESAMPLES, *counts.shape)


def _percentile_interval(figures: np.ndarray) -> Interval | None:
    """The middle 95 % of the resampled ``figures``; draws without a value (NaN) are left out."""
    defined = figures[np.isfinite(figures)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, _PERCENTILES)
    return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Two models on the same faces: ``difference`` = ``second`` − ``first``, with its interval.

    Pairing removes what both share, the difficulty of each face, so the interval of the
    difference is far narrower than the two single intervals suggest.
    """

    n: int
    first: float
    second: float
    difference: float
    difference_ci95: Interval | None


def compare_means(first: np.ndarray, second: np.ndarray) -> PairedDifference:
    """Paired bootstrap over figures (n,) of two models, such as each face's error in degrees."""
    return _paired(first, second, mean_interval)


def compare_shares(first: np.ndarray, second: np.ndarray) -> PairedDifference:
    """As ``compare_means`` for errors 0 or 1, or shares of errors between them, (n,).

    The bootstrap knows only the changes it has seen: where none of 40 faces changed it would call
    a difference of exactly 0 sure.
    """
    return _paired(first, second, _share_interval)


def _paired(
    first: np.ndarray, second: np.ndarray, interval: Callable[[np.ndarray], Interval | None]
) -> PairedDifference:
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(
            f"expected two equally long rows of figures, got {first.shape} and {second.shape}"
        )
    return PairedDifference(
        n=len(first),
        first=float(first.mean()),
        second=float(second.mean()),
        difference=float((second - first).mean()),
        difference_ci95=interval(second - first),
    )


def _share_interval(changes: np.ndarray) -> Interval:
    """Tango's interval of the mean of ``changes`` (n,), each in -1…1.

    A change of part of a row counts as that part of a changed row. That errs on the safe side: of
    all rows with the same rises and falls, whole ones vary most.
    """
    rises, falls = float(changes.clip(min=0).sum()), float(-changes.clip(max=0).sum())
    return -_largest_rise(falls, rises, len(changes)), _largest_rise(rises, falls, len(changes))


def _largest_rise(rises: float, falls: float, n: int) -> float:
    """The upper end of the 95 % score interval of (rises − falls) / n, of n pairs of yes and no.

    Source: Tango, Statistics in Medicine 17 (1998) 891–908: where the score test of a difference,
    with the share of falls most likely under it, begins to refuse.
    """
    from scipy.optimize import bisect  # a third of a second that no dashboard needs

    if rises == n:
        return 1.0

    def score(difference: float) -> float:
        linear = (2 * n - rises + falls) * difference - rises - falls
        root = math.sqrt(max(0.0, linear**2 + 8 * n * falls * difference * (1 - difference)))
        fall_share = (root - linear) / (4 * n)
        variance = n * (2 * fall_share + difference * (1 - difference))
        return (rises - falls - n * difference) / math.sqrt(max(variance, _LEAST_VARIANCE))

    return float(bisect(lambda difference: score(difference) + _Z_95, (rises - falls) / n, 1.0))


def compare_confusions(
    statistic: ConfusionStatistic,
    true: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    classes: int,
) -> PairedDifference:
    """Paired bootstrap of a confusion figure (MCC, F1…) of two models.

    ``true``, ``first`` and ``second`` are class indices (n,).
    """
    if not len(true) == len(first) == len(second) > 0:
        raise ValueError(
            f"expected equally many classes, got {len(true)}, {len(first)}, {len(second)}"
        )
    joint = np.zeros((classes, classes, classes), np.int64)
    np.add.at(joint, (true, first, second), 1)
    return compare_counts(statistic, joint)


def compare_counts(statistic: ConfusionStatistic, joint: np.ndarray) -> PairedDifference:
    """As ``compare_confusions``, from how often each (true, first, second) occurs: (K, K, K).

    Source as in ``mean_interval``; the resampled cells are triples, so both models see the same
    draws.
    """
    if not joint.sum():
        raise ValueError("expected counts of faces, got none")

    def figures(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return statistic(counts.sum(axis=-1)), statistic(counts.sum(axis=-2))

    of_first, of_second = figures(joint)
    drawn_first, drawn_second = figures(_resampled_counts(joint))
    return PairedDifference(
        n=int(joint.sum()),
        first=float(of_first),
        second=float(of_second),
        difference=float(of_second - of_first),
        difference_ci95=_percentile_interval(drawn_second - drawn_first),
    )


def interval_of_sums(n: int, mean: float, sum_of_squares: float) -> Interval | None:
    """Normal interval of a mean, from what a database can add up; None below 30 values.

    From there on the mean is near enough to normally distributed, and bootstrap intervals agree.
    """
    if n < 30:
        return None
    variance = max(0.0, sum_of_squares / n - mean**2) * n / (n - 1)
    half = _Z_95 * math.sqrt(variance / n)
    return mean - half, mean + half
