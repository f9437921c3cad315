"""Labelled faces in memory: every picture decoded once, labels as arrays.

30,000 crops of 120 px take 1.3 GB, shared by the loader's worker processes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from core.crop import REFERENCE_FACTOR, cut_square
from core.datasets.sample import DatasetError, FaceSample, crop_square_px
from core.faces import MASK_CLASSES
from core.head_pose import rotation_from_euler
from core.images import ImageError, decode_image

logger = logging.getLogger(__name__)

#: Crops of larger pictures are kept at this size: enough for any view at 112 px.
MAX_POOL_PX = 160


@dataclass(frozen=True)
class FacePool:
    """N faces. A missing label has weight 0.

    images: N square uint8 crops (S, S, 3), S may differ.
    crop_factor: (N,) side ÷ longer side of the 68-landmark box, NaN where unknown.
    rotation: (N, 3, 3); angles_deg: (N, 3) yaw, pitch, roll; pose_weight: (N,).
    mask_index: (N,) class index; mask_weight: (N,).
    landmarks_px: (N, 21, 2) in crop pixels, NaN where not visible or not given.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    images: list[np.ndarray]
    crop_factor: np.ndarray
    rotation: np.ndarray
    angles_deg: np.ndarray
    pose_weight: np.ndarray
    mask_index: np.ndarray
    mask_weight: np.ndarray
    landmarks_px: np.ndarray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def has_pose(self) -> np.ndarray:
        return self.pose_weight > 0

    @property
    def has_mask(self) -> np.ndarray:
        return self.mask_weight > 0


def load_pool(samples: Iterable[FaceSample], *, progress: bool = True) -> FacePool:
    """Decode the crops of ``samples``; a picture that cannot be read is logged and left out.

    Raises DatasetError when nothing is left.
    """
    samples = list(samples)
    with ThreadPoolExecutor(2) as threads:
        loaded = list(
            tqdm(
                threads.map(_load, samples),
                total=len(samples),
                desc="reading faces",
                disable=not progress,
                mininterval=2.0,
            )
        )
    kept = [(sample, crop) for sample, crop in zip(samples, loaded, strict=True) if crop]
    if not kept:
        raise DatasetError("no readable face in the data given; see the log for the reasons")
    return _as_arrays([sample for sample, _ in kept], [crop for _, crop in kept])


@dataclass(frozen=True)
class _Crop:
    image_rgb: np.ndarray
    landmarks_px: np.ndarray  # (21, 2)
    digest: bytes


def _load(sample: FaceSample) -> _Crop | None:
    try:
        data = sample.image_path.read_bytes()
        image_rgb = decode_image(data, sample.name)
        height_px, width_px = image_rgb.shape[:2]
        factor = REFERENCE_FACTOR if sample.crop_factor is not None else None
        square = crop_square_px(sample, width_px, height_px, factor)
    except (ImageError, OSError) as error:
        logger.warning("left out of training: %s", error)
        return None
    side_px = min(MAX_POOL_PX, max(16, round(square.width_px)))
    landmarks = np.full((21, 2), np.nan)
    if sample.landmarks_px is not None and len(sample.landmarks_px) == 21:
        landmarks = (sample.landmarks_px - (square.left_px, square.top_px)) * (
            side_px / square.width_px
        )
    return _Crop(cut_square(image_rgb, square, side_px), landmarks, hashlib.sha256(data).digest())


def _as_arrays(samples: Sequence[FaceSample], crops: Sequence[_Crop]) -> FacePool:
    angles = np.zeros((len(samples), 3))
    pose_weight = np.zeros(len(samples))
    mask_index = np.zeros(len(samples), np.int64)
    mask_weight = np.zeros(len(samples))
    rotation = np.tile(np.eye(3), (len(samples), 1, 1))
    for row, sample in enumerate(samples):
        if sample.pose is not None:
            angles[row] = sample.pose.yaw_deg, sample.pose.pitch_deg, sample.pose.roll_deg
            pose_weight[row] = sample.weight
            rotation[row] = (
                sample.rotation
                if sample.rotation is not None
                else rotation_from_euler(*angles[row])
            )
        if sample.mask is not None:
            mask_index[row] = MASK_CLASSES.index(sample.mask)
            mask_weight[row] = 1.0
    factors = [s.crop_factor and REFERENCE_FACTOR for s in samples]
    return FacePool(
        names=tuple(sample.name for sample in samples),
        sources=tuple(sample.source or "" for sample in samples),
        images=[crop.image_rgb for crop in crops],
        crop_factor=np.array([np.nan if f is None else f for f in factors], float),
        rotation=rotation,
        angles_deg=angles,
        pose_weight=pose_weight,
        mask_index=mask_index,
        mask_weight=mask_weight,
        landmarks_px=np.stack([crop.landmarks_px for crop in crops]),
        fingerprint=_fingerprint(crops, angles, pose_weight, mask_index, mask_weight),
    )


def _fingerprint(crops: Sequence[_Crop], *labels: np.ndarray) -> str:
    """SHA-256 over every picture file and every label, in order."""
    digest = hashlib.sha256()
    for crop in crops:
        digest.update(crop.digest)
    for array in labels:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
