"""Draws face masks, and other things over mouths, onto face pictures of known head pose.

The labels of what is drawn are exact, for both tasks: the pose is the picture's own, the mask
class follows from what was put where. ``draw_mask`` is all that callers need, with the frame
of ``fit_head_frame``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from core.faces import MaskLabel
from trainer.mask_overlay import things
from trainer.mask_overlay.fabrics import MASK_STYLES
from trainer.mask_overlay.head_frame import (
    CANONICAL_21,
    HeadFrame,
    fit_head_frame,
    landmarks_21_from_68,
)
from trainer.mask_overlay.light import Scene, blend, read_scene
from trainer.mask_overlay.raster import Sheet, Window, project, render
from trainer.mask_overlay.worn import (
    covering_outline,
    draw_loops,
    loop_curves,
    mask_sheet,
    on_chin_outline,
    under_nose_outline,
)

__all__ = [
    "CANONICAL_21",
    "MASK_STYLES",
    "DrawnFace",
    "HeadFrame",
    "Worn",
    "draw_mask",
    "fit_head_frame",
    "landmarks_21_from_68",
]

MIN_SIDE_PX = 32


class Worn(StrEnum):
    """What is drawn, and where."""

    COVERING = "covering"  # a mask over nose, mouth and chin
    UNDER_NOSE = "under_nose"  # a mask over mouth and chin, the nose out
    ON_CHIN = "on_chin"  # a mask pulled down, nose and mouth out
    HAND = "hand"
    SCARF = "scarf"
    BEARD = "beard"
    MICROPHONE = "microphone"
    CUP = "cup"
    PHONE = "phone"
    SHAPE = "shape"  # a plain card or disc of any colour

    @property
    def label(self) -> MaskLabel:
        """The class of a face that wears this; only masks count as masks."""
        if self is Worn.COVERING:
            return MaskLabel.MASKED
        if self in (Worn.UNDER_NOSE, Worn.ON_CHIN):
            return MaskLabel.INCORRECT
        return MaskLabel.UNMASKED


#: How often each is drawn when the caller leaves the choice.
WORN_SHARES: dict[Worn, float] = {
    Worn.COVERING: 0.45,
    Worn.UNDER_NOSE: 0.13,
    Worn.ON_CHIN: 0.12,
    Worn.HAND: 0.10,
    Worn.SCARF: 0.05,
    Worn.BEARD: 0.03,
    Worn.MICROPHONE: 0.04,
    Worn.CUP: 0.03,
    Worn.PHONE: 0.02,
    Worn.SHAPE: 0.03,
}
_OUTLINES = {
    Worn.COVERING: covering_outline,
    Worn.UNDER_NOSE: under_nose_outline,
    Worn.ON_CHIN: on_chin_outline,
}
_Painter = Callable[[np.random.Generator, HeadFrame, Scene, int], tuple[list[Sheet], str]]
_THINGS: dict[Worn, _Painter] = {
    Worn.HAND: things.hand,
    Worn.SCARF: things.scarf,
    Worn.BEARD: things.beard,
    Worn.MICROPHONE: things.microphone,
    Worn.CUP: things.cup,
    Worn.PHONE: things.phone,
    Worn.SHAPE: things.shape,
}


@dataclass(frozen=True)
class DrawnFace:
    """A picture with something drawn on its face.

    ``image_rgb`` uint8 (H, W, 3), a new array; ``coverage`` float32 (H, W) in [0, 1], how much
    of each pixel the drawn thing hides.
    """

    image_rgb: np.ndarray
    label: MaskLabel
    worn: Worn
    style: str
    coverage: np.ndarray


def draw_mask(
    image_rgb: np.ndarray,
    frame: HeadFrame,
    rng: np.random.Generator,
    *,
    worn: Worn | None = None,
    style: str | None = None,
) -> DrawnFace:
    """The face of ``frame`` in ``image_rgb`` (uint8 (H, W, 3)) with a mask or another thing on it.

    Everything not given is drawn from ``rng``: the same seed gives the same picture. ``style``
    is one of ``MASK_STYLES`` and applies to masks only. Raises ValueError for a picture that is
    not RGB uint8 or smaller than 32 px, and for an unknown style.
    """
    _check_image(image_rgb)
    if worn is None:
        kinds = list(WORN_SHARES)
        worn = kinds[int(rng.choice(len(kinds), p=list(WORN_SHARES.values())))]
    if style is not None and (worn not in _OUTLINES or style not in MASK_STYLES):
        raise ValueError(
            f"no style {style!r} for {worn.value}; masks have the styles {', '.join(MASK_STYLES)}"
        )
    scene = read_scene(image_rgb, frame, rng)
    detail = int(np.clip(frame.scale_px * 1.6, 24, 400))
    if worn in _OUTLINES:
        style = style or MASK_STYLES[int(rng.integers(len(MASK_STYLES)))]
        outline = _OUTLINES[worn](rng, style)
        sheets = [mask_sheet(outline, style, rng, frame, scene, detail)]
    else:
        sheets, style = _THINGS[worn](rng, frame, scene, detail)
    pixels = project(sheets, frame)
    curves = []
    if worn in _OUTLINES and rng.random() < 0.8:
        curves = loop_curves(sheets[0].points, style, rng, frame)
    window = _window_around([*pixels, *curves], frame, image_rgb.shape)
    coverage = np.zeros(image_rgb.shape[:2], np.float32)
    if window is None:
        return DrawnFace(image_rgb.copy(), worn.label, worn, style, coverage)
    layer = render(sheets, pixels, frame, window)
    if curves:  # they hang behind the mask
        layer += draw_loops(curves, rng, frame, window, behind=layer[..., 3])
    drawn, alpha = blend(image_rgb, layer, window, scene, rng)
    rows = slice(window.top_px, window.top_px + window.height_px)
    columns = slice(window.left_px, window.left_px + window.width_px)
    coverage[rows, columns] = alpha
    return DrawnFace(drawn, worn.label, worn, style, coverage)


def _check_image(image_rgb: np.ndarray) -> None:
    shape = getattr(image_rgb, "shape", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise ValueError(f"expected an RGB picture, uint8 (H, W, 3), got {shape}")
    if min(shape[:2]) < MIN_SIDE_PX:
        raise ValueError(
            f"expected a picture of at least {MIN_SIDE_PX} px, got {shape[1]} × {shape[0]}"
        )


def _window_around(
    points_px: list[np.ndarray], frame: HeadFrame, shape: tuple[int, ...]
) -> Window | None:
    """The part of the picture that points (..., 2) may touch; None if they miss the picture."""
    points = np.concatenate([part.reshape(-1, 2) for part in points_px])
    margin = 3 + 0.1 * frame.scale_px
    low = np.maximum(np.floor(points.min(0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points.max(0) + margin), (shape[1], shape[0])).astype(int)
    width, height = (high - low).tolist()
    if min(width, height) < 4:
        return None
    return Window(int(low[0]), int(low[1]), width, height, 3 if max(width, height) < 64 else 2)
