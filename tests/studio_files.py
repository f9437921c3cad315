"""A studio for tests: its own home, and fresh networks in place of trained ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from core.checkpoint import ModelCard, save_checkpoint
from core.networks import create_network
from ui.studio import Studio, open_studio


def write_network(folder: Path, network: str) -> Path:
    """A checkpoint of a network that never learned anything."""
    path = folder / f"{network}.safetensors"
    card = ModelCard(network=network, recipe="untrained")
    save_checkpoint(path, card, create_network(network).state_dict())
    return path


def start_studio(folder: Path, *, teachers: tuple[str, ...] = ()) -> Studio:
    """A studio whose models are loaded."""
    studio = open_studio(
        folder / "home",
        write_network(folder, "mhpnet"),
        [write_network(folder, name) for name in teachers],
        "cpu",
    )
    studio.models.start()
    assert studio.models.wait(120), "the models did not load in two minutes"
    return studio


def write_video(path: Path, portrait_rgb: np.ndarray, *, frames: int, frames_per_s: float) -> Path:
    """A small film in which a portrait moves slowly to the right; the suffix says its form."""
    codec = {".mp4": "mp4v", ".avi": "MJPG", ".webm": "VP80"}[path.suffix]
    size = (320, 240)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), frames_per_s, size)
    assert writer.isOpened(), f"OpenCV cannot write {path.suffix} here"
    small_rgb = cv2.resize(portrait_rgb, (240, 240), interpolation=cv2.INTER_AREA)
    for index in range(frames):
        frame_rgb = np.zeros((240, 320, 3), np.uint8)
        frame_rgb[:, index % 80 : index % 80 + 240] = small_rgb
        writer.write(cv2.cvtColor(frame_rgb, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
