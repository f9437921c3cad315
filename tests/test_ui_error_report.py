"""Figures made of counts are those that ``core.metrics`` makes of the single faces."""

from __future__ import annotations

import numpy as np
import pytest

from core.faces import MASK_CLASSES
from core.metrics import MASKED, UNMASKED, mask_metrics
from db.mask_statistics import ConfidenceBin, ScoreCounts
from db.pose_statistics import PoseCell
from ui import error_report

BINS = 200


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """Labels (600,) and probabilities (600, 3), mostly right."""
    rng = np.random.default_rng(3)
    true = rng.choice(3, 600, p=[0.5, 0.4, 0.1])
    probabilities = rng.dirichlet([0.5, 0.5, 0.3], 600) + 0.8 * np.eye(3)[true]
    return true, probabilities / probabilities.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def scores(faces: tuple[np.ndarray, np.ndarray]) -> ScoreCounts:
    true, p = faces
    bins, called = {}, {}
    for index, label in enumerate(MASK_CLASSES):
        of = p[true == index]
        cells = np.minimum((of[:, MASKED] * BINS).astype(int), BINS - 1)
        bins[label] = np.bincount(cells, minlength=BINS).tolist()
        called[label] = int((of[:, MASKED] > of[:, UNMASKED]).sum())
    return ScoreCounts(bins=bins, called_masked=called)


def test_counts_give_the_figures_of_the_faces(
    faces: tuple[np.ndarray, np.ndarray], scores: ScoreCounts
) -> None:
    true, p = faces
    expected = mask_metrics(true, p, np.zeros(len(true), bool))
    confusion = {
        (a, b): expected.confusion[i][j]
        for i, a in enumerate(MASK_CLASSES)
        for j, b in enumerate(MASK_CLASSES)
    }
    pairs = [
        (error_report.accuracy(confusion), "three_class_accuracy"),
        (error_report.mean_f1(confusion), "macro_f1"),
        (error_report.specificity(scores), "specificity"),
        (error_report.recall(scores), "recall"),
        (error_report.correlation(scores), "mcc"),
    ]
    for figure, name in pairs:
        assert figure.value == pytest.approx(getattr(expected, name)), name
        assert figure.interval == pytest.approx(getattr(expected, f"{name}_ci95")), name
    bins = confidence_bins(true, p)
    error = error_report.calibration_error(bins)
    assert error.value == pytest.approx(expected.ece, abs=1e-9)
    low, high = error.interval
    assert 0 <= low <= error.value <= high < 0.5


def confidence_bins(true: np.ndarray, p: np.ndarray) -> list[ConfidenceBin]:
    confidence, right = p.max(axis=1), p.argmax(axis=1) == true
    place = np.minimum((confidence * 15).astype(int), 14)
    return [
        ConfidenceBin(
            low=bin / 15,
            high=(bin + 1) / 15,
            n=int((place == bin).sum()),
            correct=int(right[place == bin].sum()),
            mean_confidence=float(confidence[place == bin].mean()),
        )
        for bin in sorted(set(place.tolist()))
    ]


def test_threshold_curves_count_faces_at_or_above(
    faces: tuple[np.ndarray, np.ndarray], scores: ScoreCounts
) -> None:
    true, p = faces
    curves = error_report.threshold_curves(scores)
    index = curves.at(0.4)
    assert curves.threshold[index] == pytest.approx(0.4)
    called = p[:, MASKED] >= curves.threshold[index]
    assert curves.recall[index] == pytest.approx(called[true == MASKED].mean())
    assert curves.specificity[index] == pytest.approx(1 - called[true == UNMASKED].mean())
    assert (curves.recall[0], curves.specificity[0], curves.recall[-1]) == (1, 0, 0)
    ranks = p[true == MASKED, MASKED][:, None] - p[true == UNMASKED, MASKED][None]
    assert curves.area == pytest.approx((ranks > 0).mean(), abs=0.005)
    at_least = curves.for_recall(0.95)
    assert curves.recall[at_least] >= 0.95 > curves.recall[at_least + 1]


def test_without_faces_there_is_no_figure_and_no_curve() -> None:
    none = {(a, b): 0 for a in MASK_CLASSES for b in MASK_CLASSES}
    scores = ScoreCounts(
        bins={label: [0] * 10 for label in MASK_CLASSES},
        called_masked=dict.fromkeys(MASK_CLASSES, 0),
    )
    for figure in (
        error_report.accuracy(none),
        error_report.mean_f1(none),
        error_report.specificity(scores),
        error_report.correlation(scores),
        error_report.calibration_error([]),
        error_report.pose_error([]),
    ):
        assert (figure.value, figure.interval, figure.n) == (None, None, 0)
    assert error_report.threshold_curves(scores) is None


def pose_cell(n: int, mae: float, squares: float, **given: object) -> PoseCell:
    """A cell whose faces have these sums; what is not given is 0."""
    names = PoseCell.__dataclass_fields__
    values = dict.fromkeys(names, 0.0) | {"label": None, "n": n, "mae": mae, "mae_squares": squares}
    return PoseCell(**(values | given))  # type: ignore[arg-type]


def test_pose_figures_are_means_over_faces_with_intervals_from_thirty_on() -> None:
    cells = [pose_cell(20, 60.0, 200.0), pose_cell(20, 100.0, 520.0)]
    figure = error_report.pose_error(cells)
    assert (figure.value, figure.n) == (4.0, 40)
    half = 1.96 * np.sqrt((720 / 40 - 16) * 40 / 39 / 40)
    assert figure.interval == pytest.approx((4 - half, 4 + half), abs=1e-3)
    assert error_report.pose_error(cells[:1]).interval is None
    assert error_report.pose_bias([pose_cell(4, 0, 0, yaw_sum=-8.0)], "yaw").value == -2
