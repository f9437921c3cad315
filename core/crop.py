"""The square crops that networks see: which part of a picture, and with which pixels.

Coordinates are continuous: pixel ``i`` covers [i, i + 1) and its centre is at i + 0.5, so that a
box from 0 to the width is the whole picture and halving a picture halves every coordinate.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from core.faces import FaceBox

#: Side of a face crop ÷ longer side of the box around its 68 landmarks, in every data set here.
REFERENCE_FACTOR = 1.43

#: A region is first reduced by area to at most this many source pixels per crop pixel.
_MAX_OVERSAMPLING = 4


def cut_square(image_rgb: np.ndarray, square: FaceBox, size_px: int) -> np.ndarray:
    """The part of a picture under ``square``, as uint8 (size_px, size_px, 3); black outside.

    Bilinear where the picture is enlarged, averaged over each crop pixel where it is shrunk
    (a bilinear look-up would skip pixels and alias). ``square`` may reach beyond the picture.
    """
    if not math.isclose(square.width_px, square.height_px, rel_tol=1e-3):
        raise ValueError(
            f"a crop needs a square, got {square.width_px:.1f} × {square.height_px:.1f} px; "
            "use FaceBox.square()"
        )
    if size_px < 1:
        raise ValueError(f"a crop needs a size of at least 1 px, got {size_px}")
    region, left, top, scale_x, scale_y = _region(image_rgb, square, size_px)
    if region.size == 0:
        return np.zeros((size_px, size_px, 3), np.uint8)
    # Enough samples along each side that every source pixel counts, then their exact mean.
    samples = max(1, math.ceil(max(scale_x, scale_y) - 1e-6))
    samples = min(samples, _MAX_OVERSAMPLING + 1)  # more only where a region of 1 px is left
    step_x, step_y = scale_x / samples, scale_y / samples
    source_from_crop = np.array(  # index to index, hence the half pixels
        [
            [step_x, 0.0, left + 0.5 * step_x - 0.5],
            [0.0, step_y, top + 0.5 * step_y - 0.5],
        ]
    )
    side = size_px * samples
    crop = cv2.warpAffine(
        region,
        source_from_crop,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )
    if samples > 1:
        crop = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return crop


def square_inside(box: FaceBox, factor: float, width_px: int, height_px: int) -> FaceBox:
    """``box.square(factor)``, for people to look at, without black edges where that can be.

    It is moved into the picture, and made smaller where the picture is, but not than the box. A box
    that lies outside the picture stays there.
    """
    if box.intersection_over_union(FaceBox(0, 0, width_px, height_px)) == 0:
        return box.square(factor)
    square = box.square(min(factor, max(1.0, min(width_px, height_px) / box.square().width_px)))
    return FaceBox(
        _moved_inside(square.left_px, square.width_px, width_px),
        _moved_inside(square.top_px, square.height_px, height_px),
        square.width_px,
        square.height_px,
    )


def _moved_inside(start: float, length: float, size: float) -> float:
    """Where ``length`` starts when it is moved into 0 … ``size``; centred where it is longer."""
    if length >= size:
        return (size - length) / 2
    return min(max(start, 0.0), size - length)


def _region(
    image_rgb: np.ndarray, square: FaceBox, size_px: int
) -> tuple[np.ndarray, float, float, float, float]:
    """The pixels that a crop can touch, reduced when they are far more than it needs.

    Returns the region, the square's left and top edge in it, and its pixels per crop pixel along
    x and y (equal up to the rounding of the region's size). Keeping only the region also keeps
    pictures of more than 32,767 px a side, which warpAffine refuses, and huge boxes affordable.
    """
    height, width = image_rgb.shape[:2]
    scale = square.width_px / size_px
    margin = 2 * math.ceil(max(scale, 1.0))  # neighbours for interpolation, also once reduced
    x0 = min(max(math.floor(square.left_px) - margin, 0), width)
    x1 = min(max(math.ceil(square.right_px) + margin, 0), width)
    y0 = min(max(math.floor(square.top_px) - margin, 0), height)
    y1 = min(max(math.ceil(square.bottom_px) + margin, 0), height)
    region = image_rgb[y0:y1, x0:x1]
    shrink_x = shrink_y = 1.0
    if scale > _MAX_OVERSAMPLING and region.size:
        new_width = max(1, round((x1 - x0) * _MAX_OVERSAMPLING / scale))
        new_height = max(1, round((y1 - y0) * _MAX_OVERSAMPLING / scale))
        region = cv2.resize(region, (new_width, new_height), interpolation=cv2.INTER_AREA)
        shrink_x, shrink_y = new_width / (x1 - x0), new_height / (y1 - y0)
    left, top = (square.left_px - x0) * shrink_x, (square.top_px - y0) * shrink_y
    return region, left, top, scale * shrink_x, scale * shrink_y
