"""A head that turns like the pose, as a small SVG: outline, eye line, middle line and nose."""

from __future__ import annotations

import numpy as np

from core.faces import HeadPose
from core.head_pose import rotation_from_euler

#: Half axes of the head in units of its half height: a little narrower than high.
_SIZE = np.array([0.78, 1.0, 0.85])
_NOSE = np.array([[-0.16, -0.18, 0.92], [0.0, -0.12, 1.45], [0.16, -0.18, 0.92]])
_TURN = np.linspace(0, 2 * np.pi, 49)
_EYE_LINE = np.stack([np.sin(_TURN), np.full_like(_TURN, 0.18), np.cos(_TURN)], axis=1)
_MIDDLE_LINE = np.stack([np.zeros_like(_TURN), np.sin(_TURN), np.cos(_TURN)], axis=1)


def head_svg(pose: HeadPose, side_px: int = 72) -> str:
    """An inline SVG; lines take the text colour, so that it fits light and dark pages."""
    rotation = rotation_from_euler(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    scale = side_px / 3.1
    words = f"yaw {pose.yaw_deg:.0f}°, pitch {pose.pitch_deg:.0f}°, roll {pose.roll_deg:.0f}°"
    lines = "".join(
        f'<path d="{_visible(line * _SIZE, rotation, scale)}" class="line"/>'
        for line in (_EYE_LINE, _MIDDLE_LINE)
    )
    nose = _points(_NOSE * _SIZE, rotation, scale)
    half = side_px / 2
    return (
        f'<svg class="head" role="img" aria-label="{words}" width="{side_px}" height="{side_px}" '
        f'viewBox="{-half} {-half} {side_px} {side_px}"><title>{words}</title>'
        f'<path d="{_outline(rotation, scale)}" class="skull"/>{lines}'
        f'<path d="M{" L".join(nose)}" class="nose"/></svg>'
    )


def _points(points: np.ndarray, rotation: np.ndarray, scale: float) -> list[str]:
    """``x,y`` in the picture (y down) of head points (N, 3)."""
    seen = points @ rotation.T
    return [f"{x:.1f},{-y:.1f}" for x, y in seen[:, :2] * scale]


def _visible(points: np.ndarray, rotation: np.ndarray, scale: float) -> str:
    """The part of a closed line that faces the viewer, as an SVG path."""
    towards = (points @ rotation.T)[:, 2] > 0
    path, pen = [], "M"
    for point, shown in zip(_points(points, rotation, scale), towards, strict=True):
        if shown:
            path.append(pen + point)
        pen = "L" if shown else "M"
    return " ".join(path)


def _outline(rotation: np.ndarray, scale: float) -> str:
    """The silhouette of the ellipsoid: the image of a circle under the root of its shadow."""
    shadow = (rotation * _SIZE**2) @ rotation.T  # (3, 3): the ellipsoid's quadratic form
    values, vectors = np.linalg.eigh(shadow[:2, :2])
    circle = np.stack([np.cos(_TURN), np.sin(_TURN)])
    x, y = vectors @ (np.sqrt(values)[:, None] * circle) * scale
    return "M" + " L".join(f"{a:.1f},{-b:.1f}" for a, b in zip(x, y, strict=True)) + "Z"
