"""A job that measures a registered model on a benchmark and keeps the figures with the model.

A worker starts this as ``python -m trainer.measure HOME RUN``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.datasets import Reading, read_dataset
from db.database import connect
from db.evaluations import add_evaluation, evaluations
from db.home import Home
from db.images import SPLITS
from db.runs import Run
from trainer.annotated_faces import read_annotated
from trainer.answer_faces import registered_predictor
from trainer.benchmarks import STORED, Benchmark
from trainer.evaluate import Evaluation, evaluate
from trainer.jobs.job import Progress, main
from trainer.redistill import torch_device

RECIPE = "measure"


@dataclass(frozen=True, kw_only=True)
class MeasureConfig:
    """One press of the button; ``benchmark`` is a ``Benchmark`` as JSON."""

    model: str
    benchmark: Mapping[str, Any]
    mask_overlay: bool = False
    crop_jitter: bool = False


def measure(home: Home, run: Run, progress: Progress) -> None:
    """Measure and keep; a job that is done again after it was killed keeps its figures once."""
    config = MeasureConfig(**run.config)
    benchmark = Benchmark(**config.benchmark)
    with connect(home, read_only=True) as db:
        kept = evaluations(db, model=config.model, benchmark=benchmark.name)
    if any(evaluation.run_id == run.id for evaluation in kept):
        return
    progress(0.0, f"reading {benchmark.name}")
    evaluation = _evaluate(home, run, config, benchmark, progress)
    report = {"data": benchmark.folder, "split": benchmark.split} | evaluation.report()
    with connect(home) as db:
        add_evaluation(
            db,
            model=config.model,
            benchmark=benchmark.name,
            report=json.loads(json.dumps(report)),
            run_id=run.id,
        )


def read_benchmark(home: Home, benchmark: Benchmark) -> Reading:
    """Its labelled faces. Raises DatasetError."""
    if benchmark.kind != STORED:
        return read_dataset(benchmark.kind, Path(benchmark.folder or ""), benchmark.split)
    splits = (benchmark.split,) if benchmark.split else SPLITS
    readings = [read_annotated(home.root, split) for split in splits]
    samples = [
        sample
        for reading in readings
        for sample in reading.samples
        if benchmark.source in (None, sample.attributes["data_set"])
    ]
    skipped = [skipped for reading in readings for skipped in reading.skipped]
    return Reading(tuple(samples), tuple(skipped))


def _evaluate(
    home: Home, run: Run, config: MeasureConfig, benchmark: Benchmark, progress: Progress
) -> Evaluation:
    reading = read_benchmark(home, benchmark)
    looks = 1 + config.mask_overlay + config.crop_jitter
    total, done = max(1, looks * len(reading.samples)), 0

    def watch(faces: int) -> None:
        nonlocal done
        done += faces
        progress(done / total, f"measuring {config.model}: {done:,} of {total:,} faces")

    return evaluate(
        registered_predictor(home, config.model, torch_device(run.device)),
        reading,
        benchmark.kind,
        mask_overlay=config.mask_overlay,
        crop_jitter=config.crop_jitter,
        watch=watch,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], measure))
