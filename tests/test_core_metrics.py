"""Metrics against numbers worked by hand, against slow definitions, and their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.faces import MASK_CLASSES, MaskLabel
from core.head_pose import rotation_from_euler
from core.intervals import (
    compare_confusions,
    compare_counts,
    compare_means,
    confusion_interval,
    interval_of_sums,
    mean_interval,
    proportion_interval,
)
from core.metrics import (
    PoseMetrics,
    binary_decision,
    expected_calibration_error,
    f1_score,
    macro_f1_of,
    mask_metrics,
    matthews_correlation,
    pose_metrics,
)

UNMASKED, MASKED, INCORRECT = (
    MASK_CLASSES.index(label)
    for label in (MaskLabel.UNMASKED, MaskLabel.MASKED, MaskLabel.INCORRECT)
)


def measure_pose(true_deg: list[list[float]], predicted_deg: list[list[float]]) -> PoseMetrics:
    true, predicted = np.array(true_deg, float), np.array(predicted_deg, float)
    return pose_metrics(
        true, predicted, rotation_from_euler(*true.T), rotation_from_euler(*predicted.T)
    )


def one_angle(true_deg: float, predicted_deg: float) -> PoseMetrics:
    """Errors of a roll that is alone, so that mae_deg is a third of its error."""
    return measure_pose([[0, 0, true_deg]], [[0, 0, predicted_deg]])


def test_179_and_minus_179_are_2_apart_once_wrapped() -> None:
    metrics = one_angle(-179, 179)
    assert metrics.roll_mae_deg == pytest.approx(358)
    assert metrics.mae_wrapped_deg == pytest.approx(2 / 3)
    assert metrics.geodesic_mean_deg == pytest.approx(2)


def test_minus_90_for_90_is_wrong_by_180_in_every_figure() -> None:
    # 6DRepNet's and yakhyo's evaluators also try ±180° and call this answer perfect.
    metrics = one_angle(90, -90)
    assert metrics.roll_mae_deg == pytest.approx(180)
    assert metrics.mae_wrapped_deg == pytest.approx(60)
    assert metrics.geodesic_mean_deg == pytest.approx(180)


def test_170_for_0_is_wrong_by_170() -> None:
    metrics = one_angle(0, 170)
    assert metrics.roll_mae_deg == pytest.approx(170)
    assert metrics.geodesic_mean_deg == pytest.approx(170)


def test_pose_errors_match_a_table_worked_by_hand() -> None:
    metrics = measure_pose(
        true_deg=[[10, 0, 0], [-45, 5, 0], [80, -20, 10], [-29.9, 0, 0]],
        predicted_deg=[[13, 0, 0], [-42, 2, 3], [70, -20, 15], [-29.9, 6, 0]],
    )
    # errors: (3, 0, 0), (3, 3, 3), (10, 0, 5), (0, 6, 0)
    assert metrics.n == 4
    assert metrics.yaw_mae_deg == pytest.approx(4)
    assert metrics.pitch_mae_deg == pytest.approx(9 / 4)
    assert metrics.roll_mae_deg == pytest.approx(2)
    assert metrics.mae_deg == pytest.approx((4 + 9 / 4 + 2) / 3)
    assert [of.n for of in metrics.by_yaw.values()] == [2, 1, 1]
    assert [of.mae_deg for of in metrics.by_yaw.values()] == pytest.approx([1.5, 3, 5])
    assert list(metrics.by_yaw) == ["0-30", "30-60", "60-99"]


def test_yaw_bins_take_their_lower_edge() -> None:
    metrics = measure_pose([[30, 0, 0], [-60, 0, 0], [99, 0, 0]], [[0, 0, 0]] * 3)
    assert [of.n for of in metrics.by_yaw.values()] == [0, 1, 2]
    assert metrics.by_yaw["0-30"].mae_deg is None


angles_deg = arrays(float, (7, 3), elements=st.floats(-99, 99, width=32))


@given(angles_deg, angles_deg)
def test_pose_errors_are_symmetric_and_consistent(first: np.ndarray, second: np.ndarray) -> None:
    there, back = measure_pose(first, second), measure_pose(second, first)
    assert there.mae_deg == pytest.approx(back.mae_deg)
    assert there.geodesic_mean_deg == pytest.approx(back.geodesic_mean_deg)
    assert there.mae_wrapped_deg <= there.mae_deg + 1e-9
    assert there.mae_deg == pytest.approx(
        (there.yaw_mae_deg + there.pitch_mae_deg + there.roll_mae_deg) / 3
    )
    assert 0 <= there.geodesic_median_deg <= 180 + 1e-9


@given(angles_deg)
def test_a_perfect_answer_has_no_error(true_deg: np.ndarray) -> None:
    metrics = measure_pose(true_deg, true_deg)
    assert metrics.mae_deg == metrics.mae_wrapped_deg == 0
    assert metrics.geodesic_mean_deg == pytest.approx(0, abs=1e-5)


def certain(*classes: int) -> np.ndarray:
    """Probabilities (n, 3) of a model that is 80 % sure of each class, the rest shared."""
    probabilities = np.full((len(classes), 3), 0.1)
    probabilities[np.arange(len(classes)), classes] = 0.8
    return probabilities


def test_mask_figures_match_a_table_worked_by_hand() -> None:
    # truth:      4 masked, 3 unmasked (2 of them occluded), 2 incorrect
    true = np.array([MASKED] * 4 + [UNMASKED] * 3 + [INCORRECT] * 2)
    occluded = np.array([True] * 4 + [True, True, False] + [True] * 2)
    said = certain(
        *(MASKED, MASKED, MASKED, UNMASKED),
        *(MASKED, UNMASKED, UNMASKED),
        *(INCORRECT, MASKED),
    )
    metrics = mask_metrics(true, said, occluded)
    assert (metrics.n, metrics.n_binary, metrics.n_occluded) == (9, 7, 2)
    assert metrics.accuracy == pytest.approx(5 / 7)
    assert metrics.recall == pytest.approx(3 / 4)
    assert metrics.specificity == pytest.approx(2 / 3)
    assert metrics.specificity_occluded == pytest.approx(1 / 2)
    assert metrics.f1 == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert metrics.mcc == pytest.approx((3 * 2 - 1 * 1) / math.sqrt(4 * 4 * 3 * 3))
    assert metrics.classes == ("unmasked", "masked", "incorrect")
    assert metrics.confusion == [[2, 1, 0], [1, 3, 0], [0, 1, 1]]
    assert metrics.recall_by_class == {"unmasked": 2 / 3, "masked": 3 / 4, "incorrect": 1 / 2}
    assert metrics.macro_f1 == pytest.approx((4 / 6 + 6 / 9 + 2 / 3) / 3)
    assert metrics.three_class_accuracy == pytest.approx(6 / 9)
    assert metrics.ece == pytest.approx(0.8 - 6 / 9)


def test_the_binary_decision_ignores_incorrect_and_takes_the_larger_of_the_two() -> None:
    probabilities = np.array([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7], [0.5, 0.5, 0.0]])
    assert binary_decision(probabilities).tolist() == [MASKED, UNMASKED, UNMASKED]


def test_figures_without_faces_are_none_and_not_zero() -> None:
    metrics = mask_metrics(np.array([MASKED] * 3), certain(1, 1, 0), np.zeros(3, bool))
    assert metrics.recall == pytest.approx(2 / 3)
    assert metrics.specificity is metrics.specificity_ci95 is None
    assert metrics.specificity_occluded is None
    assert metrics.n_occluded == 0
    assert metrics.mcc is None  # no unmasked face: the margins' product is 0
    assert metrics.recall_by_class["incorrect"] is None


def test_macro_f1_leaves_out_classes_that_do_not_occur() -> None:
    confusion = np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]])
    assert macro_f1_of(confusion.sum(axis=1))(confusion) == pytest.approx(1.0)


def test_a_rare_class_that_is_never_found_keeps_macro_f1_low_in_every_draw() -> None:
    """Draws without its two faces had counted as perfect: the interval ended at 1."""
    confusion = np.array([[300, 0, 0], [0, 198, 0], [2, 0, 0]])
    interval = confusion_interval(macro_f1_of(confusion.sum(axis=1)), confusion)
    assert interval is not None and interval[1] < 0.68


def test_calibration_error_is_zero_when_confidence_is_earned() -> None:
    true = np.array([1] * 8 + [0, 2])
    assert expected_calibration_error(true, certain(*[1] * 10)) == pytest.approx(0)


def test_calibration_bins_are_apart() -> None:
    # Two faces at 0.5 both right (gap 0.5), two at 0.95 both wrong (gap 0.95): no cancelling.
    probabilities = np.array([[0.5, 0.3, 0.2]] * 2 + [[0.95, 0.05, 0.0]] * 2)
    true = np.array([0, 0, 1, 1])
    assert expected_calibration_error(true, probabilities) == pytest.approx((0.5 + 0.95) / 2)


counts_2 = arrays(np.int64, (2, 2), elements=st.integers(0, 50))


@given(counts_2)
def test_f1_and_mcc_equal_their_definitions(confusion: np.ndarray) -> None:
    (tn, fp), (fn, tp) = confusion.tolist()
    if tp + fp + fn:
        assert f1_score(confusion) == pytest.approx(2 * tp / (2 * tp + fp + fn))
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    if margins:
        assert matthews_correlation(confusion) == pytest.approx(
            (tp * tn - fp * fn) / math.sqrt(margins)
        )
    else:
        assert np.isnan(matthews_correlation(confusion))


@given(arrays(np.int64, (3, 3), elements=st.integers(0, 30)))
def test_macro_f1_equals_the_mean_of_each_class(confusion: np.ndarray) -> None:
    f1 = [
        2 * confusion[k, k] / (confusion[k].sum() + confusion[:, k].sum())
        for k in range(3)
        if confusion[k].sum()
    ]
    if f1:
        assert macro_f1_of(confusion.sum(axis=1))(confusion) == pytest.approx(np.mean(f1))


def test_the_wilson_interval_matches_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29.
    for hits, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert proportion_interval(hits, n) == pytest.approx((low, high), abs=5e-5)
    assert proportion_interval(0, 0) is None


def test_the_bootstrap_of_a_mean_agrees_with_theory() -> None:
    values = np.random.default_rng(1).normal(4.0, 3.0, 400)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)
    assert mean_interval(values) == (low, high)  # seeded
    assert mean_interval(values[:1]) is None


def test_the_multinomial_bootstrap_agrees_with_resampling_faces() -> None:
    confusion = np.array([[180, 20], [15, 285]])
    true = np.repeat([0, 0, 1, 1], confusion.ravel())
    said = np.repeat([0, 1, 0, 1], confusion.ravel())
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(1000):
        pick = rng.integers(500, size=500)
        table = np.zeros((2, 2), int)
        np.add.at(table, (true[pick], said[pick]), 1)
        drawn.append(float(matthews_correlation(table)))
    slow = tuple(np.percentile(drawn, (2.5, 97.5)))
    assert confusion_interval(matthews_correlation, confusion) == pytest.approx(slow, abs=0.01)


def test_the_figure_lies_in_its_interval() -> None:
    rng = np.random.default_rng(3)
    true = rng.integers(3, size=300)
    said = np.where(rng.random(300) < 0.8, true, rng.integers(3, size=300))
    metrics = mask_metrics(true, certain(*said), rng.random(300) < 0.3)
    for name in ("accuracy", "f1", "mcc", "recall", "specificity", "macro_f1"):
        low, high = getattr(metrics, f"{name}_ci95")
        assert low < getattr(metrics, name) < high
        assert high - low < 0.25


def test_pairing_sees_a_small_difference_that_single_intervals_hide() -> None:
    rng = np.random.default_rng(4)
    difficulty = rng.exponential(4, 500)
    champion, challenger = difficulty + 0.3, difficulty + rng.normal(0, 0.2, 500)
    paired = compare_means(champion, challenger)
    assert paired.difference == pytest.approx(-0.3, abs=0.03)
    assert paired.difference_ci95[1] < 0
    assert mean_interval(challenger)[1] > mean_interval(champion)[0]


def test_the_paired_difference_of_a_model_to_itself_is_exactly_zero() -> None:
    true, said = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 0, 1])
    paired = compare_confusions(matthews_correlation, true, said, said, classes=2)
    assert paired.difference == 0
    assert paired.difference_ci95 == (0, 0)
    assert compare_means(said, said).difference_ci95 == (0, 0)


def test_comparing_confusions_gives_each_models_own_figure() -> None:
    true = np.array([0, 0, 1, 1])
    first, second = np.array([0, 1, 1, 1]), np.array([0, 0, 1, 0])
    paired = compare_confusions(f1_score, true, first, second, classes=2)
    assert paired.first == pytest.approx(4 / 5)
    assert paired.second == pytest.approx(2 / 3)


def test_sums_give_the_interval_that_the_bootstrap_gives() -> None:
    values = np.random.default_rng(3).normal(0.4, 2, 900)
    summed = interval_of_sums(900, values.mean(), (values**2).sum())
    assert summed == pytest.approx(mean_interval(values), abs=0.02)
    assert interval_of_sums(29, 0.4, 9.0) is None
    assert interval_of_sums(100, 0.5, 25.0) == pytest.approx((0.5, 0.5))


def test_rows_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="equally"):
        compare_means(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="equally"):
        compare_confusions(f1_score, np.zeros(3, int), np.zeros(3, int), np.zeros(2, int), 2)
    with pytest.raises(ValueError, match="none"):
        compare_counts(f1_score, np.zeros((2, 2, 2), int))
    with pytest.raises(ValueError, match="probabilities"):
        mask_metrics(np.zeros(0, int), np.zeros((0, 3)), np.zeros(0, bool))
