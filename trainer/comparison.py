"""Two models on the same faces: paired differences with intervals, per class and range of yaw.

Everything is an error, so that in every figure less is better. Pictures of one origin (album,
video, person) look alike, so each origin counts as one, with the mean error of its faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.datasets import FaceSample
from core.faces import MASK_CLASSES
from core.head_pose import geodesic_deg, rotation_from_euler
from core.intervals import Interval, compare_means, compare_shares
from core.metrics import YAW_BINS_DEG
from core.predictor import Predictor
from trainer.face_results import FaceResult, angles_deg, predict_faces

FigureName = Literal["mask error", "pose error", "pose drift"]
Pairs = Sequence[tuple[FaceResult, FaceResult]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure of both models on the same ``n`` faces; ``worse`` > 0: the challenger errs more.

    The faces come from so many ``origins``; the figures are means over these, not over the faces.
    Mask errors are the share of faces with the wrong class, pose errors and drift are degrees.
    ``part`` is "" for the whole benchmark, else a mask class or a range of |yaw|.
    """

    benchmark: str
    figure: FigureName
    part: str
    n: int
    origins: int
    champion: float
    challenger: float
    worse: float
    worse_ci95: Interval | None

    def text(self) -> str:
        """One line for a person."""
        where = f"{self.benchmark}, {self.part}" if self.part else self.benchmark
        counted = f"n = {self.n}"
        if self.origins < self.n:
            counted += f" of {self.origins} origins, which count alike"
        if self.figure == "pose drift":
            return (
                f"the head pose turned by {self.worse:.2f}° on average from the champion's on "
                f"{where} ({counted}), where no pose is labelled"
            )
        return f"{self.figure} on {where} ({counted}): {self._change()}"

    def _change(self) -> str:
        factor, unit = (100.0, "%") if self.figure == "mask error" else (1.0, "°")
        before, after = f"{factor * self.champion:.2f}", f"{factor * self.challenger:.2f}"
        low, high = self.worse_ci95 or (float("nan"), float("nan"))
        interval = f"{factor * low:+.2f} … {factor * high:+.2f}"
        return f"{before} → {after} {unit}, change {factor * self.worse:+.2f} ({interval})"


def compare(
    champion: Sequence[FaceResult], challenger: Sequence[FaceResult], benchmark: str
) -> list[Comparison]:
    """All figures that the labels of a benchmark allow; both answered the same faces in order."""
    if [r.sample for r in champion] != [r.sample for r in challenger]:
        raise ValueError("champion and challenger must have answered the same faces")
    pairs = list(zip(champion, challenger, strict=True))
    return [
        *_mask_comparisons(pairs, benchmark),
        *_pose_comparisons(pairs, benchmark),
        *_drift_comparisons(pairs, benchmark),
    ]


def _mask_comparisons(pairs: Pairs, benchmark: str) -> list[Comparison]:
    pairs = [pair for pair in pairs if pair[0].sample.mask and has_mask(pair)]
    if not pairs:
        return []
    true = np.array([MASK_CLASSES.index(a.sample.mask) for a, _ in pairs if a.sample.mask])
    wrong = np.array([[mask_class(r) for r in pair] for pair in pairs]) != true[:, None]  # (n, 2)
    parts = {"": np.ones(len(true), bool)}
    parts |= {str(label): true == index for index, label in enumerate(MASK_CLASSES)}
    return _comparisons(benchmark, "mask error", pairs, wrong.astype(float), parts)


def _pose_comparisons(pairs: Pairs, benchmark: str) -> list[Comparison]:
    pairs = [pair for pair in pairs if pair[0].sample.pose and has_pose(pair)]
    if not pairs:
        return []
    true = np.stack([angles_deg(a.sample.pose) for a, _ in pairs if a.sample.pose])
    predicted = np.stack([[angles_deg(r.pose) for r in pair if r.pose] for pair in pairs])
    errors = np.abs(predicted - true[:, None]).mean(axis=-1)  # (n, 2)
    yaw = np.abs(true[:, 0])
    parts = {"": np.ones(len(true), bool)}
    parts |= {f"yaw {low}–{high}°": (low <= yaw) & (yaw < high) for low, high in YAW_BINS_DEG}
    return _comparisons(benchmark, "pose error", pairs, errors, parts)


def _drift_comparisons(pairs: Pairs, benchmark: str) -> list[Comparison]:
    """How far the pose has turned where no label says what is right: a sign of forgetting."""
    pairs = [pair for pair in pairs if not pair[0].sample.pose and has_pose(pair)]
    if not pairs:
        return []
    angles = np.stack([[angles_deg(r.pose) for r in pair if r.pose] for pair in pairs])  # (n, 2, 3)
    rotations = rotation_from_euler(*np.moveaxis(angles, -1, 0))  # (n, 2, 3, 3)
    turned = geodesic_deg(rotations[:, 0], rotations[:, 1])
    errors = np.stack([np.zeros_like(turned), turned], axis=1)
    parts = {"": np.ones(len(turned), bool)}
    return _comparisons(benchmark, "pose drift", pairs, errors, parts)


def _comparisons(
    benchmark: str,
    figure: FigureName,
    pairs: Pairs,
    errors: np.ndarray,
    parts: Mapping[str, np.ndarray],
) -> list[Comparison]:
    """A comparison for each part that has faces; errors (n, 2) of champion and challenger."""
    compare_errors = compare_shares if figure == "mask error" else compare_means
    origins = _origins(pairs)
    made = []
    for part, rows in parts.items():
        if rows.any():
            paired = compare_errors(*_mean_by_origin(errors[rows], origins[rows]).T)
            made.append(
                Comparison(
                    benchmark=benchmark,
                    figure=figure,
                    part=part,
                    n=int(rows.sum()),
                    origins=paired.n,
                    champion=paired.first,
                    challenger=paired.second,
                    worse=paired.difference,
                    worse_ci95=paired.difference_ci95,
                )
            )
    return made


def _origins(pairs: Pairs) -> np.ndarray:
    """A number for the origin of each face (n,); one that belongs to none is its own."""
    names = [first.sample.group or place for place, (first, _) in enumerate(pairs)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])


def _mean_by_origin(errors: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Errors (n, 2) of faces as those of their origins (n,): (number of origins, 2)."""
    _, rows, faces = np.unique(origins, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(rows, weights=column) for column in errors.T], axis=1)
    return sums / faces[:, None]


def has_mask(pair: tuple[FaceResult, FaceResult]) -> bool:
    return all(result.mask_probabilities is not None for result in pair)


def has_pose(pair: tuple[FaceResult, FaceResult]) -> bool:
    return all(result.pose is not None for result in pair)


def mask_class(result: FaceResult) -> int:
    """The index of the likeliest class."""
    if result.mask_probabilities is None:
        raise ValueError(f"no mask answer for {result.sample.name}")
    return int(result.mask_probabilities.argmax())


def changed_share(champion: Sequence[FaceResult], challenger: Sequence[FaceResult]) -> float:
    """The share of faces to which the two give another mask class."""
    pairs = [pair for pair in zip(champion, challenger, strict=True) if has_mask(pair)]
    return float(np.mean([mask_class(a) != mask_class(b) for a, b in pairs])) if pairs else 0.0


def answer_both(
    champion: Predictor, challenger: Predictor, samples: Sequence[FaceSample]
) -> tuple[list[FaceResult], list[FaceResult]]:
    """Both models' answers to the same faces; a picture that cannot be read is left out of both."""
    (first, _), (second, _) = (predict_faces(model, samples) for model in (champion, challenger))
    both = {id(r.sample) for r in first} & {id(r.sample) for r in second}
    return (
        [result for result in first if id(result.sample) in both],
        [result for result in second if id(result.sample) in both],
    )
