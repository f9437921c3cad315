"""The lower face as a surface, and what is worn on it as part of that surface.

A place on the face is ``(s, t)``: s from 0 on the midline to ±5 in front of the ears, t from
0 between the eyes over 2 nose tip, 3 upper lip, 4 lower lip, 5 chin to 7 throat.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Image-right half of the face in head coordinates, rows t = 0..7, columns s = 0..5 (x, y, z);
# drawn by hand around CANONICAL_21 and ordinary head proportions.
_SKIN = (
    ((0, 0.30, 0.42), (0.30, 0.27, 0.15), (0.62, 0.15, 0.10), (0.95, 0.15, -0.15), (1.18, 0.20, -0.65), (1.28, 0.20, -1.25)),
    ((0, 0.02, 0.55), (0.25, -0.03, 0.30), (0.60, -0.10, 0.17), (0.93, -0.08, -0.10), (1.17, -0.05, -0.62), (1.27, -0.05, -1.25)),
    ((0, -0.28, 0.74), (0.27, -0.32, 0.38), (0.58, -0.36, 0.22), (0.90, -0.35, -0.08), (1.15, -0.33, -0.60), (1.26, -0.33, -1.22)),
    ((0, -0.62, 0.46), (0.27, -0.63, 0.38), (0.55, -0.64, 0.20), (0.85, -0.63, -0.10), (1.10, -0.60, -0.58), (1.22, -0.58, -1.20)),
    ((0, -0.98, 0.42), (0.27, -0.98, 0.34), (0.52, -0.96, 0.14), (0.79, -0.93, -0.14), (1.03, -0.87, -0.58), (1.15, -0.82, -1.15)),
    ((0, -1.45, 0.26), (0.27, -1.43, 0.20), (0.50, -1.38, 0.02), (0.74, -1.28, -0.22), (0.96, -1.13, -0.60), (1.08, -1.02, -1.10)),
    ((0, -1.80, 0.10), (0.25, -1.77, 0.06), (0.46, -1.70, -0.10), (0.67, -1.58, -0.35), (0.86, -1.38, -0.68), (0.98, -1.20, -1.10)),
    ((0, -2.05, -0.55), (0.25, -2.04, -0.57), (0.46, -2.00, -0.65), (0.66, -1.95, -0.80), (0.80, -1.80, -1.00), (0.90, -1.60, -1.25)),
)  # fmt: skip
# The same for cloth stretched from nose to chin: no hollow beside the nose and at the mouth.
_CLOTH = (
    ((0, 0.30, 0.44), (0.30, 0.27, 0.19), (0.62, 0.15, 0.13), (0.95, 0.15, -0.12), (1.20, 0.20, -0.64), (1.30, 0.20, -1.25)),
    ((0, 0.03, 0.62), (0.25, -0.02, 0.42), (0.60, -0.09, 0.22), (0.95, -0.08, -0.07), (1.19, -0.05, -0.61), (1.29, -0.05, -1.25)),
    ((0, -0.28, 0.84), (0.27, -0.31, 0.64), (0.59, -0.36, 0.33), (0.93, -0.35, -0.03), (1.18, -0.33, -0.58), (1.28, -0.33, -1.22)),
    ((0, -0.64, 0.82), (0.28, -0.65, 0.66), (0.58, -0.65, 0.37), (0.89, -0.63, -0.02), (1.13, -0.60, -0.56), (1.24, -0.58, -1.20)),
    ((0, -1.00, 0.70), (0.28, -1.00, 0.57), (0.56, -0.98, 0.30), (0.84, -0.94, -0.06), (1.06, -0.88, -0.56), (1.17, -0.82, -1.15)),
    ((0, -1.45, 0.48), (0.28, -1.44, 0.39), (0.54, -1.40, 0.15), (0.80, -1.30, -0.15), (0.99, -1.14, -0.58), (1.10, -1.03, -1.10)),
    ((0, -1.84, 0.20), (0.26, -1.82, 0.14), (0.48, -1.75, -0.04), (0.70, -1.62, -0.30), (0.89, -1.41, -0.66), (1.00, -1.22, -1.10)),
    ((0, -2.10, -0.50), (0.26, -2.09, -0.52), (0.48, -2.05, -0.62), (0.68, -1.98, -0.78), (0.82, -1.82, -1.00), (0.92, -1.62, -1.25)),
)  # fmt: skip
_LAST_S, _LAST_T = 5, 7


def _both_halves(half: tuple) -> np.ndarray:
    """The whole grid (8, 11, 3) float32 from its image-right half."""
    right = np.array(half, np.float32)
    return np.concatenate((right[:, :0:-1] * (-1, 1, 1), right), axis=1).astype(np.float32)


SKIN_GRID = _both_halves(_SKIN)
CLOTH_GRID = _both_halves(_CLOTH)


def place(s: np.ndarray, t: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Head points (R, C, 3) float64 of face places; ``slack`` 0 = on the skin, 1 = stretched cloth."""
    grid = SKIN_GRID + np.float32(slack) * (CLOTH_GRID - SKIN_GRID)
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
