"""How fast a device trains and asks teachers: some real work on noise, in a process of its own.

python -m trainer.speed HOME DEVICE PRESET prints both as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from core.checkpoint import load_checkpoint
from core.face_network import build_face_network
from db.home import Home
from trainer.loop import make_optimizer
from trainer.precision import autocast
from trainer.recipes import Recipe
from trainer.redistill import (
    RetrainingConfig,
    recipe_of,
    serving_model,
    teachers_of,
    torch_device,
)
from trainer.soft_labels import ask
from trainer.train import load_teacher

#: Of each part.
MEASURE_S = 3.0
#: Faces that teachers are asked about at a time.
_ASKED = 64


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Images a second that are trained on, and faces a second that all teachers are asked about."""

    trained_per_s: float
    asked_per_s: float

    def seconds(self, faces: int, epochs: float) -> float:
        """Of a run in which no teacher has seen a face before."""
        return faces * epochs / self.trained_per_s + faces / self.asked_per_s


def measure_speed(checkpoint: Path, preset: str, device: str) -> Speed:
    """What retraining ``checkpoint`` by this preset does most of the time."""
    return Speed(
        trained_per_s=_train(checkpoint, preset, device), asked_per_s=_ask(checkpoint, device)
    )


def _train(checkpoint: Path, preset: str, device: str) -> float:
    """Forward, backward and step of the preset, from the first step after warm-up on."""
    loaded = load_checkpoint(checkpoint)
    recipe = recipe_of(RetrainingConfig(preset=preset), loaded.card)
    network = build_face_network(loaded, checkpoint.name).to(device).train()
    optimizer = make_optimizer(network, recipe)
    crops = _noise(recipe.batch_size, recipe.input_px, device)
    return recipe.batch_size * _times_a_second(lambda: _step(network, optimizer, crops, recipe))


def _ask(checkpoint: Path, device: str) -> float:
    """Every teacher looks at a face and at its mirror image."""
    paths = teachers_of(RetrainingConfig(), checkpoint)
    teachers = [load_teacher(path, torch.device(device)) for path in paths]
    crops = [_noise(_ASKED, teacher.card.input_px, device) for teacher in teachers]

    def ask_all() -> None:
        for teacher, seen in zip(teachers, crops, strict=True):
            float(sum(part.sum() for part in ask(teacher, seen) if part is not None))

    return _ASKED / 2 * _times_a_second(ask_all)


def _times_a_second(work: Callable[[], None]) -> float:
    """How often ``work`` is done in a second; the first time warms up."""
    work()
    began, times = time.monotonic(), 0
    while time.monotonic() - began < MEASURE_S:
        work()
        times += 1
    return times / (time.monotonic() - began)


def _noise(count: int, side_px: int, device: str) -> torch.Tensor:
    return torch.randint(0, 256, (count, side_px, side_px, 3), dtype=torch.uint8, device=device)


def _step(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    crops: torch.Tensor,
    recipe: Recipe,
) -> None:
    with autocast(crops.device, recipe.precision):
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
    speed = measure_speed(serving_model(home), preset, torch_device(device))
    print(json.dumps(asdict(speed)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
