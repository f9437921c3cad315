"""Faces from frame to frame of a video: found now and then, followed in between.

Following is median flow (Kalal, Mikolajczyk, Matas, "Forward-Backward Error: Automatic Detection of
Tracking Failures", ICPR 2010): a grid of points in each box goes to the next frame by optical flow
and back again; those that return to where they began say how the box moved and grew. It costs a
tenth of looking for faces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.faces import FaceBox

#: Frames from one look for faces to the next, so a new face is seen after that many at the latest.
DETECT_EVERY = 5

#: Longer side in px of the grey frames in which faces are followed.
_GREY_PX = 480
_GRID = 7  # points along each side of a box, in its inner part: less background
_INNER = 0.8
# The quality check: where one face fails it, all faces of the frame are looked for anew.
_MAX_RETURN_ERROR_PX = 1.0  # of a point there and back, in the grey frame
_MIN_RETURNED = 0.5  # part of a face's points
_MAX_GROWTH = 1.2  # of a box from one frame to the next

Detect = Callable[[np.ndarray], Sequence[FaceBox]]


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTracker:
    """The faces in one frame of a video. Frozen, so that a session can hold it.

    ``boxes``: where they are. ``age``: frames since they were looked for; 0 in a frame where they
    were, because it was time, because a face was lost from sight, or because the picture changed.
    """

    boxes: tuple[FaceBox, ...] = ()
    age: int = 0
    detect_every: int = DETECT_EVERY
    grey: np.ndarray | None = None

    def step(self, frame_rgb: np.ndarray, detect: Detect) -> FaceTracker:
        """The faces in the next frame, RGB uint8 (H, W, 3); ``detect`` finds those of a frame."""
        grey = _grey(frame_rgb)
        followed = None
        if self.age + 1 < self.detect_every and self.grey is not None:
            followed = _follow(self.boxes, self.grey, grey, grey.shape[0] / frame_rgb.shape[0])
        found = tuple(detect(frame_rgb)) if followed is None else followed
        return FaceTracker(
            boxes=found,
            age=0 if followed is None else self.age + 1,
            detect_every=self.detect_every,
            grey=grey,
        )


def _grey(frame_rgb: np.ndarray) -> np.ndarray:
    """The frame in grey, uint8 (h, w), at most ``_GREY_PX`` long."""
    height, width = frame_rgb.shape[:2]
    scale = min(1.0, _GREY_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(frame_rgb, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def _follow(
    boxes: Sequence[FaceBox], before: np.ndarray, now: np.ndarray, scale: float
) -> tuple[FaceBox, ...] | None:
    """The boxes in the next grey frame, ``scale`` × as large as theirs; None where one is lost."""
    if before.shape != now.shape:
        return None
    if not boxes:
        return ()
    starts = np.concatenate([_points(box) for box in boxes]).astype(np.float32) * np.float32(scale)
    ends, arrived = _flow(before, now, starts)
    back, returned = _flow(now, before, ends)
    good = arrived & returned
    good &= np.linalg.norm(back - starts, axis=1) <= _MAX_RETURN_ERROR_PX
    moved = []
    for box, at, to, kept in zip(
        boxes, *(_by_face(values) for values in (starts, ends, good)), strict=True
    ):
        if kept.mean() < _MIN_RETURNED:
            return None
        box = _moved(box, at[kept] / scale, to[kept] / scale)
        if box is None or not _is_inside(box, now.shape[1] / scale, now.shape[0] / scale):
            return None
        moved.append(box)
    return tuple(moved)


def _flow(before: np.ndarray, now: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points (N, 2) float32 of one grey frame are in the other, and which were found (N,)."""
    ends, found, _ = cv2.calcOpticalFlowPyrLK(before, now, points, np.zeros_like(points))
    return np.asarray(ends), np.asarray(found)[:, 0] == 1


def _points(box: FaceBox) -> np.ndarray:
    """A grid (GRID², 2) of x, y in the inner part of a box."""
    steps = 0.5 + _INNER * (np.linspace(0, 1, _GRID) - 0.5)
    x, y = np.meshgrid(box.left_px + steps * box.width_px, box.top_px + steps * box.height_px)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _by_face(values: np.ndarray) -> np.ndarray:
    """Values of all points as (faces, GRID², …)."""
    return values.reshape(-1, _GRID**2, *values.shape[1:])


def _moved(box: FaceBox, starts: np.ndarray, ends: np.ndarray) -> FaceBox | None:
    """The box after its points went from ``starts`` to ``ends`` (n, 2); None if it jumps in size.

    The median of all moves and of all stretches, which a few wrong points do not change.
    """
    half = len(starts) // 2  # each point with one that is far from it
    lengths = [np.linalg.norm(at - np.roll(at, half, axis=0), axis=1) for at in (starts, ends)]
    growth = float(np.median(lengths[1] / lengths[0]))
    if not 1 / _MAX_GROWTH <= growth <= _MAX_GROWTH:
        return None
    center = np.array(box.center_px)
    # Growth alone moves points that lie more on one side of the centre; the box does not follow.
    by_growth = (growth - 1) * (np.median(starts, axis=0) - center)
    x, y = center + np.median(ends - starts, axis=0) - by_growth
    width_px, height_px = growth * box.width_px, growth * box.height_px
    return FaceBox(
        float(x - width_px / 2),
        float(y - height_px / 2),
        width_px,
        height_px,
        box.score,
    )


def _is_inside(box: FaceBox, width_px: float, height_px: float) -> bool:
    """Whether the box's centre is in the picture."""
    x, y = box.center_px
    return 0 <= x <= width_px and 0 <= y <= height_px
