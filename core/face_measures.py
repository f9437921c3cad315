"""What makes a face hard in its picture: blur and light, measured at the networks' scale."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from core.crop import cut_square
from core.faces import FaceBox

#: Faces are scaled to what the networks see: a small face that was blown up counts as blurred.
_SIDE_PX = 112


class FaceMeasures(NamedTuple):
    """``sharpness``: variance of the Laplacian of the luma, 0 (even) … some thousand (crisp);
    ``brightness``: mean luma, 0 (black) … 1 (white)."""

    sharpness: float
    brightness: float


def measure_face(image_rgb: np.ndarray, box: FaceBox) -> FaceMeasures:
    """Measures of a face in RGB uint8 (H, W, 3), as far as it lies in the picture.

    Source of the sharpness: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy
    (ICPR 2000).
    """
    luma = cv2.cvtColor(_visible_face(image_rgb, box.square()), cv2.COLOR_RGB2GRAY)
    return FaceMeasures(
        sharpness=float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        brightness=float(luma.mean()) / 255,
    )


def _visible_face(image_rgb: np.ndarray, square: FaceBox) -> np.ndarray:
    """The square at the networks' scale without what lies beyond the picture's edges.

    There a crop is black, which would count as dark, and its border as a sharp line.
    """
    crop = cut_square(image_rgb, square, _SIDE_PX)
    height_px, width_px = image_rgb.shape[:2]
    rows = _inside(square.top_px, square.height_px, height_px)
    columns = _inside(square.left_px, square.width_px, width_px)
    return crop[rows, columns] if crop[rows, columns].size else crop


def _inside(start_px: float, length_px: float, size_px: int) -> slice:
    """The rows or columns of the crop whose colours come from the picture, 0 … ``size_px``, alone.

    Enlarged, a crop fades to black from the middle of the outermost pixel on.
    """
    scale = _SIDE_PX / length_px
    first = math.ceil(max(0.0, 0.5 - start_px) * scale)
    last = math.floor(min(length_px, size_px - 0.5 - start_px) * scale)
    return slice(first, max(first, last))
