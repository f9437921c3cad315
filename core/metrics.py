"""The figures that models are compared by: head pose errors, mask classification, calibration.

Definitions follow the published tables: pose errors are |predicted − true| per Euler angle without
wrapping, as HopeNet (Ruiz et al., CVPRW 2018) and all after it print them. Nothing here forgives
±180°: an answer of 90° to a truth of −90° is wrong by 180°.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.faces import MASK_CLASSES, MaskLabel
from core.head_pose import geodesic_deg, wrap_deg
from core.intervals import (
    ConfusionStatistic,
    Interval,
    confusion_interval,
    mean_interval,
    proportion_interval,
)

YAW_BINS_DEG = ((0, 30), (30, 60), (60, 99))
ECE_BINS = 15

UNMASKED, MASKED = (MASK_CLASSES.index(label) for label in (MaskLabel.UNMASKED, MaskLabel.MASKED))


@dataclass(frozen=True, kw_only=True)
class YawBinMetrics:
    """Pose error of the faces in one range of |true yaw|; None without faces."""

    n: int
    mae_deg: float | None
    mae_deg_ci95: Interval | None


@dataclass(frozen=True, kw_only=True)
class PoseMetrics:
    """Head pose errors in degrees over ``n`` faces; lower is better."""

    n: int
    mae_deg: float  # mean of the three angles' errors
    mae_deg_ci95: Interval | None
    yaw_mae_deg: float
    pitch_mae_deg: float
    roll_mae_deg: float
    mae_wrapped_deg: float  # as mae_deg, but 179° and −179° are 2° apart
    geodesic_mean_deg: float  # angle of the rotation between prediction and truth
    geodesic_mean_deg_ci95: Interval | None
    geodesic_median_deg: float
    by_yaw: Mapping[str, YawBinMetrics]  # "0-30", "30-60", "60-99" by |true yaw|


def pose_metrics(
    true_deg: np.ndarray,
    predicted_deg: np.ndarray,
    true_rotation: np.ndarray,
    predicted_rotation: np.ndarray,
) -> PoseMetrics:
    """Head pose errors from yaw, pitch, roll (n, 3) in degrees and rotations (n, 3, 3)."""
    if true_deg.shape != predicted_deg.shape or true_deg.ndim != 2 or true_deg.shape[1] != 3:
        raise ValueError(
            f"expected yaw, pitch, roll (n, 3), got {true_deg.shape} and {predicted_deg.shape}"
        )
    errors_deg = np.abs(predicted_deg - true_deg)  # (n, 3)
    wrapped_deg = np.abs(wrap_deg(predicted_deg - true_deg))
    face_mae_deg = errors_deg.mean(axis=1)  # (n,)
    face_geodesic_deg = geodesic_deg(true_rotation, predicted_rotation)
    yaw_mae_deg, pitch_mae_deg, roll_mae_deg = (float(error) for error in errors_deg.mean(axis=0))
    return PoseMetrics(
        n=len(true_deg),
        mae_deg=float(face_mae_deg.mean()),
        mae_deg_ci95=mean_interval(face_mae_deg),
        yaw_mae_deg=yaw_mae_deg,
        pitch_mae_deg=pitch_mae_deg,
        roll_mae_deg=roll_mae_deg,
        mae_wrapped_deg=float(wrapped_deg.mean()),
        geodesic_mean_deg=float(face_geodesic_deg.mean()),
        geodesic_mean_deg_ci95=mean_interval(face_geodesic_deg),
        geodesic_median_deg=float(np.median(face_geodesic_deg)),
        by_yaw=_by_yaw(true_deg[:, 0], face_mae_deg),
    )


def _by_yaw(true_yaw_deg: np.ndarray, face_mae_deg: np.ndarray) -> dict[str, YawBinMetrics]:
    """The error by |true yaw|: [0, 30), [30, 60), [60, 99]."""
    yaw_bin = np.digitize(np.abs(true_yaw_deg), [low for low, _ in YAW_BINS_DEG[1:]])
    metrics = {}
    for index, (low, high) in enumerate(YAW_BINS_DEG):
        errors = face_mae_deg[yaw_bin == index]
        metrics[f"{low}-{high}"] = YawBinMetrics(
            n=len(errors),
            mae_deg=float(errors.mean()) if len(errors) else None,
            mae_deg_ci95=mean_interval(errors),
        )
    return metrics


@dataclass(frozen=True, kw_only=True)
class MaskMetrics:
    """Mask classification over ``n`` faces; a figure is None where no face defines it.

    Binary figures count the ``n_binary`` faces whose truth is masked (positive) or unmasked,
    decided by the larger of p(masked) and p(unmasked). Three-class figures count all ``n``.
    """

    n: int
    n_binary: int
    accuracy: float | None
    accuracy_ci95: Interval | None
    f1: float | None
    f1_ci95: Interval | None
    mcc: float | None
    mcc_ci95: Interval | None
    recall: float | None  # masked faces called masked
    recall_ci95: Interval | None
    specificity: float | None  # unmasked faces called unmasked
    specificity_ci95: Interval | None
    n_occluded: int  # unmasked faces partly covered: by a hand, scarf, cup…
    specificity_occluded: float | None
    specificity_occluded_ci95: Interval | None
    three_class_accuracy: float
    three_class_accuracy_ci95: Interval | None
    recall_by_class: Mapping[str, float | None]
    macro_f1: float | None  # mean F1 of the classes that occur in the truth
    macro_f1_ci95: Interval | None
    classes: tuple[str, ...]  # the order of the confusion's rows and columns
    confusion: list[list[int]]  # rows = true, columns = predicted
    ece: float  # expected calibration error of the most probable of the three classes


def mask_metrics(true: np.ndarray, probabilities: np.ndarray, occluded: np.ndarray) -> MaskMetrics:
    """Mask figures from true class indices (n,), probabilities (n, 3) and flags ``occluded`` (n,).

    Classes in the order of ``MASK_CLASSES``; ``occluded`` is True where something that need not be
    a mask covers part of the face.
    """
    if probabilities.shape != (len(true), len(MASK_CLASSES)) or not len(true):
        raise ValueError(
            f"expected probabilities (n, 3) for {len(true)} > 0 faces, got {probabilities.shape}"
        )
    decided = binary_decision(probabilities)
    binary = np.isin(true, (UNMASKED, MASKED))
    two = confusion_counts(true[binary] == MASKED, decided[binary] == MASKED, classes=2)
    (true_negatives, false_positives), (false_negatives, true_positives) = two.tolist()
    bare_occluded = (true == UNMASKED) & occluded
    bare_occluded_hits = int((decided[bare_occluded] == UNMASKED).sum())
    three = confusion_counts(true, probabilities.argmax(axis=1), classes=len(MASK_CLASSES))
    mean_f1 = macro_f1_of(three.sum(axis=1))
    return MaskMetrics(
        n=len(true),
        n_binary=int(binary.sum()),
        **_proportion("accuracy", int(two.trace()), int(two.sum())),
        f1=_defined(f1_score(two)),
        f1_ci95=confusion_interval(f1_score, two),
        mcc=_defined(matthews_correlation(two)),
        mcc_ci95=confusion_interval(matthews_correlation, two),
        **_proportion("recall", true_positives, true_positives + false_negatives),
        **_proportion("specificity", true_negatives, true_negatives + false_positives),
        n_occluded=int(bare_occluded.sum()),
        **_proportion("specificity_occluded", bare_occluded_hits, int(bare_occluded.sum())),
        **_proportion("three_class_accuracy", int(three.trace()), len(true)),
        recall_by_class={
            label.value: int(row[index]) / int(row.sum()) if row.sum() else None
            for index, (label, row) in enumerate(zip(MASK_CLASSES, three, strict=True))
        },
        macro_f1=_defined(mean_f1(three)),
        macro_f1_ci95=confusion_interval(mean_f1, three),
        classes=tuple(label.value for label in MASK_CLASSES),
        confusion=three.tolist(),
        ece=expected_calibration_error(true, probabilities),
    )


def binary_decision(probabilities: np.ndarray) -> np.ndarray:
    """Masked or unmasked (n,), the larger of the two probabilities; a tie counts as unmasked."""
    return np.where(probabilities[:, MASKED] > probabilities[:, UNMASKED], MASKED, UNMASKED)


def confusion_counts(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How often each class was called each class: int64 (classes, classes), rows = true."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (true.astype(np.intp), predicted.astype(np.intp)), 1)
    return counts


def f1_score(confusion: np.ndarray) -> np.ndarray:
    """2·TP / (2·TP + FP + FN) of the positive class 1; counts (..., 2, 2) → (...)."""
    true_positives = confusion[..., 1, 1]
    return _ratio(2 * true_positives, confusion[..., 1, :].sum(-1) + confusion[..., :, 1].sum(-1))


def matthews_correlation(confusion: np.ndarray) -> np.ndarray:
    """Matthews correlation in [−1, 1]; counts (..., 2, 2) → (...); NaN where a class is missing.

    (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)). Source: Matthews, BBA 405 (1975).
    """
    counts = confusion.astype(np.float64)  # products of four counts leave int64 behind
    covariance = counts[..., 0, 0] * counts[..., 1, 1] - counts[..., 0, 1] * counts[..., 1, 0]
    margins = counts.sum(-1).prod(-1) * counts.sum(-2).prod(-1)
    return _ratio(covariance, np.sqrt(margins))


def macro_f1_of(true_count: np.ndarray) -> ConfusionStatistic:
    """The mean F1 of the classes of which there are faces, by their ``true_count`` (K,).

    It maps counts (..., K, K) → (...), NaN where one of these classes is missing. So a draw of a
    bootstrap without the rarest class does not count as one that got every class right.
    """
    classes = np.flatnonzero(true_count)

    def macro_f1(confusion: np.ndarray) -> np.ndarray:
        true, predicted = confusion.sum(-1), confusion.sum(-2)  # (..., K)
        hits = np.diagonal(confusion, axis1=-2, axis2=-1)
        f1 = np.where(true > 0, _ratio(2 * hits, true + predicted), np.nan)[..., classes]
        return _ratio(f1.sum(-1), np.array(len(classes)))

    return macro_f1


def expected_calibration_error(
    true: np.ndarray, probabilities: np.ndarray, bins: int = ECE_BINS
) -> float:
    """Mean gap between confidence and accuracy over ``bins`` equally wide bins, in [0, 1].

    Confidence is the largest of the probabilities (n, K). Source: Guo et al., On Calibration of
    Modern Neural Networks (ICML 2017), equation 3.
    """
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == true
    bin_index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # (low, high]
    gaps = np.bincount(bin_index, weights=confidence - hit, minlength=bins)
    return float(np.abs(gaps).sum() / len(true))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element by element; NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator == 0, np.nan, np.divide(numerator, denominator))


def _defined(figure: np.ndarray) -> float | None:
    """A figure as a number, or None where it has no value."""
    return float(figure) if np.isfinite(figure) else None


def _proportion(name: str, hits: int, n: int) -> dict[str, Any]:
    """A share of faces and its interval under the names ``name`` and ``name_ci95``."""
    return {name: hits / n if n else None, f"{name}_ci95": proportion_interval(hits, n)}
