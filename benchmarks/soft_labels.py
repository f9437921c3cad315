"""What the cache of soft labels brings, and whether the student suffers from it.

    python -m benchmarks.soft_labels --data POSE_DIR MASK_DIR [--faces 2000] [--epochs 4]

Three ways to the same student, from the same fresh weights and with the same faces in the same
order: teachers asked live, at every step, about the very view that the student sees; teachers asked
once about fixed views (the cache is empty); and again with the cache filled by the run before.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.distillation import SoftLabels, average_teachers
from core.face_network import FaceNetwork
from core.predictor import TEACHERS, WEIGHTS
from trainer.face_pool import FacePool
from trainer.label_cache import LabelCache
from trainer.loop import Trainer
from trainer.recipes import STUDENTS
from trainer.run_folder import RunFolder
from trainer.soft_labels import ask, label_pool
from trainer.train import (
    TrainingRequest,
    describe,
    initial_network,
    load_teacher,
    new_card,
    read_pool,
)
from trainer.validation import Validation
from trainer.views import Batch, BatchSource, ViewDataset

FIGURES = ("mae_deg", "drawn_mae_deg", "accuracy", "macro_f1", "drawn_accuracy")


@dataclass
class LiveTrainer(Trainer):
    """Asks the teachers at every step; they see what the student sees, drawn masks included."""

    teachers: tuple[FaceNetwork, ...] = ()

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        return super().train_step(batch._replace(soft=self._ask(batch.crops)))

    @torch.no_grad()
    def _ask(self, crops: Tensor) -> SoftLabels:
        return average_teachers([ask(one, _sized(crops, one)) for one in self.teachers])


def _sized(crops: Tensor, teacher: FaceNetwork) -> Tensor:
    """uint8 (B, S, S, 3) at the teacher's own size."""
    side_px = teacher.card.input_px
    if crops.shape[1] == side_px:
        return crops
    images = crops.permute(0, 3, 1, 2).float()
    images = interpolate(images, (side_px, side_px), mode="bilinear", antialias=True)
    return images.round().byte().permute(0, 2, 3, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Soft labels live, asked once, and cached.")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--teachers", type=Path, nargs="+", default=sorted(WEIGHTS.glob(TEACHERS)))
    parser.add_argument("--faces", type=int, default=2000, help="a random part of the data")
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(args, Path(folder))
    print(json.dumps(rows, indent=1), table(rows), sep="\n\n")


def compare(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """One row for each way: seconds of asking and of training, and figures on the val faces."""
    recipe = replace(STUDENTS["default"], epochs=args.epochs, seed=args.seed)
    request = TrainingRequest(
        task="student",
        recipe=recipe,
        data=args.data,
        out=folder,
        teachers=args.teachers,
        device=args.device,
        max_faces=args.faces,
        label_cache=folder / "cache",
    )
    pools = read_pool(request, "train"), read_pool(request, "val")
    return [
        teach(replace(request, out=folder / way.replace(" ", "-")), *pools, way)
        for way in ("live", "asked once", "cached")
    ]


def teach(request: TrainingRequest, pool: FacePool, val: FacePool, way: str) -> dict[str, Any]:
    """Train one student."""
    device, recipe = torch.device(request.device), request.recipe
    teachers = tuple(load_teacher(path, device) for path in request.teachers)
    card = new_card(recipe, describe(request, pool, val, teachers))
    folder, validate = RunFolder(request.out), Validation(val, card)
    folder.path.mkdir()
    began, soft = time.monotonic(), None
    if way != "live":
        soft = label_pool(
            pool, teachers, LabelCache.of(request.label_cache or folder.path, teachers)
        )
    asked = time.monotonic()
    given: dict[str, Any] = {
        "network": initial_network(request),
        "card": card,
        "recipe": recipe,
        "source": BatchSource(ViewDataset(pool, recipe, soft), request.workers),
        "folder": folder,
        "device": device,
        "validate": lambda _network: {},
    }
    trainer = Trainer(**given) if way != "live" else LiveTrainer(**given, teachers=teachers)
    network = trainer.fit()
    ended = time.monotonic()
    figures = validate(network)
    return {
        "teachers": way,
        "faces": len(pool),
        "asking_s": round(asked - began, 1),
        "training_s": round(ended - asked, 1),
        **{name: round(figures[name], 4) for name in FIGURES if name in figures},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, a row for each way."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
