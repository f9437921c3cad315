"""What masks and scarves are made of: albedo and outline in the cloth's own coordinates.

Every painter gets ``Cloth`` coordinates (u from -1 to 1 across, v from 0 at the upper edge to
1) and returns albedo float32 (H, W, 3) in [0, 1], before any light.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

#: Ways a mask looks; any of them may be drawn at random.
MASK_STYLES = ("surgical", "cloth", "n95", "kn95", "patterned", "dark", "skin")

_SURGICAL_COLORS = (
    (0.55, 0.74, 0.86), (0.45, 0.67, 0.83), (0.66, 0.82, 0.90), (0.90, 0.92, 0.94),
    (0.95, 0.95, 0.93), (0.55, 0.78, 0.70), (0.92, 0.72, 0.78), (0.76, 0.71, 0.86),
    (0.13, 0.13, 0.15), (0.42, 0.72, 0.78),
)  # fmt: skip
_RESPIRATOR_COLORS = (
    (0.95, 0.95, 0.94), (0.92, 0.93, 0.95), (0.88, 0.86, 0.80), (0.70, 0.72, 0.74),
    (0.15, 0.15, 0.17), (0.62, 0.76, 0.83), (0.90, 0.76, 0.78), (0.50, 0.58, 0.52),
)  # fmt: skip
_DARK_COLORS = (
    (0.07, 0.07, 0.08), (0.11, 0.11, 0.12), (0.10, 0.12, 0.20), (0.20, 0.20, 0.22),
    (0.20, 0.10, 0.11), (0.11, 0.17, 0.14),
)  # fmt: skip


@dataclass(frozen=True)
class Cloth:
    """Texture coordinates, both float32 (H, W)."""

    u: np.ndarray
    v: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.u.shape[0], self.u.shape[1]


@cache
def cloth(height: int, width: int) -> Cloth:
    """The coordinates of a texture of this size."""
    u = np.broadcast_to(np.linspace(-1, 1, width, dtype=np.float32), (height, width))
    v = np.broadcast_to(np.linspace(0, 1, height, dtype=np.float32)[:, None], (height, width))
    return Cloth(np.ascontiguousarray(u), np.ascontiguousarray(v))


def pick(rng: np.random.Generator, colors: tuple) -> np.ndarray:
    """One of the colours, varied a little: float32 (3,)."""
    base = np.array(colors[rng.integers(len(colors))], np.float32)
    return np.clip(base * rng.uniform(0.85, 1.1) + rng.normal(0, 0.03, 3), 0.02, 0.98).astype(
        np.float32
    )


def any_color(rng: np.random.Generator) -> np.ndarray:
    """Any colour, from pale to saturated: float32 (3,)."""
    value, saturation = rng.uniform(0.12, 0.95), rng.beta(1.2, 1.6)
    hue = rng.random(3)
    hue = (hue - hue.min()) / max(np.ptp(hue), 1e-6)
    return (value * (1 - saturation * hue)).astype(np.float32)


def soft_noise(rng: np.random.Generator, area: Cloth, rows: int, columns: int) -> np.ndarray:
    """Smooth noise float32 (H, W), standard deviation about 1."""
    coarse = rng.standard_normal((rows, columns), np.float32)
    return cv2.resize(coarse, area.shape[::-1], interpolation=cv2.INTER_CUBIC)


def _line(distance: np.ndarray, width: float) -> np.ndarray:
    """A soft line: 1 where ``distance`` is 0."""
    return np.exp(-((distance / width) ** 2))


def _folds(rng: np.random.Generator, area: Cloth) -> np.ndarray:
    """Light and dark of random soft folds: gain around 1."""
    rows, columns = int(rng.integers(3, 7)), int(rng.integers(3, 7))
    return 1 + rng.uniform(0.015, 0.07) * soft_noise(rng, area, rows, columns)


def _pleats(rng: np.random.Generator, area: Cloth) -> np.ndarray:
    """Horizontal pleats and stitched side seams of a surgical mask: gain around 1."""
    gain = np.ones(area.shape, np.float32)
    depth, width = rng.uniform(0.06, 0.22), rng.uniform(0.015, 0.035)
    first, last = rng.uniform(0.25, 0.38), rng.uniform(0.62, 0.8)
    sag = rng.uniform(-0.03, 0.08)
    for level in np.linspace(first, last, rng.integers(2, 5)):
        distance = area.v - level - sag * (1 - area.u**2)
        gain -= depth * _line(distance, width)
        gain += 0.5 * depth * _line(distance - 2 * width, 1.5 * width)
    inside = np.abs(area.u) < rng.uniform(0.88, 0.95)
    return np.where(inside, gain, 1 - 0.3 * depth)


def _hems(rng: np.random.Generator, area: Cloth) -> np.ndarray:
    """A stitched rim along the edges: gain around 1."""
    depth, inset = rng.uniform(0.0, 0.14), rng.uniform(0.04, 0.1)
    from_edge = np.minimum(np.minimum(area.v, 1 - area.v), 0.7 * (1 - np.abs(area.u)))
    return 1 - depth * _line(from_edge - inset, 0.015)


def _surgical(rng: np.random.Generator, area: Cloth, color: np.ndarray) -> np.ndarray:
    gain = _pleats(rng, area) * _folds(rng, area) * _hems(rng, area)
    if rng.random() < 0.6:  # the nose wire presses through
        wire = _line(area.v - rng.uniform(0.05, 0.1), 0.02) * (np.abs(area.u) < 0.4)
        gain = gain * (1 + rng.uniform(-0.08, 0.1) * wire)
    albedo = color * gain[..., None]
    if rng.random() < 0.25:  # white binding along the upper edge
        binding = (area.v < rng.uniform(0.03, 0.08))[..., None]
        albedo = np.where(binding, np.float32(0.9) * gain[..., None], albedo)
    return albedo


def _plain_cloth(rng: np.random.Generator, area: Cloth, color: np.ndarray) -> np.ndarray:
    gain = _folds(rng, area) * _hems(rng, area)
    if rng.random() < 0.45:  # centre seam
        gain = gain * (1 - rng.uniform(0.05, 0.25) * _line(area.u, 0.025))
    if rng.random() < 0.5:  # weave
        gain = gain * (1 + rng.uniform(0.0, 0.05) * rng.standard_normal(area.shape, np.float32))
    return color * gain[..., None]


def _respirator(rng: np.random.Generator, area: Cloth, color: np.ndarray) -> np.ndarray:
    gain = _folds(rng, area) * _hems(rng, area)
    if rng.random() < 0.7:  # the vertical fold
        gain = gain * (1 + rng.uniform(-0.15, 0.08) * _line(area.u, 0.03))
    if rng.random() < 0.4:  # weld lines
        tilt = rng.uniform(0.0, 0.5)
        for level in rng.uniform(0.2, 0.8, 2):
            gain = gain * (1 - 0.1 * _line(area.v - level - tilt * np.abs(area.u) * 0.3, 0.015))
    albedo = color * gain[..., None]
    if rng.random() < 0.3:  # exhalation valve
        u0, v0 = rng.uniform(-0.45, 0.45), rng.uniform(0.4, 0.65)
        radius = np.hypot(area.u - u0, (area.v - v0) * 1.3)
        rim = _line(radius - 0.17, 0.03)[..., None]
        disc = (radius < 0.17)[..., None]
        albedo = np.where(disc, np.float32(rng.uniform(0.5, 1.05)) * albedo, albedo) * (
            1 - 0.3 * rim
        )
    if rng.random() < 0.4:  # small print
        u0, v0 = rng.uniform(-0.8, 0.5), rng.uniform(0.3, 0.7)
        print_area = (area.u > u0) & (area.u < u0 + 0.3) & (np.abs(area.v - v0) < 0.05)
        strokes = rng.random(area.shape, np.float32) < 0.5
        albedo = np.where((print_area & strokes)[..., None], albedo * 0.6, albedo)
    return albedo


def _pattern(rng: np.random.Generator, area: Cloth, color: np.ndarray) -> np.ndarray:
    """Stripes, checks, dots, blots or camouflage in up to three colours."""
    second, third = any_color(rng), any_color(rng)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.12, 0.5)
    x = (area.u * np.cos(angle) + area.v * 1.3 * np.sin(angle)) / period
    y = (-area.u * np.sin(angle) + area.v * 1.3 * np.cos(angle)) / period
    kind = rng.integers(5)
    if kind == 0:
        first = np.sin(2 * np.pi * x) > rng.uniform(-0.6, 0.6)
        other = first & False
    elif kind == 1:
        first, other = np.sin(2 * np.pi * x) > 0.2, np.sin(2 * np.pi * y) > 0.2
    elif kind == 2:
        first = np.hypot(x % 1 - 0.5, y % 1 - 0.5) < rng.uniform(0.15, 0.4)
        other = first & False
    else:
        fine = int(rng.integers(5, 14))
        noise = soft_noise(rng, area, fine, fine)
        first = noise > rng.uniform(0, 0.8)
        other = soft_noise(rng, area, fine, fine) > 0.7
    albedo = np.where(first[..., None], second, color)
    albedo = np.where(other[..., None], third, albedo)
    return albedo * _folds(rng, area)[..., None]


def paint_mask(
    style: str, rng: np.random.Generator, area: Cloth, skin_rgb: np.ndarray
) -> np.ndarray:
    """Albedo float32 (H, W, 3) of a mask of this style; ``skin_rgb`` (3,) colours "skin" ones."""
    if style == "surgical":
        return _surgical(rng, area, pick(rng, _SURGICAL_COLORS))
    if style in ("n95", "kn95"):
        return _respirator(rng, area, pick(rng, _RESPIRATOR_COLORS))
    if style == "cloth":
        return _plain_cloth(rng, area, any_color(rng))
    if style == "patterned":
        albedo = _pattern(rng, area, any_color(rng))
        return albedo * (_pleats(rng, area) if rng.random() < 0.3 else _hems(rng, area))[..., None]
    make = _surgical if rng.random() < 0.4 else _plain_cloth
    if style == "dark":
        return make(rng, area, pick(rng, _DARK_COLORS))
    tint = rng.normal(0, 0.05, 3) + rng.normal(0, 0.06)
    return make(rng, area, np.clip(skin_rgb + tint, 0.05, 0.98).astype(np.float32))


@cache
def outline_alpha(height: int, width: int, roundness: float) -> np.ndarray:
    """Coverage float32 (H, W): 1 inside, with corners rounded by ``roundness`` (in v units)."""
    area = cloth(height, width)
    x = np.maximum(0, np.abs(area.u) - (1 - roundness * 1.2)) / 1.2
    y = np.maximum(0, np.abs(area.v - 0.5) - (0.5 - roundness))
    outside = np.hypot(x, y) - roundness
    return np.clip(0.5 - outside * height, 0, 1).astype(np.float32)
