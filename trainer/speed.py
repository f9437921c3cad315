"""How fast a device trains: a few real steps of the recipe on noise, in a process of their own.

python -m trainer.speed HOME DEVICE PRESET prints images per second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from core.checkpoint import load_checkpoint
from core.face_network import build_face_network
from db.home import Home
from trainer.loop import make_optimizer
from trainer.recipes import Recipe
from trainer.redistill import RetrainingConfig, recipe_of, serving_model, torch_device

MEASURE_S = 3.0


def measure_images_per_s(checkpoint: Path, preset: str, device: str) -> float:
    """Forward, backward and step of the preset, from the first step after warm-up on."""
    loaded = load_checkpoint(checkpoint)
    recipe = recipe_of(RetrainingConfig(preset=preset), loaded.card)
    network = build_face_network(loaded, checkpoint.name).to(device).train()
    optimizer = make_optimizer(network, recipe)
    shape = (recipe.batch_size, recipe.input_px, recipe.input_px, 3)
    crops = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    _step(network, optimizer, crops, recipe)
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < MEASURE_S:
        _step(network, optimizer, crops, recipe)
        steps += 1
    return steps * recipe.batch_size / (time.monotonic() - began)


def _step(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    crops: torch.Tensor,
    recipe: Recipe,
) -> None:
    enabled = recipe.precision == "bf16"
    with torch.autocast(crops.device.type, torch.bfloat16, enabled=enabled):
        outputs = network(crops)
    answers = [part for part in outputs if part is not None]
    loss = torch.stack([part.float().square().mean() for part in answers]).sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    float(loss.detach())  # waits for the device


def main(arguments: Sequence[str]) -> int:
    root, device, preset = arguments
    home = Home.at(Path(root))
    print(measure_images_per_s(serving_model(home), preset, torch_device(device)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
