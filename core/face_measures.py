"""What makes a face hard in its picture: blur and light, measured at the networks' scale."""

from __future__ import annotations

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
    """Measures of a face in RGB uint8 (H, W, 3).

    Source of the sharpness: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy
    (ICPR 2000).
    """
    luma = cv2.cvtColor(cut_square(image_rgb, box.square(), _SIDE_PX), cv2.COLOR_RGB2GRAY)
    return FaceMeasures(
        sharpness=float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        brightness=float(luma.mean()) / 255,
    )
