"""Shows labelled faces to a model, batch by batch, and keeps its answer beside each truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from core.datasets import FaceSample, Skipped
from core.faces import MASK_CLASSES, HeadPose
from core.head_pose import head_pose
from core.images import ImageError
from trainer.crop_views import CropView, UndrawableError, plain_view, true_rotation

BATCH_SIZE = 64
DECODE_THREADS = 2


class CropPredictions(Protocol):
    """What a model says about a batch of crops; the arrays of a task it lacks are None."""

    mask_probabilities: np.ndarray | None  # (B, 3) in the order of MASK_CLASSES
    rotation: np.ndarray | None  # (B, 3, 3)
    yaw_deg: np.ndarray | None  # (B,), as pitch_deg and roll_deg
    pitch_deg: np.ndarray | None
    roll_deg: np.ndarray | None


class CropPredictor(Protocol):
    """The part of ``core.predictor.Predictor`` that measuring needs."""

    model_id: str
    crop_factor: float
    input_px: int

    def predict_batch(self, crops: np.ndarray, /) -> CropPredictions: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceResult:
    """A labelled face and the model's answer; None for a task the model does not answer."""

    sample: FaceSample
    pose: HeadPose | None
    rotation: np.ndarray | None  # (3, 3)
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
        if true is not None and pose is not None and result.rotation is not None:
            angles = angles_deg(true), angles_deg(pose)
            rotations = true_rotation(result.sample, true), result.rotation
            rows.append((*angles, *rotations, result.sample))
    if not rows:
        return None
    true_deg, predicted_deg, true, predicted, samples = zip(*rows, strict=True)
    return PoseColumns(
        samples=samples,
        true_deg=np.stack(true_deg),
        predicted_deg=np.stack(predicted_deg),
        true_rotation=np.stack(true),
        predicted_rotation=np.stack(predicted),
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


def predict_faces(
    predictor: CropPredictor, samples: Sequence[FaceSample], view: CropView = plain_view
) -> tuple[list[FaceResult], list[Skipped]]:
    """The model's answer to each sample, in their order, and the samples that cannot be shown."""

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
    predictor: CropPredictor, shown: Sequence[tuple[FaceSample, np.ndarray]]
) -> list[FaceResult]:
    if not shown:
        return []
    answer = predictor.predict_batch(np.stack([crop for _, crop in shown]))
    return [
        FaceResult(
            sample=sample,
            pose=_pose_at(answer, index),
            rotation=None if answer.rotation is None else answer.rotation[index],
            mask_probabilities=(
                None if answer.mask_probabilities is None else answer.mask_probabilities[index]
            ),
        )
        for index, (sample, _) in enumerate(shown)
    ]


def _pose_at(answer: CropPredictions, index: int) -> HeadPose | None:
    if answer.yaw_deg is None or answer.pitch_deg is None or answer.roll_deg is None:
        return None
    return head_pose(answer.yaw_deg[index], answer.pitch_deg[index], answer.roll_deg[index])
