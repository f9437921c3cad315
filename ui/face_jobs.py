"""Jobs on stored faces, as the dashboards start and follow them; free of any toolkit."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from db.database import connect
from db.errors import StudioError
from db.models import Model, list_models
from db.runs import Run, list_runs
from trainer.jobs.devices import find_devices
from trainer.jobs.local import LocalJobs, tend
from trainer.jobs.run_files import RunFiles
from trainer.survey_file import Survey, load_survey
from ui.studio import Studio

Recipe = Literal["answer", "measure", "survey", "check_labels"]
ACTIVE = ("queued", "running")


def device_names() -> list[str]:
    """Where a job can run, the obvious choice first; as it was at most a minute ago."""
    return list(_device_names(int(time.monotonic() // 60)))


@lru_cache(maxsize=1)
def _device_names(minute: int) -> tuple[str, ...]:
    """Kept, as pages ask whenever somebody touches them, and a driver takes its time to answer."""
    return tuple(device.name for device in find_devices())


def start(studio: Studio, recipe: Recipe, config: Mapping[str, Any], device: str) -> Run:
    """Queue a job. Raises StudioError where the same one is at work already."""
    config = json.loads(json.dumps(config))
    for run in jobs_of(studio, recipe):
        if run.status in ACTIVE and run.config == config:
            raise StudioError(f"job {run.id} does the same and is {run.status}: wait for its end")
    return LocalJobs(studio.home).submit(config, device=device, recipe=recipe)


def let_answer(
    studio: Studio, models: Sequence[str], device: str, *, labelled_only: bool = True
) -> Run:
    """Let models answer the stored faces that they have not seen."""
    return start(studio, "answer", {"models": list(models), "labelled_only": labelled_only}, device)


def jobs_of(studio: Studio, recipe: Recipe, limit: int = 10) -> list[Run]:
    """The latest jobs of a kind, newest first; what died meanwhile is taken care of on the way."""
    tend(studio.home)
    with connect(studio.home, read_only=True) as db:
        return [run for run in list_runs(db, limit=500) if run.recipe == recipe][:limit]


def cancel(studio: Studio, run_id: int) -> None:
    LocalJobs(studio.home).cancel(run_id)


def registered(studio: Studio) -> list[Model]:
    """All models whose checkpoint is there, students first, newest first."""
    with connect(studio.home, read_only=True) as db:
        models = [model for model in list_models(db) if checkpoint_of(studio, model).is_file()]
    return sorted(models, key=lambda model: model.kind != "student")


def checkpoint_of(studio: Studio, model: Model) -> Path:
    return studio.home.root / model.path


def latest_survey(studio: Studio) -> tuple[Run, Survey] | None:
    """The newest survey that was finished, with its run; None where there is none."""
    with connect(studio.home, read_only=True) as db:
        finished = [run for run in list_runs(db, status="finished", limit=500)]
    for run in finished:
        path = RunFiles.of(studio.home, run.id).survey
        if run.recipe == "survey" and path.is_file():
            return run, load_survey(path)
    return None


def start_survey(studio: Studio, model: str, faces: int, device: str) -> Run:
    """Draw a new map of so many faces."""
    return start(studio, "survey", {"model": model, "faces": faces}, device)


def start_measuring(
    studio: Studio,
    model: str,
    benchmark: Any,
    device: str,
    *,
    mask_overlay: bool = False,
    crop_jitter: bool = False,
) -> Run:
    """Measure a model on a ``trainer.benchmarks.Benchmark``."""
    config = {
        "model": model,
        "benchmark": asdict(benchmark),
        "mask_overlay": mask_overlay,
        "crop_jitter": crop_jitter,
    }
    return start(studio, "measure", config, device)


def size_mb(root: str, model: Model) -> float | None:
    """The size of a model's checkpoint; None where it is gone."""
    path = Path(root) / model.path
    return path.stat().st_size / 1e6 if path.is_file() else None


def folder_benchmark(folder: str, kind: str, split: str) -> Any:
    """A data set in a folder of this computer as a benchmark."""
    from trainer.benchmarks import Benchmark

    path = Path(folder.strip()).expanduser().resolve()
    return Benchmark(name=path.name, kind=kind, folder=str(path), split=split.strip() or None)
