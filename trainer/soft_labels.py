"""What the teachers say about every face of a pool, asked once and kept (``trainer.label_cache``).

Teachers see the plain crop and its mirror image; the student's random views carry the answer along
(mirrored or turned), so one pass over the data replaces a teacher pass at every step.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from tqdm import tqdm

from core.crop import REFERENCE_FACTOR
from core.distillation import average_teachers
from core.face_network import FaceNetwork
from core.head_pose import (
    BIN_CENTERS_DEG,
    euler_from_rotation,
    mean_rotation,
    mirror_rotation,
)
from core.networks.outputs import FaceLogits
from trainer.augment import PLAIN_VIEW, View, cut_view
from trainer.face_pool import FacePool
from trainer.label_cache import LabelCache, SoftLabel, face_keys
from trainer.memory import is_out_of_memory
from trainer.precision import autocast

logger = logging.getLogger(__name__)

BATCH = 128
#: Answers are kept this often, so that a killed training need not ask for all of them again.
BATCHES_A_WRITE = 20
MIRRORED_VIEW = View(1.0, 0.0, 0.0, 0.0, True, False)


@dataclass(frozen=True)
class SoftLabelTable:
    """Soft labels of N faces as float32 arrays; see ``core.distillation.SoftLabels``."""

    pose_probabilities: np.ndarray  # (N, 3, 62)
    rotation: np.ndarray  # (N, 3, 3)
    agreement: np.ndarray  # (N,)
    mask_logits: np.ndarray  # (N, C)

    @classmethod
    def of(cls, labels: Sequence[SoftLabel]) -> SoftLabelTable:
        return cls(*(np.stack(column) for column in zip(*labels, strict=True)))

    def __len__(self) -> int:
        return len(self.rotation)


def label_pool(
    pool: FacePool,
    teachers: Sequence[FaceNetwork],
    cache: LabelCache | None = None,
    rank: int = 0,
    world: int = 1,
) -> SoftLabelTable:
    """The teachers' opinions on ``pool``. Only faces that ``cache`` does not know are asked about;
    the answers are added to it.

    Of several processes each asks about its share and gets the others' answers; the first says
    what is known, so that all share out the same faces.
    """
    keys = face_keys(pool)
    known = cache.read() if cache is not None and rank == 0 else {}
    told = from_first({key: known[key] for key in keys if key in known}, world)
    unknown = np.array([row for row, key in enumerate(keys) if key not in told], int)
    share = unknown[rank::world]
    starts = range(0, len(share), BATCH)
    new: dict[bytes, SoftLabel] = {}
    for start in tqdm(starts, desc="soft labels", mininterval=5.0, disable=not starts):
        rows = share[start : start + BATCH]
        new |= zip([keys[row] for row in rows], ask_in_parts(pool, rows, teachers), strict=True)
        if cache is not None and start // BATCH % BATCHES_A_WRITE == 0:
            cache.write(known | told | new)
    if len(unknown):  # which all processes see alike, so that none waits for another in vain
        told |= joined(new, world)
        if cache is not None:
            cache.write(known | told)
    return SoftLabelTable.of([told[key] for key in keys])


def from_first(labels: dict[bytes, SoftLabel], world: int) -> dict[bytes, SoftLabel]:
    """What the first of ``world`` processes has."""
    if world == 1:
        return labels
    box = [labels]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def joined(labels: dict[bytes, SoftLabel], world: int) -> dict[bytes, SoftLabel]:
    """What any of ``world`` processes has."""
    if world == 1:
        return labels
    parts: list[dict[bytes, SoftLabel]] = [{} for _ in range(world)]
    dist.all_gather_object(parts, labels)
    return {key: label for part in parts for key, label in part.items()}


def ask_in_parts(
    pool: FacePool, rows: np.ndarray, teachers: Sequence[FaceNetwork]
) -> list[SoftLabel]:
    """``ask_all``, in halves where the memory does not suffice for all rows at once."""
    try:
        return ask_all(pool, rows, teachers)
    except Exception as error:
        if len(rows) == 1 or not is_out_of_memory(error):
            raise
    # not above, where the error still holds what did not fit
    logger.warning("out of memory when asking about %d faces: in halves, then", len(rows))
    parts = (rows[: len(rows) // 2], rows[len(rows) // 2 :])
    return [label for part in parts for label in ask_in_parts(pool, part, teachers)]


def ask_all(pool: FacePool, rows: np.ndarray, teachers: Sequence[FaceNetwork]) -> list[SoftLabel]:
    """The teachers' opinion on each of these rows of ``pool``."""
    plain, mirrored = (
        average_teachers(
            [ask(teacher, cut_pool(pool, rows, teacher, view)) for teacher in teachers]
        )
        for view in (PLAIN_VIEW, MIRRORED_VIEW)
    )
    probabilities = mirror_probabilities(_array(mirrored.pose_probabilities))
    rotation = mirror_rotation(_array(mirrored.rotation))
    pair = np.stack([_array(plain.rotation), rotation])
    columns = (
        (_array(plain.pose_probabilities) + probabilities) / 2,
        mean_rotation(pair).astype(np.float32),
        (_array(plain.agreement) + _array(mirrored.agreement)) / 2,
        (_array(plain.mask_logits) + _array(mirrored.mask_logits)) / 2,
    )
    return [SoftLabel(*row) for row in zip(*columns, strict=True)]


def cut_pool(pool: FacePool, rows: np.ndarray, network: FaceNetwork, view: View) -> torch.Tensor:
    """Crops (B, S, S, 3) uint8 of pool rows in the geometry of ``network``."""
    card = network.card
    crops = [
        cut_view(pool.images[row], inner_fraction(pool, row, card.crop_factor), view, card.input_px)
        for row in rows
    ]
    return torch.from_numpy(np.stack(crops)).to(network.device)


def inner_fraction(pool: FacePool, row: int, crop_factor: float) -> float:
    """The central part of a pool image that has ``crop_factor``; all of it where unknown."""
    known = np.isfinite(pool.crop_factor[row])
    return crop_factor / REFERENCE_FACTOR if known else 1.0


@torch.inference_mode()
def ask(teacher: FaceNetwork, crops: torch.Tensor) -> FaceLogits:
    """One teacher's logits of uint8 crops (B, S, S, 3)."""
    with autocast(crops.device):
        return teacher(crops)


def mirror_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Bin probabilities (..., 3, 62) of the mirrored picture: yaw and roll change sign."""
    mirrored = probabilities.copy()
    mirrored[..., 0, :] = probabilities[..., 0, ::-1]
    mirrored[..., 2, :] = probabilities[..., 2, ::-1]
    return mirrored


def shift_probabilities(probabilities: np.ndarray, shift_deg: np.ndarray) -> np.ndarray:
    """(3, 62) moved by (3,) degrees along the bins, keeping each distribution's shape."""
    moved = np.stack(
        [
            np.interp(BIN_CENTERS_DEG - shift, BIN_CENTERS_DEG, row)
            for row, shift in zip(probabilities, shift_deg, strict=True)
        ]
    )
    return (moved / moved.sum(-1, keepdims=True)).astype(np.float32)


def turned(
    rotation: np.ndarray, probabilities: np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Soft label of a picture turned by the camera-frame rotation ``turn`` (3, 3)."""
    after = turn @ rotation
    shift = np.subtract(euler_from_rotation(after), euler_from_rotation(rotation))
    return after, shift_probabilities(probabilities, shift)


def _array(tensor: torch.Tensor | None) -> np.ndarray:
    if tensor is None:
        raise ValueError("soft labels for a student need at least one pose and one mask teacher")
    return tensor.float().cpu().numpy()
