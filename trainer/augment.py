"""Random views of a face crop: geometry first (labels follow), then picture quality.

The choices answer two things: detectors and data sets crop differently (scale, shift, padding), and
in the mask set the source leaks the class (so size, blur, colour and padding must not tell it).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Ranges and probabilities; scales are fractions of the nominal crop side."""

    scale: float = 0.14  # side × exp(±scale); the detector alone varies by ±10 %
    shift: float = 0.08  # centre ± shift × side; the detector: ±5 % (one standard deviation)
    loose_scale: float = 0.30  # the same for crops of unknown margin (mask sets)
    rotate_deg: float = 15.0
    rotate_probability: float = 0.3
    flip_probability: float = 0.5
    tone_probability: float = 0.7
    gray_probability: float = 0.15
    blur_probability: float = 0.2
    low_resolution_probability: float = 0.4
    lowest_resolution: float = 0.09  # × side: 10 px of 112, a face at the back of a crowd
    jpeg_probability: float = 0.15
    noise_probability: float = 0.1
    padding_probability: float = 0.25  # replicate the edge instead of black outside


@dataclass(frozen=True)
class View:
    """One random geometry: what happened to the picture, so that labels can follow.

    ``rotation_deg`` > 0 turns the picture clockwise (the head's roll grows), after ``mirrored``.
    """

    scale: float
    shift_x: float
    shift_y: float
    rotation_deg: float
    mirrored: bool
    replicate_edge: bool


PLAIN_VIEW = View(1.0, 0.0, 0.0, 0.0, False, False)


def random_view(
    config: AugmentConfig, rng: np.random.Generator, *, loose: bool, may_rotate: bool
) -> View:
    spread = config.loose_scale if loose else config.scale
    rotate = may_rotate and rng.random() < config.rotate_probability
    return View(
        scale=float(np.exp(rng.uniform(-spread, spread))),
        shift_x=rng.uniform(-config.shift, config.shift),
        shift_y=rng.uniform(-config.shift, config.shift),
        rotation_deg=rng.uniform(-config.rotate_deg, config.rotate_deg) if rotate else 0.0,
        mirrored=bool(rng.random() < config.flip_probability),
        replicate_edge=bool(rng.random() < config.padding_probability),
    )


def cut_view(image_rgb: np.ndarray, fraction: float, view: View, size_px: int) -> np.ndarray:
    """The ``view`` of the central ``fraction`` of a square picture, uint8 (size_px, size_px, 3).

    One resampling for everything; shrinking much is anti-aliased by a blur beforehand.
    """
    side = image_rgb.shape[0]
    crop_side = side * fraction * view.scale
    center_x = side * (0.5 + view.shift_x * fraction)
    center_y = side * (0.5 + view.shift_y * fraction)
    step = crop_side / size_px  # source pixels per crop pixel
    if step > 1.5:
        image_rgb = cv2.GaussianBlur(image_rgb, (0, 0), 0.35 * step)
    angle = np.deg2rad(view.rotation_deg)
    cos, sin = step * np.cos(angle), step * np.sin(angle)
    flip = -1.0 if view.mirrored else 1.0
    # crop pixel, from the centre → source pixel; to turn the picture by +angle, look up at −angle
    rows = np.array([[flip * cos, flip * sin, 0.0], [-sin, cos, 0.0]])
    middle = (size_px - 1) / 2
    rows[0, 2] = center_x - 0.5 - (rows[0, 0] + rows[0, 1]) * middle
    rows[1, 2] = center_y - 0.5 - (rows[1, 0] + rows[1, 1]) * middle
    border = cv2.BORDER_REPLICATE if view.replicate_edge else cv2.BORDER_CONSTANT
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image_rgb, rows, (size_px, size_px), flags=flags, borderMode=border)


def random_quality(
    image_rgb: np.ndarray, config: AugmentConfig, rng: np.random.Generator
) -> np.ndarray:
    """Another camera, another light, another compression; same size and dtype."""
    if rng.random() < config.tone_probability:
        image_rgb = _tone(image_rgb, rng)
    if rng.random() < config.gray_probability:
        image_rgb = without_color(image_rgb)
    if rng.random() < config.low_resolution_probability:
        image_rgb = _low_resolution(image_rgb, config.lowest_resolution, rng)
    elif rng.random() < config.blur_probability:
        image_rgb = cv2.GaussianBlur(image_rgb, (0, 0), rng.uniform(0.4, 1.8))
    if rng.random() < config.noise_probability:
        noise = rng.normal(0.0, rng.uniform(2.0, 12.0), image_rgb.shape)
        image_rgb = np.clip(image_rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg_probability:
        image_rgb = compressed(image_rgb, int(rng.integers(25, 90)))
    return image_rgb


def without_color(image_rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _tone(image_rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gamma, contrast, brightness and a colour cast, as one look-up table per channel."""
    levels = np.linspace(0.0, 1.0, 256)
    curve = levels ** np.exp(rng.uniform(-0.45, 0.45))
    curve = (curve - 0.5) * rng.uniform(0.65, 1.35) + 0.5 + rng.uniform(-0.15, 0.15)
    gains = rng.uniform(0.85, 1.15, 3) if rng.random() < 0.5 else np.ones(3)
    table = np.clip(curve[:, None] * gains * 255.0, 0, 255).astype(np.uint8)
    return cv2.LUT(image_rgb, table[None])  # (1, 256, 3): one curve a channel


def _low_resolution(image_rgb: np.ndarray, lowest: float, rng: np.random.Generator) -> np.ndarray:
    """As if taken with ``lowest`` to a half of the pixels, each octave as often as the next."""
    side = image_rgb.shape[0]
    small = max(8, round(side * np.exp(rng.uniform(np.log(lowest), np.log(0.5)))))
    shrunk = cv2.resize(image_rgb, (small, small), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    return cv2.resize(shrunk, (side, side), interpolation=way)


def compressed(image_rgb: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG of this quality (1 to 100) leaves of the picture."""
    _, data = cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image_rgb if decoded is None else decoded[..., ::-1]
