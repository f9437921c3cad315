"""The 8-bit form of a student: scaled by faces of every kind, measured on others, or not kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.checkpoint import ModelCard, load_checkpoint
from core.datasets import DatasetError, FaceSample, load_crop
from core.export_onnx import export_int8
from core.images import ImageError
from core.runtime import Runtime, load_runtime
from core.runtime.onnx_runtime import exported_path
from trainer.train import read_faces, read_present

logger = logging.getLogger(__name__)

#: 64 of each of the six kinds, where there are that many.
DEFAULT_COUNT = 384
#: An 8-bit form that differs more from the student is not kept. ``auto`` takes it for its speed
#: alone, while a student may replace another only within 0.5° and 2 % of the masks
#: (``trainer.promotion``): its own other form must not use that up. The shipped student's differs
#: by 0.1° and in no mask (384 faces each of the val splits of the pose and the mask set).
MAX_ANGLE_CHANGE_DEG = 0.5
MAX_CLASS_CHANGES = 0.01
_BATCH = 32


def calibration_crops(
    folders: Sequence[Path], card: ModelCard, count: int = DEFAULT_COUNT, seed: int = 0
) -> np.ndarray:
    """``count`` crops (N, S, S, 3) uint8 of the training split, every kind of face alike.

    The kinds are frontal, turned and profile, and masked, unmasked and wrongly worn.
    Raises ``DatasetError`` where the folders hold no readable face.
    """
    samples = [sample for folder in folders for sample in read_faces(folder, "train").samples]
    crops = _crops(samples, card, count, seed)
    if not len(crops):
        named = ", ".join(map(str, folders))
        raise DatasetError(f"{named}: no readable face of the training split to calibrate with")
    return crops


def held_out_crops(
    folders: Sequence[Path], card: ModelCard, count: int = DEFAULT_COUNT, seed: int = 0
) -> np.ndarray:
    """The same of the faces held out; none where none are."""
    samples = [sample for folder in folders for sample in read_present(folder, "val").samples]
    return _crops(samples, card, count, seed)


def _crops(samples: Iterable[FaceSample], card: ModelCard, count: int, seed: int) -> np.ndarray:
    crops = []
    for sample in _every_kind_alike(samples, count, np.random.default_rng(seed)):
        try:
            crops.append(load_crop(sample, card.input_px, card.crop_factor))
        except ImageError as error:
            logger.warning("left out of the calibration: %s", error)
    side_px = card.input_px
    return np.stack(crops) if crops else np.empty((0, side_px, side_px, 3), np.uint8)


def quantise_beside(checkpoint: Path, folders: Sequence[Path]) -> None:
    """Write the 8-bit form of a checkpoint where ``auto`` looks for it, scaled by these faces.

    It is written only where it answers like the checkpoint on faces it was not scaled by. That it
    does not, as any failure, is logged: it costs speed, and PyTorch answers all the same.
    """
    target = exported_path(checkpoint, "int8")
    if target.exists():
        return
    unproven = target.with_name(f".{checkpoint.stem}.{os.getpid()}.unproven.onnx")
    try:
        _export_proven(checkpoint, unproven, folders)
        os.replace(unproven, target)
    except Exception as error:  # the exporter is a large library with errors of all kinds
        logger.warning("no 8-bit form of %s: %s", checkpoint.name, error)
    finally:
        unproven.unlink(missing_ok=True)


def _export_proven(checkpoint: Path, target: Path, folders: Sequence[Path]) -> None:
    """Raises ValueError where the 8-bit form differs too much, or nothing is left to say so."""
    card = load_checkpoint(checkpoint).card
    scaling, others = calibration_crops(folders, card), held_out_crops(folders, card)
    if not len(others):
        scaling, others = scaling[::2], scaling[1::2]
    if not len(others):
        raise ValueError("one face is too little to scale it by and to measure it on")
    export_int8(checkpoint, target, scaling)
    change = change_between(load_runtime(checkpoint), load_runtime(target), others)
    logger.info("the 8-bit form of %s differs by %s", checkpoint.name, change)
    if not change.is_small:
        raise ValueError(f"it differs by {change}")


@dataclass(frozen=True, kw_only=True)
class Change:
    """How two forms of a model differ on ``faces`` crops; 0 where neither knows the task."""

    angle_deg: float  # mean over the three angles
    classes: float  # share of the faces with another mask class
    faces: int

    @property
    def is_small(self) -> bool:
        """Whether one may answer in the other's place; what is no number is not small."""
        return self.angle_deg <= MAX_ANGLE_CHANGE_DEG and self.classes <= MAX_CLASS_CHANGES

    def __str__(self) -> str:
        return (
            f"{self.angle_deg:.2f}° and {self.classes:.1%} of the mask classes ({self.faces} faces)"
        )


def change_between(one: Runtime, other: Runtime, crops_rgb: np.ndarray) -> Change:
    """The change of the answers for crops (N, S, S, 3) from ``one`` to ``other``."""
    angles, classes = [0.0], [0.0]
    for start in range(0, len(crops_rgb), _BATCH):
        batch = crops_rgb[start : start + _BATCH]
        before, after = one.predict_batch(batch), other.predict_batch(batch)
        if before.angles_deg is not None and after.angles_deg is not None:
            angles.append(float(np.abs(after.angles_deg - before.angles_deg).mean(axis=1).sum()))
        if before.mask_probabilities is not None and after.mask_probabilities is not None:
            differ = after.mask_probabilities.argmax(1) != before.mask_probabilities.argmax(1)
            classes.append(float(differ.sum()))
    count = len(crops_rgb)
    return Change(angle_deg=sum(angles) / count, classes=sum(classes) / count, faces=count)


def _every_kind_alike(
    samples: Iterable[FaceSample], count: int, rng: np.random.Generator
) -> list[FaceSample]:
    """At most ``count`` samples, drawn in turn from each kind, mixed."""
    kinds: dict[str, list[FaceSample]] = {}
    for sample in samples:
        kinds.setdefault(kind_of(sample), []).append(sample)
    piles = [[pile[index] for index in rng.permutation(len(pile))] for pile in kinds.values()]
    chosen: list[FaceSample] = []
    while len(chosen) < count and any(piles):
        for pile in filter(None, piles):
            chosen.append(pile.pop())
    chosen = chosen[:count]
    return [chosen[index] for index in rng.permutation(len(chosen))]


def kind_of(sample: FaceSample) -> str:
    """``masked``, ``unmasked`` or ``incorrect`` where known, else how far the head is turned."""
    if sample.mask is not None:
        return sample.mask.value
    if sample.pose is None:
        return "unlabelled"
    turned_deg = abs(sample.pose.yaw_deg)
    return "frontal" if turned_deg < 30 else "turned" if turned_deg < 60 else "profile"
