"""Intervals of the difference between two models on the same faces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from core.intervals import compare_means, compare_shares, proportion_interval


def errors(n: int, *, broken: int = 0, mended: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Errors 0/1 of two models on n faces, of which the second breaks some and mends others."""
    first, second = np.zeros(n), np.zeros(n)
    second[:broken] = 1
    first[broken : broken + mended] = 1
    return first, second


@pytest.mark.parametrize(
    ("n", "broken", "mended", "published"),
    [(161, 6, 16, (-0.1240, -0.0054)), (161, 16, 6, (0.0054, 0.1240))],
)
def test_the_paired_score_interval_is_the_published_one(n, broken, mended, published) -> None:
    """Cavo et al. 2012: Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables
    (2017), chapter 8, as R's ``contingencytables`` computes it."""
    paired = compare_shares(*errors(n, broken=broken, mended=mended))
    assert paired.difference == (broken - mended) / n
    assert paired.difference_ci95 == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("n", [1, 40, 189])
def test_where_no_face_changed_the_faces_left_unseen_set_the_limit(n: int) -> None:
    low, high = compare_shares(*errors(n)).difference_ci95
    assert high == pytest.approx(proportion_interval(0, n)[1])
    assert low == -high


def test_all_faces_changed_is_as_certain_as_n_allows() -> None:
    low, high = compare_shares(*errors(40, broken=40)).difference_ci95
    assert high == 1 and low == pytest.approx((40 - 1.96**2) / (40 + 1.96**2), abs=1e-5)


@pytest.mark.parametrize("n", [40, 100, 189, 400])
def test_a_model_that_is_two_points_worse_seldom_passes_as_no_worse(n: int) -> None:
    passes = (compare_shares(*errors(n, broken=k)).difference_ci95[1] <= 0.02 for k in range(n))
    chance = sum(binom.pmf(k, n, 0.02) for k, passed in enumerate(passes) if passed)
    assert chance <= 0.025


def test_shares_of_a_row_count_as_parts_of_a_face() -> None:
    first, second = errors(60, broken=4, mended=2)
    halved = second.copy()
    halved[:4], halved[6:10] = 0.5, 0.5  # eight rows half broken instead of four
    parts, whole = compare_shares(first, halved), compare_shares(first, second)
    assert parts.difference_ci95 == pytest.approx(whole.difference_ci95)
    almost = np.r_[np.ones(9), 1 - 1e-6]
    assert compare_shares(np.zeros(10), almost).difference_ci95[1] == pytest.approx(1)


def test_shares_refuse_rows_of_different_length() -> None:
    with pytest.raises(ValueError, match="equally"):
        compare_shares(np.zeros(3), np.zeros(4))


def test_both_comparisons_see_the_same_difference() -> None:
    first, second = errors(300, broken=20, mended=50)
    shares, means = compare_shares(first, second), compare_means(first, second)
    assert shares.difference == means.difference
    assert shares.difference_ci95 == pytest.approx(means.difference_ci95, abs=0.006)
