"""Faces that show a model everything it will meet, to choose the scales of its 8-bit form by."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from core.checkpoint import ModelCard, load_checkpoint
from core.datasets import DatasetError, FaceSample, load_crop
from core.export_onnx import export_int8
from core.images import ImageError
from core.runtime.onnx_runtime import exported_path
from trainer.train import read_faces

logger = logging.getLogger(__name__)

#: 64 of each of the six kinds, where there are that many.
DEFAULT_COUNT = 384


def calibration_crops(
    folders: Sequence[Path], card: ModelCard, count: int = DEFAULT_COUNT, seed: int = 0
) -> np.ndarray:
    """``count`` crops (N, S, S, 3) uint8 of the training split, every kind of face alike.

    The kinds are frontal, turned and profile, and masked, unmasked and wrongly worn.
    Raises ``DatasetError`` where the folders hold no readable face.
    """
    samples = [sample for folder in folders for sample in read_faces(folder, "train").samples]
    crops = []
    for sample in _every_kind_alike(samples, count, np.random.default_rng(seed)):
        try:
            crops.append(load_crop(sample, card.input_px, card.crop_factor))
        except ImageError as error:
            logger.warning("left out of the calibration: %s", error)
    if not crops:
        named = ", ".join(map(str, folders))
        raise DatasetError(f"{named}: no readable face of the training split to calibrate with")
    return np.stack(crops)


def quantise_beside(checkpoint: Path, folders: Sequence[Path]) -> None:
    """Write the 8-bit form of a checkpoint where ``auto`` looks for it, scaled by these faces.

    A failure is logged: it costs speed, and PyTorch answers all the same.
    """
    target = exported_path(checkpoint, "int8")
    if target.exists():
        return
    try:
        export_int8(
            checkpoint, target, calibration_crops(folders, load_checkpoint(checkpoint).card)
        )
    except Exception as error:  # the exporter is a large library with errors of all kinds
        logger.warning("no 8-bit form of %s: %s", checkpoint.name, error)


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
