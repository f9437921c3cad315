"""Measures a model on a labelled data set: answers face by face, and the figures made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.datasets import FaceSample, Reading, Skipped
from core.datasets.aflw2000 import BEYOND_RANGE, MAX_ANGLE_DEG
from core.intervals import Interval, compare_means, proportion_interval
from core.metrics import MaskMetrics, PoseMetrics, mask_metrics, pose_metrics
from core.predictor import Predictor
from trainer.crop_views import CropView, jittered_view, masked_view
from trainer.face_results import (
    FaceResult,
    MaskColumns,
    PoseColumns,
    Watch,
    angles_deg,
    mask_columns,
    pose_columns,
    predict_faces,
    unwatched,
)


class EvaluationError(ValueError):
    """This model cannot be measured on these data; the message is one clear line."""


@dataclass(frozen=True, kw_only=True)
class SourceMetrics:
    """How a model does on the faces of one source of a mask data set."""

    n: int
    three_class_accuracy: float
    three_class_accuracy_ci95: Interval | None


@dataclass(frozen=True, kw_only=True)
class DisturbedPose:
    """Pose errors on disturbed crops, and how much larger they are than on the same faces' own."""

    metrics: PoseMetrics
    plain_mae_deg: float
    increase_deg: float
    increase_deg_ci95: Interval | None

    def report(self) -> dict[str, Any]:
        """One flat group of figures."""
        group = asdict(self)
        return group.pop("metrics") | group


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures, the answers they were computed from, and every entry that was left out."""

    kind: str
    model_id: str
    excluded: tuple[Skipped, ...]
    results: tuple[FaceResult, ...]
    pose: PoseMetrics | None
    mask: MaskMetrics | None
    by_source: Mapping[str, SourceMetrics]
    crop_jitter: DisturbedPose | None = None
    mask_overlay: DisturbedPose | None = None

    def report(self) -> dict[str, Any]:
        """The figures as plain values for JSON, in the form that ``evaluate --json`` promises."""
        tasks = {
            name: asdict(metrics)
            for name, metrics in (("pose", self.pose), ("mask", self.mask))
            if metrics
        }
        extras = {
            "by_source": {name: asdict(of) for name, of in self.by_source.items()},
            "mask_overlay": self.mask_overlay and self.mask_overlay.report(),
            "crop_jitter": self.crop_jitter and self.crop_jitter.report(),
        }
        return {
            "kind": self.kind,
            "model": self.model_id,
            "excluded": len(self.excluded),
            "excluded_reasons": dict(Counter(entry.reason for entry in self.excluded)),
            # The figures of one task stand alone; those of two keep apart below their names.
            **(next(iter(tasks.values())) if len(tasks) == 1 else tasks),
            **{name: extra for name, extra in extras.items() if extra},
        }

    def rows(self) -> list[dict[str, Any]]:
        """One plain row for each face: name, source, truth and prediction of each task."""
        return [result.row() for result in self.results]


def evaluate(
    predictor: Predictor,
    reading: Reading,
    kind: str,
    *,
    mask_overlay: bool = False,
    crop_jitter: bool = False,
    watch: Watch = unwatched,
) -> Evaluation:
    """Figures of ``predictor`` on every usable face of ``reading``, a data set of form ``kind``.

    Faces turned beyond 99° in any angle are left out, as published results are. ``mask_overlay``
    and ``crop_jitter`` measure the pose again with masks drawn on, and on crops off by 10 %.
    ``watch`` follows the faces, which are then looked at up to three times.
    """
    samples, beyond = _within_range(reading.samples)
    results, unreadable = predict_faces(predictor, samples, watch=watch)
    excluded = (*reading.skipped, *beyond, *unreadable)
    pose, mask = pose_columns(results), mask_columns(results)
    if pose is None and mask is None:
        raise EvaluationError(_nothing_measured(kind, predictor, results, excluded))
    return Evaluation(
        kind=kind,
        model_id=predictor.model_id,
        excluded=excluded,
        results=tuple(results),
        pose=_pose_metrics(pose) if pose else None,
        mask=_mask_metrics(mask) if mask else None,
        by_source=_by_source(mask) if mask else {},
        mask_overlay=_disturbed(predictor, pose, masked_view, watch)
        if pose and mask_overlay
        else None,
        crop_jitter=_disturbed(predictor, pose, jittered_view, watch)
        if pose and crop_jitter
        else None,
    )


def _within_range(samples: Sequence[FaceSample]) -> tuple[list[FaceSample], list[Skipped]]:
    """The samples that published results are about, and those turned too far for Euler angles."""
    within, beyond = [], []
    for sample in samples:
        if sample.pose is not None and np.abs(angles_deg(sample.pose)).max() > MAX_ANGLE_DEG:
            beyond.append(Skipped(sample.name, BEYOND_RANGE))
        else:
            within.append(sample)
    return within, beyond


def _pose_metrics(pose: PoseColumns) -> PoseMetrics:
    return pose_metrics(
        pose.true_deg, pose.predicted_deg, pose.true_rotation, pose.predicted_rotation
    )


def _mask_metrics(mask: MaskColumns) -> MaskMetrics:
    occluded = np.array([_is_occluded(sample) for sample in mask.samples])
    return mask_metrics(mask.true, mask.probabilities, occluded)


def _is_occluded(sample: FaceSample) -> bool:
    """Whether something, a mask or not, covers the lower face or an unnamed part of it.

    As the benchmark defines it: a level counts even where the set says that the lower face is free.
    """
    return bool(sample.lower_face_occluded) or (sample.occlusion_level or 0) >= 1


def _by_source(mask: MaskColumns) -> dict[str, SourceMetrics]:
    """Three-class accuracy by source; sources may lack classes, so nothing binary is defined."""
    hit = mask.probabilities.argmax(axis=1) == mask.true
    source = np.array([sample.source or "" for sample in mask.samples])
    metrics = {}
    for name in sorted(set(source.tolist()) - {""}):
        n, hits = int((source == name).sum()), int(hit[source == name].sum())
        metrics[name] = SourceMetrics(
            n=n,
            three_class_accuracy=hits / n,
            three_class_accuracy_ci95=proportion_interval(hits, n),
        )
    return metrics


def _disturbed(
    predictor: Predictor, plain: PoseColumns, view: CropView, watch: Watch
) -> DisturbedPose | None:
    """The pose measured again on the faces of ``plain``, seen through ``view``."""
    results, _ = predict_faces(predictor, plain.samples, view, watch)
    disturbed = pose_columns(results)
    if disturbed is None:
        return None
    plain_mae_deg = dict(zip(plain.samples, _face_mae_deg(plain), strict=True))
    increase = compare_means(
        np.array([plain_mae_deg[sample] for sample in disturbed.samples]), _face_mae_deg(disturbed)
    )
    return DisturbedPose(
        metrics=_pose_metrics(disturbed),
        plain_mae_deg=increase.first,
        increase_deg=increase.difference,
        increase_deg_ci95=increase.difference_ci95,
    )


def _face_mae_deg(pose: PoseColumns) -> np.ndarray:
    """Mean |predicted − true| of each face's three angles (n,), without wrapping."""
    return np.abs(pose.predicted_deg - pose.true_deg).mean(axis=1)


def _nothing_measured(
    kind: str,
    predictor: Predictor,
    results: Sequence[FaceResult],
    excluded: Sequence[Skipped],
) -> str:
    """Why there is no figure: no face could be used, or the model does not answer this task."""
    if results:
        return (
            f"{predictor.model_id} does not answer what {kind} has labels for; "
            "choose a model for this task"
        )
    reasons = Counter(entry.reason for entry in excluded)
    listed = ", ".join(f"{count:,} × {reason}" for reason, count in reasons.most_common())
    return f"{kind}: no face to measure ({listed or 'the data set is empty'}); check the data"
