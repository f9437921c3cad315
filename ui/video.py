"""A video file in, the same video with its faces marked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
#: Where in a file its form is told, and how. Others are not even opened: a playlist, by whatever
#: name, would make the decoder fetch what it lists.
_FORMS = (
    (4, (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),  # MP4, MOV
    (0, (b"\x1a\x45\xdf\xa3",)),  # WebM, MKV
    (8, (b"AVI ",)),
)


@dataclass(frozen=True, kw_only=True)
class MarkedVideo:
    """``frames`` are written to ``path`` (WebM, VP8) by now; it is whole once ``is_done``.

    ``share`` 0 … 1 of the work is done; ``was_cut``: the video is longer than what was answered.
    """

    path: Path
    frames: int
    frames_with_faces: int
    share: float
    is_done: bool = False
    was_cut: bool = False


def mark_faces(source: Path, target: Path, predictor: Predictor) -> Iterator[MarkedVideo]:
    """Answer every frame, smoothed over time; how far it is after each, and the result at last.

    Raises ImageError for what is no video. Whoever stops asking stops the work.
    """
    _check_form(source)
    video = cv2.VideoCapture(str(source))
    writer: cv2.VideoWriter | None = None
    try:
        frames_per_s, limit, total = _facts(video, source.name)
        view, count, with_faces = LiveView(), 0, 0
        for frame_rgb in _frames(video, limit):
            view = view.answer(frame_rgb, count / frames_per_s, predictor)
            drawn_rgb = draw_faces(frame_rgb, view.faces)
            writer = writer or _open(target, frames_per_s, frame_rgb)
            writer.write(np.ascontiguousarray(drawn_rgb[..., ::-1]))
            count, with_faces = count + 1, with_faces + bool(view.faces)
            marked = MarkedVideo(
                path=target,
                frames=count,
                frames_with_faces=with_faces,
                share=min(1.0, count / max(1, total)),
            )
            yield marked
        was_cut = count == limit and video.grab()
    finally:
        video.release()
        if writer:
            writer.release()
    if not count:
        raise ImageError(f"{source.name}: no frame of this video can be read; expected MP4 or WebM")
    yield replace(marked, share=1.0, is_done=True, was_cut=was_cut)


def _check_form(source: Path) -> None:
    with source.open("rb") as file:
        head = file.read(16)
    if not any(head[at : at + len(words[0])] in words for at, words in _FORMS):
        raise ImageError(f"{source.name}: is not a video; expected MP4, MOV, AVI, MKV or WebM")


def _facts(video: cv2.VideoCapture, name: str) -> tuple[float, int, int]:
    """Frames per second, how many to answer at most, and how many there are to answer.

    The last is 0 where the file does not say.
    """
    if not video.isOpened():
        raise ImageError(f"{name}: this video is damaged or of a form that cannot be read")
    frames_per_s = video.get(cv2.CAP_PROP_FPS)
    if not 1 <= frames_per_s <= 240:
        frames_per_s = _FALLBACK_FRAMES_PER_S
    limit = round(MAX_LENGTH_S * frames_per_s)
    total = int(max(0, video.get(cv2.CAP_PROP_FRAME_COUNT)))
    return frames_per_s, limit, min(total, limit)


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
