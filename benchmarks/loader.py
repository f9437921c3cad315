"""Does loading keep the network busy: training steps on fresh batches beside the same on one batch.

    python -m benchmarks.loader --data ../shared/data/pose ../shared/data/mask [--recipe default]

Both kinds of step take turns in one run, so a busy machine slows both. On a CPU the loader's work
(views, drawn masks) competes with the network for the same cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import torch

from core.networks import create_network
from trainer.loop import Trainer
from trainer.recipes import STUDENTS
from trainer.run_folder import RunFolder, code_commit
from trainer.train import TrainingRequest, new_card, read_pool
from trainer.views import Batch, BatchSource, ViewDataset

TURN_STEPS = 12
QUEUED = 8  # batches that two loaders prepare ahead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--recipe", default="default", choices=STUDENTS)
    parser.add_argument("--faces", type=int, default=4000)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        trainer = _trainer(args, Path(folder))
        batches = chain.from_iterable(trainer.source.epoch(epoch) for epoch in count())
        fixed, fresh = _rates(trainer, batches, args.turns)
    share = statistics.median(b / a for a, b in zip(fixed, fresh, strict=True))
    print(f"commit {code_commit()}, {args.device}, {os.cpu_count()} cores, {args.workers} loaders")
    print(f"one batch again and again: {statistics.median(fixed):.0f} images/s")
    print(f"fresh batches:             {statistics.median(fresh):.0f} images/s ({share:.0%})")


def _trainer(args: argparse.Namespace, folder: Path) -> Trainer:
    recipe = STUDENTS[args.recipe]
    request = TrainingRequest(
        task="student", recipe=recipe, data=args.data, out=folder, max_faces=args.faces
    )
    pool = read_pool(request, "train")
    config = {"task": "student", "commit": code_commit(), "datasets": {"train": pool.fingerprint}}
    return Trainer(
        network=create_network(recipe.network).train(),
        card=new_card(recipe, config),
        recipe=recipe,
        source=BatchSource(ViewDataset(pool, recipe, None), args.workers),
        folder=RunFolder(folder),
        device=torch.device(args.device),
        validate=lambda network: {},
    )


def _rates(
    trainer: Trainer, batches: Iterator[Batch], turns: int
) -> tuple[list[float], list[float]]:
    """Images a second on one batch, and on fresh ones, turn by turn; the first turn warms up.

    While one batch is trained on again and again the loaders fill their queue, so a fresh turn
    first empties it, untimed.
    """
    one = next(batches)
    fixed, fresh = [], []
    for _ in range(turns + 1):
        fixed.append(_rate(trainer, repeat(one, TURN_STEPS)))
        _rate(trainer, islice(batches, QUEUED))
        fresh.append(_rate(trainer, islice(batches, TURN_STEPS)))
    return fixed[1:], fresh[1:]


def _rate(trainer: Trainer, batches: Iterable[Batch]) -> float:
    began, images = time.perf_counter(), 0
    for batch in batches:
        trainer.train_step(batch.to(trainer.device))
        images += len(batch.crops)
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    return images / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
