"""Masks as they are worn: over nose, mouth and chin, under the nose, or on the chin."""

from __future__ import annotations

import cv2
import numpy as np

from trainer.mask_overlay.fabrics import cloth, outline_alpha, paint_mask
from trainer.mask_overlay.head_frame import HeadFrame
from trainer.mask_overlay.light import Scene, lit_sheet
from trainer.mask_overlay.raster import Sheet, Window
from trainer.mask_overlay.surface import Outline, worn_points

_EAR_TOP = np.array((1.29, 0.10, -1.30))
_EAR_BOTTOM = np.array((1.26, -0.50, -1.36))
_SIDE_OF_HEAD = np.array((0.97, 0.0, 0.25))  # outward direction where loops run


def covering_outline(rng: np.random.Generator, style: str) -> Outline:
    """Nose, mouth and chin covered."""
    top = rng.uniform(0.75, 1.45)
    respirator = style in ("n95", "kn95")
    return Outline(
        top=top,
        top_corner=top + rng.uniform(0.25, 1.1),
        bottom=rng.uniform(5.95, 6.5),
        bottom_corner=rng.uniform(4.3, 5.5),
        reach=rng.uniform(2.8, 3.6) if style == "n95" else rng.uniform(3.0, 4.3),
        flare=rng.uniform(-0.5, 0.3),
        slack=rng.uniform(0.95, 1.3) if respirator else rng.uniform(0.8, 1.2),
        lean=rng.normal(0, 0.07),
        shift=rng.normal(0, 0.08),
        top_power=rng.uniform(1.1, 2.2),
        bottom_power=rng.uniform(1.4, 3.0),
        bulge=rng.uniform(0.05, 0.25) if respirator else rng.uniform(0.0, 0.12),
        ridge=rng.uniform(0.1, 0.3) if style == "kn95" else 0.0,
    )


def under_nose_outline(rng: np.random.Generator, style: str) -> Outline:
    """Mouth and chin covered, the nose out."""
    top = rng.uniform(2.62, 3.0)
    return Outline(
        top=top,
        top_corner=top + rng.uniform(-0.5, 0.4),
        bottom=rng.uniform(5.95, 6.7),
        bottom_corner=rng.uniform(4.6, 5.9),
        reach=rng.uniform(2.8, 4.0),
        flare=rng.uniform(-0.4, 0.2),
        slack=rng.uniform(0.1, 0.45),
        lean=rng.normal(0, 0.06),
        shift=rng.normal(0, 0.08),
        top_power=rng.uniform(1.2, 2.5),
        bottom_power=rng.uniform(1.4, 3.0),
        bulge=rng.uniform(0.0, 0.1),
    )


def on_chin_outline(rng: np.random.Generator, style: str) -> Outline:
    """Pulled down: nose and mouth out."""
    top = rng.uniform(4.5, 5.1)
    return Outline(
        top=top,
        top_corner=top + rng.uniform(-0.9, 0.2),
        bottom=rng.uniform(6.2, 6.9),
        bottom_corner=rng.uniform(5.2, 6.4),
        reach=rng.uniform(2.6, 3.9),
        flare=rng.uniform(-0.4, 0.2),
        slack=rng.uniform(0.3, 1.2),
        lean=rng.normal(0, 0.06),
        shift=rng.normal(0, 0.08),
        top_power=rng.uniform(1.2, 2.5),
        bottom_power=rng.uniform(1.4, 3.0),
        bulge=rng.uniform(0.0, 0.15),
    )


def mask_sheet(
    outline: Outline,
    style: str,
    rng: np.random.Generator,
    frame: HeadFrame,
    scene: Scene,
    detail: int,
) -> Sheet:
    """The mask as a lit surface; ``detail`` is its texture's height in texels."""
    finer = 1 if detail < 100 else 2  # straight edges of quads would show on a large face
    points = worn_points(outline, rows=9 * finer + 1, columns=12 * finer + 1)
    points += rng.normal(0, 0.008 / finer, points.shape) * rng.uniform(0, 1)
    area = cloth(detail, int(detail * 1.5))
    albedo = paint_mask(style, rng, area, scene.skin_rgb)
    roundness = 0.45 if style == "n95" else (0.03, 0.12, 0.3)[rng.integers(3)]
    alpha = outline_alpha(*area.shape, roundness)
    return lit_sheet(points, albedo, alpha, frame, scene)


def loop_curves(
    points: np.ndarray, style: str, rng: np.random.Generator, frame: HeadFrame
) -> list[np.ndarray]:
    """Ear loops or head straps from the mask's corners, as pixel curves (8, 2).

    Only on the side of the head that is seen; ``points`` (R, C, 3) are the mask's.
    """
    straps = style == "n95" and rng.random() < 0.7
    curves = []
    way = np.linspace(0, 1, 8)[:, None]
    rows, columns = points.shape[0] - 1, points.shape[1] - 1
    upper, lower, inset = round(0.2 * rows), round(0.8 * rows), round(0.08 * columns)
    for side, column in ((-1, inset), (1, columns - inset)):
        mirror = np.array((side, 1, 1))
        if frame.rotation[2] @ (_SIDE_OF_HEAD * mirror) < 0.08:
            continue
        ear_top = (_EAR_TOP + rng.normal(0, 0.05, 3)) * mirror
        ear_bottom = (_EAR_BOTTOM + rng.normal(0, 0.05, 3)) * mirror
        if straps:
            ear_top += (0, 0.45, -0.1)
            ear_bottom += (0, -0.2, -0.1)
        for start, end in ((points[upper, column], ear_top), (points[lower, column], ear_bottom)):
            curve = start + (end - start) * way
            curve[:, 0] += side * rng.uniform(0.03, 0.14) * np.sin(np.pi * way[:, 0])
            curves.append(curve)
    return list(frame.project(np.stack(curves))) if curves else []


def draw_loops(
    curves: list[np.ndarray],
    rng: np.random.Generator,
    frame: HeadFrame,
    window: Window,
    behind: np.ndarray,
) -> np.ndarray:
    """The loops ``behind`` an alpha (h, w): premultiplied colour and alpha, float32 (h, w, 4)."""
    tone = rng.uniform(0.6, 0.95) if rng.random() < 0.75 else rng.uniform(0.05, 0.3)
    fine = window.supersample
    width = max(1, round(rng.uniform(0.02, 0.055) * frame.scale_px * fine))
    ink = np.zeros((window.height_px * fine, window.width_px * fine), np.uint8)
    fixed = [np.rint(window.sub_pixels(curve) * 16).astype(np.int32) for curve in curves]
    cv2.polylines(ink, fixed, False, 255, width, cv2.LINE_8, 4)
    size = (window.width_px, window.height_px)
    alpha = cv2.resize(ink, size, interpolation=cv2.INTER_AREA) * np.float32(1 / 255)
    alpha *= 1 - behind
    gray = alpha * np.float32(tone)
    return cv2.merge((gray, gray, gray, alpha))
