"""The name of the device to compute on."""

from __future__ import annotations

import torch

from core.checkpoint import CheckpointError


def resolve_device(name: str) -> str:
    """``cpu`` or ``cuda:N`` for auto, cpu, cuda or cuda:N; ValueError where there is no such."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and count == 0):
        return "cpu"
    if name in ("auto", "cuda"):
        name = "cuda:0"
    kind, _, index = name.partition(":")
    if kind != "cuda" or not index.isdigit():
        raise CheckpointError(f"unknown device {name!r}; give auto, cpu, cuda or cuda:N")
    if int(index) >= count:
        raise CheckpointError(
            f"there is no {name}: this machine shows {count} CUDA devices; use --device cpu"
        )
    return name
