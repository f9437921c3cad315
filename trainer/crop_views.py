"""Ways to show a labelled face to a model that is being measured: as it is, or disturbed.

Every disturbance is drawn from the face's own name, so that it is the same in every run, in any
order and for every model.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from core.crop import cut_square
from core.datasets import FaceSample, load_crop
from core.datasets.sample import crop_square_px
from core.faces import FaceBox, HeadPose
from core.head_pose import rotation_from_euler
from core.images import read_image
from trainer.mask_overlay import (
    HeadFrame,
    Worn,
    draw_mask,
    fit_head_frame,
    landmarks_21_from_68,
)

#: (sample, size_px, crop factor) → uint8 RGB (size_px, size_px, 3); may raise ``ImageError`` or
#: ``UndrawableError``.
CropView = Callable[[FaceSample, int, float], np.ndarray]

#: How far a crop is off, as a share of its side: detectors' boxes differ by about as much.
JITTER = 0.10


class UndrawableError(ValueError):
    """A face that no mask can be drawn on: too few landmarks, or outside the picture."""


def plain_view(sample: FaceSample, size_px: int, factor: float) -> np.ndarray:
    """The crop as the model was taught to expect it."""
    return load_crop(sample, size_px, factor)


def jittered_view(sample: FaceSample, size_px: int, factor: float) -> np.ndarray:
    """The crop shifted and scaled by up to ±10 % of its side, evenly distributed."""
    image_rgb = read_image(sample.image_path)
    height_px, width_px = image_rgb.shape[:2]
    square = crop_square_px(sample, width_px, height_px, factor)
    return cut_square(image_rgb, jittered_square(square, face_rng(sample)), size_px)


def masked_view(sample: FaceSample, size_px: int, factor: float) -> np.ndarray:
    """The crop of a face that wears a mask over nose, mouth and chin, drawn on; any style."""
    image_rgb = read_image(sample.image_path)
    height_px, width_px = image_rgb.shape[:2]
    try:
        drawn = draw_mask(image_rgb, _head_frame(sample), face_rng(sample), worn=Worn.COVERING)
    except ValueError as error:
        raise UndrawableError(f"{sample.name}: {error}") from error
    if not drawn.coverage.any():
        raise UndrawableError(f"{sample.name}: the mask lies outside the picture")
    square = crop_square_px(sample, width_px, height_px, factor)
    return cut_square(drawn.image_rgb, square, size_px)


def _head_frame(sample: FaceSample) -> HeadFrame:
    if sample.landmarks_px is None or sample.pose is None:
        raise UndrawableError(f"{sample.name}: has no landmarks or no head pose")
    landmarks_px = sample.landmarks_px
    if len(landmarks_px) == 68:
        landmarks_px = landmarks_21_from_68(landmarks_px)
    return fit_head_frame(landmarks_px, true_rotation(sample, sample.pose))


def true_rotation(sample: FaceSample, pose: HeadPose) -> np.ndarray:
    """(3, 3): the label's own matrix where it has one, else that of its angles ``pose``."""
    if sample.rotation is not None:
        return sample.rotation
    return rotation_from_euler(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)


def jittered_square(square: FaceBox, rng: np.random.Generator) -> FaceBox:
    """A square up to 10 % larger or smaller, its centre up to 10 % of the side away in x and y."""
    shift_x, shift_y, growth = rng.uniform(-JITTER, JITTER, 3)
    side_px = square.width_px
    left_px = square.left_px + shift_x * side_px
    top_px = square.top_px + shift_y * side_px
    return FaceBox(left_px, top_px, side_px, side_px).square(1 + growth)


def face_rng(sample: FaceSample) -> np.random.Generator:
    """Random numbers that belong to this face."""
    return np.random.default_rng(zlib.crc32(sample.name.encode("utf-8", "surrogateescape")))
