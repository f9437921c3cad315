"""A film for Chromium's fake camera: a public-domain portrait that moves to and fro."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.speed_photos import example_photo

FRAMES_PER_S = 30
_SWING_PX = 40


def write_camera_film(
    path: Path, *, width_px: int = 640, height_px: int = 480, frames: int = 60
) -> Path:
    """Write an uncompressed Y4M file, which the browser plays again and again.

    https://wiki.multimedia.cx/index.php/YUV4MPEG2
    """
    photo_rgb = example_photo(1, width_px, height_px)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width_px} H{height_px} F{FRAMES_PER_S}:1 Ip A1:1 C420\n".encode())
        for index in range(frames):
            left_px = round(_SWING_PX * np.sin(2 * np.pi * index / frames))
            frame_rgb = np.roll(photo_rgb, left_px, axis=1)
            film.write(b"FRAME\n" + cv2.cvtColor(frame_rgb, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path
