"""Predictions drawn into a picture: boxes, mask labels, angles and the head's axes or a cube.

Mask classes have the colours of Okabe and Ito, which people with any colour vision tell apart,
and are always written out too. The nose axis is the arrow; the front of the cube is thick.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal

import cv2
import numpy as np

from core.faces import FaceBox, FacePrediction, MaskLabel
from core.head_pose import axes_in_image
from core.overlay_labels import Color, Label, draw_labels

MASK_COLORS_RGB: dict[MaskLabel, Color] = {
    MaskLabel.UNMASKED: (213, 94, 0),  # vermilion
    MaskLabel.MASKED: (86, 180, 233),  # sky blue
    MaskLabel.INCORRECT: (240, 228, 66),  # yellow
}
#: Of a face whose mask nobody judged.
NEUTRAL_COLOR_RGB: Color = (221, 221, 221)
#: The head's x (to its left), y (up) and z (nose) axes.
AXIS_COLORS_RGB: tuple[Color, Color, Color] = ((204, 121, 167), (0, 158, 115), (0, 114, 178))

_CUBE_CORNERS = np.array(list(product((-1, 1), repeat=3)))  # (8, 3) head frame
_CUBE_EDGES = [
    (a, b)
    for a in range(8)
    for b in range(a + 1, 8)
    if np.abs(_CUBE_CORNERS[a] - _CUBE_CORNERS[b]).sum() == 2
]


def draw_faces(
    image_rgb: np.ndarray,
    faces: Sequence[FacePrediction],
    style: Literal["axes", "cube"] = "axes",
) -> np.ndarray:
    """A copy of a picture, RGB uint8 (H, W, 3), with the predictions drawn into it.

    Lines and letters grow with the picture, and shrink for small faces. Where the whole label
    would hide faces, or does not fit into the picture, the mask alone is written.
    """
    if style not in ("axes", "cube"):
        raise ValueError(f"style must be 'axes' or 'cube', got {style!r}")
    canvas = np.array(image_rgb, order="C")  # a copy
    height, width = canvas.shape[:2]
    boxes = [_within_reach(face.box, width, height) for face in faces]
    axes = iter(axes_in_image([face.pose for face in faces if face.pose is not None]))
    draw_pose = _draw_cube if style == "cube" else _draw_axes
    for face, box in zip(faces, boxes, strict=True):
        line_px = max(1, round(min(height, width, 6 * max(box.width_px, box.height_px)) / 250))
        _draw_box(canvas, box, face_color(face), line_px)
        if face.pose is not None:
            draw_pose(canvas, box, next(axes), line_px)
    labels = [
        Label(box, _label_texts(face), face_color(face))
        for face, box in zip(faces, boxes, strict=True)
    ]
    draw_labels(canvas, labels)  # last, so that no line runs through a letter
    return canvas


def face_color(face: FacePrediction) -> Color:
    """The colour of a face's box and label."""
    return NEUTRAL_COLOR_RGB if face.mask is None else MASK_COLORS_RGB[face.mask.label]


def _label_texts(face: FacePrediction) -> list[tuple[str, ...]]:
    """What can be written beside a face: mask, probability and angles, or the first line alone."""
    lines = []
    if face.mask is not None:
        lines.append(f"{face.mask.label.value} {face.mask.confidence:.0%}")
    if face.pose is not None:
        pose = face.pose
        lines.append(f"yaw {round(pose.yaw_deg):+d}°")
        lines.append(f"pitch {round(pose.pitch_deg):+d}°")
        lines.append(f"roll {round(pose.roll_deg):+d}°")
    return [tuple(lines), tuple(lines[:1])] if lines else []


def _draw_box(canvas: np.ndarray, box: FaceBox, color: Color, line_px: int) -> None:
    """A coloured frame with a dark edge, so that it stands out on any background."""
    corners = _pixel((box.left_px, box.top_px)), _pixel((box.right_px, box.bottom_px))
    cv2.rectangle(canvas, *corners, (0, 0, 0), line_px + 2)
    cv2.rectangle(canvas, *corners, color, line_px)


def _draw_axes(canvas: np.ndarray, box: FaceBox, axes: np.ndarray, line_px: int) -> None:
    """The three ``axes`` (3, 2) from the middle of the face."""
    center = np.array(box.center_px)
    tips = center + axes * 0.5 * max(box.width_px, box.height_px)  # (3, 2)
    for tip, color in zip(tips, AXIS_COLORS_RGB, strict=True):
        is_nose = color is AXIS_COLORS_RGB[2]
        for ink, extra_px in (((255, 255, 255), 2), (color, 0)):
            thickness = line_px * (2 if is_nose else 1) + extra_px
            ends = _pixel(center), _pixel(tip)
            if is_nose:
                cv2.arrowedLine(canvas, *ends, ink, thickness, cv2.LINE_AA, tipLength=0.25)
            else:
                cv2.line(canvas, *ends, ink, thickness, cv2.LINE_AA)


def _draw_cube(canvas: np.ndarray, box: FaceBox, axes: np.ndarray, line_px: int) -> None:
    """A wireframe cube along the ``axes`` (3, 2); the four edges of its front are thick."""
    half_side = 0.35 * max(box.width_px, box.height_px)
    corners = np.array(box.center_px) + half_side * (_CUBE_CORNERS @ axes)  # (8, 2)
    front_last = sorted(_CUBE_EDGES, key=_is_front)
    for edge in front_last:
        color = AXIS_COLORS_RGB[2] if _is_front(edge) else AXIS_COLORS_RGB[1]
        thickness = line_px * (2 if _is_front(edge) else 1)
        ends = _pixel(corners[edge[0]]), _pixel(corners[edge[1]])
        cv2.line(canvas, *ends, (255, 255, 255), thickness + 2, cv2.LINE_AA)
        cv2.line(canvas, *ends, color, thickness, cv2.LINE_AA)


def _is_front(edge: tuple[int, int]) -> bool:
    return all(_CUBE_CORNERS[corner][2] > 0 for corner in edge)


def _within_reach(box: FaceBox, width: int, height: int) -> FaceBox:
    """The box with its far-out edges pulled to just outside the picture: OpenCV counts in int32."""
    reach = 2 * max(width, height)
    left, right = (min(max(x, -reach), width + reach) for x in (box.left_px, box.right_px))
    top, bottom = (min(max(y, -reach), height + reach) for y in (box.top_px, box.bottom_px))
    return FaceBox(left, top, max(right - left, 1.0), max(bottom - top, 1.0), box.score)


def _pixel(point: Sequence[float] | np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
