"""ONNX files for tests: a student with fresh weights, exported once in a test run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from core.checkpoint import ModelCard, save_checkpoint
from core.export_onnx import export_fp32, export_int8
from core.networks import create_network


@dataclass(frozen=True)
class ExportedStudent:
    """A checkpoint and the two ONNX files beside it."""

    checkpoint: Path
    fp32: Path
    int8: Path


@cache
def exported_student(folder: Path) -> ExportedStudent:
    files = ExportedStudent(folder / "m.safetensors", folder / "m.onnx", folder / "m.int8.onnx")
    write_checkpoint(files.checkpoint, ModelCard(network="mhpnet", metrics={"mae_deg": 3.5}))
    export_fp32(files.checkpoint, files.fp32)
    export_int8(files.checkpoint, files.int8, face_crops(16))
    return files


def write_checkpoint(path: Path, card: ModelCard) -> None:
    """Fresh weights whose heads speak up: with PyTorch's own, every answer is nearly the same."""
    torch.manual_seed(7)
    tensors = create_network(card.network).state_dict()
    for name, value in tensors.items():
        if "_head" in name:
            value.normal_(std=0.1 if "mask" in name else 0.5)
    save_checkpoint(path, card, tensors)


def face_crops(count: int, size_px: int = 112) -> np.ndarray:
    """Crops (count, S, S, 3) around a public-domain portrait's face, some dark, some noisy."""
    from skimage import data

    portrait = np.asarray(data.astronaut())
    rng = np.random.default_rng(5)
    crops = []
    for index in range(count):
        left, top = rng.integers(120, 220), rng.integers(0, 100)
        crop = portrait[top : top + size_px, left : left + size_px].astype(float)
        crop = crop * rng.uniform(0.1, 1.2) + rng.normal(scale=12 * (index % 3), size=crop.shape)
        crops.append(crop.clip(0, 255).astype(np.uint8))
    return np.stack(crops)
