"""The lower face as a surface, and what is worn on it as part of that surface.

A place on the face is ``(s, t)``: s from 0 on the midline to ±5 in front of the ears, t from
0 between the eyes over 2 nose tip, 3 upper lip, 4 lower lip, 5 chin to 7 throat.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Image-right half of the face in head coordinates: rows t = 0..7, columns s = 0..5. Drawn by hand
# around CANONICAL_21 and ordinary head proportions.
_X = (
    (0, 0.30, 0.62, 0.95, 1.18, 1.28),
    (0, 0.25, 0.60, 0.93, 1.17, 1.27),
    (0, 0.27, 0.58, 0.90, 1.15, 1.26),
    (0, 0.27, 0.55, 0.86, 1.11, 1.22),
    (0, 0.27, 0.53, 0.81, 1.04, 1.15),
    (0, 0.27, 0.51, 0.76, 0.97, 1.08),
    (0, 0.25, 0.46, 0.68, 0.87, 0.98),
    (0, 0.25, 0.46, 0.66, 0.80, 0.90),
)
_Y = (
    (0.30, 0.27, 0.15, 0.15, 0.20, 0.20),
    (0.02, -0.03, -0.10, -0.08, -0.05, -0.05),
    (-0.28, -0.32, -0.36, -0.35, -0.33, -0.33),
    (-0.63, -0.64, -0.64, -0.63, -0.60, -0.58),
    (-0.99, -0.99, -0.97, -0.93, -0.87, -0.82),
    (-1.45, -1.43, -1.39, -1.28, -1.13, -1.02),
    (-1.82, -1.79, -1.72, -1.59, -1.39, -1.20),
    (-2.07, -2.06, -2.02, -1.96, -1.80, -1.60),
)
_Z_OF_SKIN = (
    (0.42, 0.15, 0.10, -0.15, -0.65, -1.25),
    (0.55, 0.30, 0.17, -0.10, -0.62, -1.25),
    (0.74, 0.38, 0.22, -0.08, -0.60, -1.22),
    (0.46, 0.38, 0.20, -0.10, -0.58, -1.20),
    (0.42, 0.34, 0.14, -0.14, -0.58, -1.15),
    (0.26, 0.20, 0.02, -0.22, -0.60, -1.10),
    (0.10, 0.06, -0.10, -0.35, -0.68, -1.10),
    (-0.55, -0.57, -0.65, -0.80, -1.00, -1.25),
)
# Cloth stretched from nose to chin: no hollow beside the nose and at the mouth.
_Z_OF_CLOTH = (
    (0.44, 0.19, 0.13, -0.12, -0.64, -1.25),
    (0.62, 0.42, 0.22, -0.07, -0.61, -1.25),
    (0.84, 0.64, 0.33, -0.03, -0.58, -1.22),
    (0.82, 0.66, 0.37, -0.02, -0.56, -1.20),
    (0.70, 0.57, 0.30, -0.06, -0.56, -1.15),
    (0.48, 0.39, 0.15, -0.15, -0.58, -1.10),
    (0.20, 0.14, -0.04, -0.30, -0.66, -1.10),
    (-0.50, -0.52, -0.62, -0.78, -1.00, -1.25),
)
_CLOTH_WIDTH = 1.03  # of the skin's
_LAST_S, _LAST_T = 5, 7


def _both_halves(z: tuple[tuple[float, ...], ...], width: float) -> np.ndarray:
    """The whole grid (8, 11, 3) float32 from its image-right half."""
    right = np.stack((np.array(_X) * width, np.array(_Y), np.array(z)), axis=-1)
    return np.concatenate((right[:, :0:-1] * (-1, 1, 1), right), axis=1).astype(np.float32)


_SKIN_GRID = _both_halves(_Z_OF_SKIN, 1.0)
_CLOTH_GRID = _both_halves(_Z_OF_CLOTH, _CLOTH_WIDTH)


def place(s: np.ndarray, t: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Head points (R, C, 3) float64 of face places.

    ``slack`` 0 is on the skin, 1 is stretched cloth.
    """
    grid = _SKIN_GRID + np.float32(slack) * (_CLOTH_GRID - _SKIN_GRID)
    return cv2.remap(
        grid,
        np.clip(s + _LAST_S, 0, 2 * _LAST_S).astype(np.float32),
        np.clip(t, 0, _LAST_T).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float64)


@dataclass(frozen=True)
class Outline:
    """Where a worn thing begins and ends on the face, in (s, t)."""

    top: float  # t of the upper edge on the midline
    top_corner: float  # t of the upper edge at the side
    bottom: float
    bottom_corner: float
    reach: float  # s of the side edge
    flare: float = 0.0  # extra reach at the bottom edge (negative: narrower)
    slack: float = 1.0  # how far from the skin (see ``place``)
    lean: float = 0.0  # shift of t at the image-right edge, minus that at the left: worn askew
    shift: float = 0.0  # shift of s: worn sideways
    top_power: float = 1.5  # how the upper edge falls from the midline to the side
    bottom_power: float = 2.2
    bulge: float = 0.0  # head units outward in the middle
    ridge: float = 0.0  # head units outward along the midline, as of folded respirators


def worn_points(outline: Outline, rows: int, columns: int) -> np.ndarray:
    """Head points (rows, columns, 3) of a thing worn on the face."""
    u = np.linspace(-1, 1, columns)[None, :]
    v = np.linspace(0, 1, rows)[:, None]
    side = np.abs(u)
    top = outline.top + (outline.top_corner - outline.top) * side**outline.top_power
    bottom = outline.bottom + (outline.bottom_corner - outline.bottom) * side**outline.bottom_power
    s = u * (outline.reach + outline.flare * (v - 0.3)) + outline.shift
    t = top + (bottom - top) * v + outline.lean * u
    points = place(s, t, outline.slack)
    swell = outline.bulge * (1 - u**2) * np.sin(np.pi * np.clip(v * 0.9 + 0.05, 0, 1))
    swell = swell + outline.ridge * np.maximum(0, 1 - side * 1.6) * np.sin(np.pi * v) ** 0.5
    points[..., 2] += swell
    return points
