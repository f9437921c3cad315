"""The 8-bit form of a student: scaled by faces of every kind, measured on others, or not kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.checkpoint import ModelCard, load_checkpoint
from core.datasets import DatasetError, FaceSample, load_crop
from core.export_onnx import export_int8
from core.images import ImageError
from core.runtime import Runtime, load_runtime
from core.runtime.onnx_runtime import exported_path
from core.whole_files import put_in_place
from trainer.promotion import Tolerances
from trainer.same_pictures import pictures_of
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
#: One face in a hundred may change its class, so fewer faces do not tell that bound from none.
WANTED_FACES = 100
#: With fewer there is no proof, as for a student that is to replace another.
LEAST_FACES = Tolerances().min_faces
_BATCH = 32


class UnprovenForm(ValueError):
    """An 8-bit form that nothing shows to answer like its checkpoint."""


class _Crop(NamedTuple):
    rgb: np.ndarray  # (S, S, 3) uint8
    picture: str | None  # SHA-256 of the file it was cut from


def quantise_beside(checkpoint: Path, folders: Sequence[Path]) -> None:
    """Write the 8-bit form of a checkpoint where ``auto`` looks for it, as ``export_proven`` does.

    That it cannot be, as any failure, is logged: it costs speed, and PyTorch answers all the same.
    """
    target = exported_path(checkpoint, "int8")
    if target.exists():
        return
    try:
        export_proven(checkpoint, target, folders)
    except Exception as error:  # the exporter is a large library with errors of all kinds
        logger.warning("no 8-bit form of %s: %s", checkpoint.name, error)


def export_proven(checkpoint: Path, target: Path, folders: Sequence[Path]) -> Change:
    """Write the 8-bit form of a checkpoint, scaled by faces of these folders, and return how it
    differs on others. Raises UnprovenForm, and writes nothing, where it differs too much or too
    few faces could tell; DatasetError where the folders hold no readable face to scale by."""
    scaling, others = faces_to_scale_and_prove(folders, load_checkpoint(checkpoint).card)
    unproven = target.with_name(f".{checkpoint.stem}.{os.getpid()}.unproven.onnx")
    try:
        export_int8(checkpoint, unproven, scaling)
        change = change_between(load_runtime(checkpoint), load_runtime(unproven), others)
        logger.info("the 8-bit form of %s differs by %s", checkpoint.name, change)
        if not change.is_small:
            raise UnprovenForm(
                f"it differs by {change}; at most {MAX_ANGLE_CHANGE_DEG:g}° and "
                f"{MAX_CLASS_CHANGES:.1%} are kept"
            )
        put_in_place(unproven, target)
    finally:
        unproven.unlink(missing_ok=True)
    return change


def faces_to_scale_and_prove(
    folders: Sequence[Path], card: ModelCard, count: int = DEFAULT_COUNT
) -> tuple[np.ndarray, np.ndarray]:
    """Crops (N, S, S, 3) uint8 of the training split, and of pictures that are not among them.

    At most ``count`` of each, every kind of face alike: frontal, turned and profile, masked,
    unmasked and wrongly worn. Where too few faces are held out, every second one of the training
    split proves instead.
    """
    scaling = _crops(folders, "train", card, count)
    others = _without(scaling, _crops(folders, "val", card, count))
    if len(others) < WANTED_FACES:
        scaling, others = scaling[::2], others + scaling[1::2]
        others = _without(scaling, others)
    if not scaling:
        named = ", ".join(map(str, folders))
        raise DatasetError(f"{named}: no readable face of the training split to calibrate with")
    if len(others) < LEAST_FACES:
        raise UnprovenForm(
            f"{len(others)} faces are too few to measure it on besides those that scale it: "
            f"{LEAST_FACES} are needed"
        )
    return np.stack([crop.rgb for crop in scaling]), np.stack([crop.rgb for crop in others])


def _without(scaling: Sequence[_Crop], others: Sequence[_Crop]) -> list[_Crop]:
    """``others`` but for the pictures of ``scaling``: an imported set that is replayed has them
    twice, by chance in both splits."""
    pictures = {crop.picture for crop in scaling}
    return [crop for crop in others if crop.picture not in pictures]


def _crops(folders: Sequence[Path], split: str, card: ModelCard, count: int) -> list[_Crop]:
    read = read_faces if split == "train" else read_present
    samples = [sample for folder in folders for sample in read(folder, split).samples]
    chosen = _every_kind_alike(samples, count, np.random.default_rng(0))
    crops = []
    for sample, picture in zip(chosen, pictures_of(chosen), strict=True):
        try:
            crops.append(_Crop(load_crop(sample, card.input_px, card.crop_factor), picture))
        except ImageError as error:
            logger.warning("left out of the calibration: %s", error)
    return crops


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
