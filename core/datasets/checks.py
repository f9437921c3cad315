"""Labels from outside, checked: each function returns a sound value or names what is wrong."""

from __future__ import annotations

import math

import numpy as np

from core.datasets.sample import UnusableEntryError
from core.faces import FaceBox
from core.head_pose import nearest_rotation

#: No picture is this large; a coordinate beyond it is a damaged label.
MAX_COORDINATE_PX = 1e6
#: Labels are rounded to 4 or 5 digits; a matrix farther than this from a rotation is damaged.
ROTATION_TOLERANCE = 0.01


def finite(text: str, what: str) -> float:
    """The number in a text, which must be finite."""
    try:
        number = float(text)
    except ValueError:
        raise UnusableEntryError("not a number", f"{what} is {text[:40]!r}") from None
    if not math.isfinite(number):
        raise UnusableEntryError("number is not finite", f"{what} is {text[:40]}")
    return number


def face_box(left_px: float, top_px: float, width_px: float, height_px: float) -> FaceBox:
    """A box of positive size whose numbers can be those of a picture."""
    numbers = (left_px, top_px, width_px, height_px)
    if not all(abs(number) <= MAX_COORDINATE_PX for number in numbers):  # NaN fails as well
        raise UnusableEntryError("face box is no place in a picture", f"{numbers}")
    if width_px <= 0 or height_px <= 0:
        raise UnusableEntryError("face box has no size", f"{width_px:g} × {height_px:g} px")
    return FaceBox(left_px, top_px, width_px, height_px)


def rotation_label(matrix: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) that a rounded label stands for, orthonormal again."""
    if np.abs(matrix).max() <= 1.0 + ROTATION_TOLERANCE:
        rotation: np.ndarray = nearest_rotation(matrix)
        if np.abs(rotation - matrix).max() <= ROTATION_TOLERANCE:
            return rotation
    raise UnusableEntryError("label is not a rotation")
