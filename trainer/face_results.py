"""Shows labelled faces to a model, batch by batch, and keeps its answer beside each truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from core.datasets import FaceSample, Skipped
from core.faces import MASK_CLASSES, HeadPose
from core.head_pose import head_pose, rotation_from_euler
from core.images import ImageError
from core.predictor import Predictor
from trainer.crop_views import CropView, UndrawableError, plain_view, true_rotation

BATCH_SIZE = 64
DECODE_THREADS = 2

#: Gets the number of faces that were done since it was last called.
Watch = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceResult:
    """A labelled face and the model's answer; None for a task the model does not answer."""

    sample: FaceSample
    pose: HeadPose | None
    mask_probabilities: np.ndarray | None  # (3,)

    def row(self) -> dict[str, Any]:
        """Name, source, truth and prediction as plain values, for tables and figures."""
        truth, probabilities = self.sample, self.mask_probabilities
        return {
            "name": truth.name,
            "source": truth.source,
            "true_pose": truth.pose and asdict(truth.pose),
            "predicted_pose": self.pose and asdict(self.pose),
            "true_mask": truth.mask and truth.mask.value,
            "mask_probabilities": None
            if probabilities is None
            else {
                label.value: float(probability)
                for label, probability in zip(MASK_CLASSES, probabilities, strict=True)
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoseColumns:
    """Truth and prediction of the ``n`` faces that have both, as arrays."""

    samples: tuple[FaceSample, ...]
    true_deg: np.ndarray  # (n, 3) yaw, pitch, roll
    predicted_deg: np.ndarray  # (n, 3)
    true_rotation: np.ndarray  # (n, 3, 3)
    predicted_rotation: np.ndarray  # (n, 3, 3)


def pose_columns(results: Sequence[FaceResult]) -> PoseColumns | None:
    """The head poses among ``results``; None when there are none."""
    rows = []
    for result in results:
        true, pose = result.sample.pose, result.pose
        if true is not None and pose is not None:
            rotation = true_rotation(result.sample, true)
            rows.append((result.sample, angles_deg(true), angles_deg(pose), rotation))
    if not rows:
        return None
    samples, true_deg, predicted, rotations = zip(*rows, strict=True)
    predicted_deg = np.stack(predicted)
    return PoseColumns(
        samples=samples,
        true_deg=np.stack(true_deg),
        predicted_deg=predicted_deg,
        true_rotation=np.stack(rotations),
        predicted_rotation=rotation_from_euler(*predicted_deg.T),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskColumns:
    """Truth and prediction of the ``n`` faces that have both, as arrays."""

    samples: tuple[FaceSample, ...]
    true: np.ndarray  # (n,) indices into MASK_CLASSES
    probabilities: np.ndarray  # (n, 3)


def mask_columns(results: Sequence[FaceResult]) -> MaskColumns | None:
    """The mask labels and probabilities among ``results``; None when there are none."""
    rows = []
    for result in results:
        label, probabilities = result.sample.mask, result.mask_probabilities
        if label is not None and probabilities is not None:
            rows.append((MASK_CLASSES.index(label), probabilities, result.sample))
    if not rows:
        return None
    true, probabilities, samples = zip(*rows, strict=True)
    return MaskColumns(samples=samples, true=np.array(true), probabilities=np.stack(probabilities))


def angles_deg(pose: HeadPose) -> np.ndarray:
    """Yaw, pitch, roll (3,)."""
    return np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])


def unwatched(faces: int) -> None:
    """Nobody wants to know how far the work is."""


def predict_faces(
    predictor: Predictor,
    samples: Sequence[FaceSample],
    view: CropView = plain_view,
    watch: Watch = unwatched,
) -> tuple[list[FaceResult], list[Skipped]]:
    """The model's answer to each sample, in their order, and the samples that cannot be shown.

    ``watch`` is told after each batch how many more faces are done.
    """

    def load(sample: FaceSample) -> np.ndarray | Skipped:
        try:
            return view(sample, predictor.input_px, predictor.crop_factor)
        except ImageError as error:
            return Skipped(sample.name, "image cannot be used", str(error))
        except UndrawableError as error:
            return Skipped(sample.name, "no mask can be drawn", str(error))

    results: list[FaceResult] = []
    skipped: list[Skipped] = []
    with (
        ThreadPoolExecutor(DECODE_THREADS) as pool,
        tqdm(total=len(samples), unit="face", disable=None, leave=False) as progress,
    ):
        for batch, loaded in _prefetched(pool, load, samples):
            skipped += [crop for crop in loaded if isinstance(crop, Skipped)]
            shown = [
                (sample, crop)
                for sample, crop in zip(batch, loaded, strict=True)
                if not isinstance(crop, Skipped)
            ]
            results += _predict_batch(predictor, shown)
            progress.update(len(batch))
            watch(len(batch))
    return results, skipped


def _prefetched(
    pool: ThreadPoolExecutor,
    load: Callable[[FaceSample], np.ndarray | Skipped],
    samples: Sequence[FaceSample],
) -> Iterator[tuple[Sequence[FaceSample], list[np.ndarray | Skipped]]]:
    """Batches of samples and what they loaded as; one more batch loads while one is in use."""
    loading: deque[tuple[Sequence[FaceSample], Iterator[np.ndarray | Skipped]]] = deque()
    for start in range(0, len(samples), BATCH_SIZE):
        batch = samples[start : start + BATCH_SIZE]
        loading.append((batch, pool.map(load, batch)))
        if len(loading) > 1:
            batch, loaded = loading.popleft()
            yield batch, list(loaded)
    for batch, loaded in loading:
        yield batch, list(loaded)


def _predict_batch(
    predictor: Predictor, shown: Sequence[tuple[FaceSample, np.ndarray]]
) -> list[FaceResult]:
    if not shown:
        return []
    answer = predictor.predict_batch(np.stack([crop for _, crop in shown]))
    angles, masks = answer.angles_deg, answer.mask_probabilities
    return [
        FaceResult(
            sample=sample,
            pose=None if angles is None else head_pose(*angles[index]),
            mask_probabilities=None if masks is None else masks[index],
        )
        for index, (sample, _) in enumerate(shown)
    ]
