"""What the teachers say about every face of a pool, computed once and cached.

Teachers see the plain crop and its mirror image; the student's random views carry the answer along
(mirrored or turned), so one pass over the data replaces a teacher pass at every step.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
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

BATCH = 128
MIRRORED_VIEW = View(1.0, 0.0, 0.0, 0.0, True, False)


@dataclass(frozen=True)
class SoftLabelTable:
    """Soft labels of N faces as float32 arrays; see ``core.distillation.SoftLabels``."""

    pose_probabilities: np.ndarray  # (N, 3, 62)
    rotation: np.ndarray  # (N, 3, 3)
    agreement: np.ndarray  # (N,)
    mask_logits: np.ndarray  # (N, C)

    def __len__(self) -> int:
        return len(self.rotation)


def label_pool(
    pool: FacePool, teachers: Sequence[FaceNetwork], cache: Path | None = None
) -> SoftLabelTable:
    """The teachers' opinions on ``pool``; read from ``cache`` if it was made by the same."""
    key = _cache_key(pool, teachers)
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return SoftLabelTable(*(stored[name] for name in SoftLabelTable.__annotations__))
    parts = [
        _label_batch(pool, np.arange(start, min(start + BATCH, len(pool))), teachers)
        for start in tqdm(range(0, len(pool), BATCH), desc="soft labels", mininterval=5.0)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    table = SoftLabelTable(*columns)
    if cache is not None:
        _write(cache, key, table)
    return table


def _label_batch(
    pool: FacePool, rows: np.ndarray, teachers: Sequence[FaceNetwork]
) -> tuple[np.ndarray, ...]:
    plain, mirrored = (
        average_teachers(
            [ask(teacher, cut_pool(pool, rows, teacher, view)) for teacher in teachers]
        )
        for view in (PLAIN_VIEW, MIRRORED_VIEW)
    )
    probabilities = mirror_probabilities(_array(mirrored.pose_probabilities))
    rotation = mirror_rotation(_array(mirrored.rotation))
    pair = np.stack([_array(plain.rotation), rotation])
    return (
        (_array(plain.pose_probabilities) + probabilities) / 2,
        mean_rotation(pair).astype(np.float32),
        (_array(plain.agreement) + _array(mirrored.agreement)) / 2,
        (_array(plain.mask_logits) + _array(mirrored.mask_logits)) / 2,
    )


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
    """One teacher's logits of uint8 crops (B, S, S, 3), in bf16: twice as fast on CPUs too."""
    with torch.autocast(crops.device.type, torch.bfloat16):
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


def _cache_key(pool: FacePool, teachers: Sequence[FaceNetwork]) -> str:
    digest = hashlib.sha256(pool.fingerprint.encode())
    for teacher in teachers:
        digest.update(repr(teacher.card).encode())
        for value in teacher.state_dict().values():
            digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()


def _write(cache: Path, key: str, table: SoftLabelTable) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    partial = cache.with_name(f"{cache.stem}.{os.getpid()}.partial.npz")
    np.savez(partial, key=np.array(key), **vars(table))
    os.replace(partial, cache)
