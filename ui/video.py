"""A video file in, the same video with its faces marked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.images import ImageError
from core.overlay import draw_faces
from ui.live import LiveView

if TYPE_CHECKING:
    from core.predictor import Predictor

#: Longer side of the written video; larger ones are shrunk before anything looks at them.
MAX_SIDE_PX = 1280
#: Of this many seconds; the rest is left out and said so.
MAX_LENGTH_S = 120.0
_FALLBACK_FRAMES_PER_S = 25.0


@dataclass(frozen=True, kw_only=True)
class VideoResult:
    """``frames`` were written to ``path`` (WebM, VP8); ``was_cut``: the video was longer."""

    path: Path
    frames: int
    frames_with_faces: int
    was_cut: bool


def mark_faces(
    source: Path, target: Path, predictor: Predictor, progress: Callable[[float], None]
) -> VideoResult:
    """Answer every frame, smoothed over time. Raises ImageError for what is no video."""
    video = cv2.VideoCapture(str(source))
    try:
        frames_per_s, total = _facts(video, source.name)
        limit = round(MAX_LENGTH_S * frames_per_s)
        view, count, with_faces = LiveView(), 0, 0
        writer: cv2.VideoWriter | None = None
        try:
            for frame_rgb in _frames(video, limit):
                view = view.step(predictor.predict(frame_rgb), count / frames_per_s)
                drawn_rgb = draw_faces(frame_rgb, view.faces)
                writer = writer or _open(target, frames_per_s, frame_rgb)
                writer.write(np.ascontiguousarray(drawn_rgb[..., ::-1]))
                count, with_faces = count + 1, with_faces + bool(view.faces)
                progress(min(1.0, count / max(1, min(total, limit))))
        finally:
            if writer:
                writer.release()
    finally:
        video.release()
    if not count:
        raise ImageError(f"{source.name}: no frame of this video can be read; expected MP4 or WebM")
    return VideoResult(
        path=target, frames=count, frames_with_faces=with_faces, was_cut=total > limit
    )


def _facts(video: cv2.VideoCapture, name: str) -> tuple[float, int]:
    """Frames per second and, as far as the file says, how many."""
    if not video.isOpened():
        raise ImageError(f"{name}: cannot be read as a video; expected MP4, MOV, AVI or WebM")
    frames_per_s = video.get(cv2.CAP_PROP_FPS)
    if not 1 <= frames_per_s <= 240:
        frames_per_s = _FALLBACK_FRAMES_PER_S
    return frames_per_s, int(max(0, video.get(cv2.CAP_PROP_FRAME_COUNT)))


def _frames(video: cv2.VideoCapture, limit: int) -> Iterator[np.ndarray]:
    """RGB frames, no larger than MAX_SIDE_PX, with even sides as the codec wants them."""
    for _ in range(limit):
        ok, frame_bgr = video.read()
        if not ok:
            return
        height_px, width_px = frame_bgr.shape[:2]
        scale = min(1.0, MAX_SIDE_PX / max(height_px, width_px))
        size = (max(2, int(width_px * scale) // 2 * 2), max(2, int(height_px * scale) // 2 * 2))
        if size != (width_px, height_px):
            frame_bgr = cv2.resize(frame_bgr, size, interpolation=cv2.INTER_AREA)
        yield np.ascontiguousarray(frame_bgr[..., ::-1])


def _open(target: Path, frames_per_s: float, frame_rgb: np.ndarray) -> cv2.VideoWriter:
    height_px, width_px = frame_rgb.shape[:2]
    codec = cv2.VideoWriter.fourcc(*"VP80")  # every browser plays it, and OpenCV brings it
    writer = cv2.VideoWriter(str(target), codec, frames_per_s, (width_px, height_px))
    if not writer.isOpened():
        raise ImageError("this computer cannot write WebM videos: OpenCV lacks the VP8 codec")
    return writer
