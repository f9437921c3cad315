"""From corrected labels to a better student: what a run does, and the process that trains it.

A worker (``trainer.worker``) starts this as ``python -m trainer.redistill HOME RUN``, under
``torchrun`` when the run has several devices.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch.distributed as dist

from core.checkpoint import ModelCard, load_checkpoint
from core.datasets import DatasetError
from core.predictor import STUDENT, TEACHERS, WEIGHTS
from db.database import connect, write_transaction
from db.errors import StudioError
from db.home import Home
from db.models import model_in_use, promote, register_model
from db.runs import Run, get_run
from trainer.jobs.lifeline import watch_lifeline
from trainer.jobs.run_files import RunFiles
from trainer.label_snapshot import read_snapshot, take_snapshot
from trainer.loop import TrainingStopped
from trainer.memory import is_out_of_memory
from trainer.recipes import STUDENTS, Recipe, is_same_recipe
from trainer.train import (
    JUDGED_SPLITS,
    TrainingRequest,
    read_benchmark,
    read_faces,
    train,
)

#: What the page offers. ``full`` starts from ImageNet-free fresh weights, the others from the
#: champion.
PRESETS: dict[str, Recipe] = {
    "quick": STUDENTS["quick"],
    "standard": replace(STUDENTS["default"], name="standard", epochs=4, learning_rate=3e-4),
    "full": replace(STUDENTS["default"], name="full"),
}
FROM_SCRATCH = "full"


#: What of a model card a retraining cannot be told: it teaches students of our own making.
_FIXED = ("channel_order", "decode", "mask_classes")


class NothingToServe(StudioError):
    "No student is on this computer"


class NotTeachable(StudioError):
    "The champion is of a kind that no retraining can start from"


@dataclass(frozen=True, kw_only=True)
class RetrainingConfig:
    """One press of the button, kept with the run as JSON.

    ``changes`` are fields of the preset's recipe to be set otherwise. ``replay`` are folders of
    data sets (pose-csv, mask-csv) with a ``train`` split, from which ``max_replay`` faces keep the
    student from forgetting; ``benchmarks`` are such folders with a ``test`` (else ``eval``, else
    ``val``) split on which champion and challenger are compared besides the held-out annotations.
    ``teachers`` None: those shipped; with no pair of mask and pose teacher the champion is its own
    teacher. ``champion``: the model to start from, by name and path, fixed when the run is made.
    ``cluster_workers``: training processes on a Ray cluster, 0 = one for each of its GPUs, as long
    as each has 16 faces of a batch, else 1.
    """

    preset: str = "quick"
    changes: Mapping[str, Any] = field(default_factory=dict)
    replay: Sequence[str] = ()
    benchmarks: Sequence[str] = ()
    teachers: Sequence[str] | None = None
    max_replay: int = 2000
    loader_processes: int = 1
    cluster_workers: int = 0
    champion: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"unknown preset {self.preset!r}; known: {', '.join(PRESETS)}")
        unknown = self.changes.keys() - asdict(PRESETS[self.preset]).keys()
        if unknown:
            raise ValueError(f"a recipe has no {', '.join(sorted(unknown))}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def serving_model(home: Home) -> Path:
    """The checkpoint that answers now: the champion's, else the shipped student's.

    Raises NothingToServe where neither is there.
    """
    with connect(home, read_only=True) as db:
        champion = model_in_use(db, "champion")
    path = home.root / champion.path if champion else STUDENT
    if not path.is_file():
        raise NothingToServe(f"{path} is not there: train a student with `launch.py train student`")
    return path


def prepare(home: Home, config: RetrainingConfig) -> RetrainingConfig:
    """The config with today's champion in it; the shipped student becomes champion where none is.

    So there is always something to compare with and to roll back to. What the run could not use
    is refused now, not after hours: raises NotTeachable, DatasetError, CheckpointError.
    """
    path = serving_model(home)
    checkpoint = load_checkpoint(path)
    require_teachable(checkpoint.card, checkpoint.model_id)
    require_faces(config)
    with connect(home) as db, write_transaction(db):
        if model_in_use(db, "champion") is None:
            register_model(
                db,
                name=checkpoint.model_id,
                sha256=checkpoint.sha256,
                path=str(path),
                kind="student",
                recipe=checkpoint.card.recipe,
                metrics=checkpoint.card.metrics,
                licence=checkpoint.card.licence,
            )
            promote(db, checkpoint.model_id, reason="the first student", changed_by="studio")
    return replace(config, champion=(checkpoint.model_id, str(path)))


def require_teachable(card: ModelCard, name: str) -> None:
    """Raise NotTeachable unless a retraining can start from, and be compared with, this model."""
    ours = ModelCard(network=card.network)
    foreign = [f"{what} {getattr(card, what)!r}" for what in _FIXED if _differ(card, ours, what)]
    if card.network.endswith(("-mask", "-pose")):
        foreign.append(f"one task only ({card.network})")
    if foreign:
        raise NotTeachable(
            f"the champion {name} cannot be retrained, it has {', '.join(foreign)}: promote a "
            "student that `launch.py train student` made, then start again"
        )


def _differ(one: ModelCard, other: ModelCard, field_name: str) -> bool:
    return bool(getattr(one, field_name) != getattr(other, field_name))


def require_faces(config: RetrainingConfig) -> None:
    """Raise DatasetError for a folder without the faces that the run will ask it for."""
    for folder in map(Path, config.replay):
        if not read_faces(folder, "train", at_most=1).samples:
            raise DatasetError(f"{folder}: no usable face in its split 'train' to replay")
    for folder in map(Path, config.benchmarks):
        if not read_benchmark(folder, at_most=1):
            raise DatasetError(
                f"{folder}: no usable face to measure on; expected a split "
                f"{', '.join(JUDGED_SPLITS[:-1])} or {JUDGED_SPLITS[-1]}"
            )


def config_of(run: Run) -> RetrainingConfig:
    return RetrainingConfig(**run.config)


def recipe_of(config: RetrainingConfig, champion: ModelCard) -> Recipe:
    """The preset with its changes, seeing faces as the champion does."""
    geometry = {
        name: getattr(champion, name)
        for name in ("network", "input_px", "crop_factor", "mean", "std")
    }
    return replace(PRESETS[config.preset], **geometry, **config.changes)


def request_of(home: Home, run: Run) -> TrainingRequest:
    """The training that a run stands for. Takes the snapshot of the labels where there is none."""
    config, files = config_of(run), RunFiles.of(home, run.id)
    champion = Path(config.champion[1]) if config.champion else serving_model(home)
    recipe = recipe_of(config, load_checkpoint(champion).card)
    smaller = files.batch_size()
    if smaller is not None:
        recipe = replace(recipe, batch_size=smaller)
    take_snapshot(home.root, files.root)
    return TrainingRequest(
        task="student",
        recipe=recipe,
        data=[files.root, *map(Path, config.replay)],
        out=files.training,
        teachers=teachers_of(config, champion),
        init=None if config.preset == FROM_SCRATCH else champion,
        device=torch_device(run.device),
        workers=config.loader_processes,
        resume=True,
        max_replay=config.max_replay,
        label_cache=home.root / "cache",
    )


def teachers_of(config: RetrainingConfig, champion: Path) -> list[Path]:
    """Teachers of both tasks, else the champion, so that it is not forgotten what it knew."""
    if config.teachers is not None:
        teachers = [Path(path) for path in config.teachers]
    else:
        teachers = sorted(WEIGHTS.glob(TEACHERS))
    networks = [load_checkpoint(path).card.network for path in teachers]
    both = [any(name.endswith(task) for name in networks) for task in ("-mask", "-pose")]
    return teachers if all(both) else [champion]


def torch_device(device: str) -> str:
    """What torch calls a run's device. A process sees only the run's own CUDA devices."""
    if not device.startswith("cuda"):
        return "cpu"
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"


def require_labels(files: RunFiles) -> None:
    """Raise StudioError unless there is something to learn from and something to judge by."""
    for split, what in (("train", "to learn from"), ("val", "held out to judge by")):
        if not read_snapshot(files.root, split).samples:
            raise StudioError(
                f"no labelled face is {what} yet: one origin in five is held out (a folder, a "
                "video or a single picture), so label some more pictures of other origins and "
                "start again"
            )


def require_same_recipe(request: TrainingRequest) -> None:
    """Raise StudioError where an update of the program has changed what a begun run does."""
    config = request.out / "config.json"
    if not config.exists():
        return
    begun = json.loads(config.read_text())["recipe"]
    if not is_same_recipe(begun, asdict(request.recipe)):
        raise StudioError("the program was updated since this run began: start a new run instead")


def main(arguments: Sequence[str]) -> int:
    """Train the run to its end; on a failure leave word for the worker. Returns the exit code."""
    home, run_id = Home.at(Path(arguments[0])), int(arguments[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files = RunFiles.of(home, run_id)
    stop = watch_lifeline()
    with connect(home, read_only=True) as db:
        run = get_run(db, run_id)
    return guarded(files, lambda: _train(home, run, stop))


def _train(home: Home, run: Run, stop: threading.Event) -> None:
    request = request_of(home, run)
    require_labels(RunFiles.of(home, run.id))
    require_same_recipe(request)
    train(request, stop)


def guarded(files: RunFiles, work: Any) -> int:
    """Do the work; a failure is explained in ``failure.json``, its traceback goes to the log."""
    try:
        work()
    except TrainingStopped as error:
        logging.info("%s", error)
        return 1
    except Exception as error:
        kind, message = explain(error)
        logging.exception("%s", message)
        files.fail(kind=kind, message=message)
        return 1
    return 0


def explain(error: Exception) -> tuple[str, str]:
    """What kind of failure that is, and one line for a person."""
    text = " ".join(str(error).split())
    if is_out_of_memory(error):
        return "out of memory", "the memory of the device did not suffice"
    if _has_lost_a_process(error):
        return "killed", f"another process of this training ended: {text[:300]}"
    if isinstance(error, RuntimeError) and ("CUDA" in text or "NCCL" in text):
        return "device lost", (
            f"the GPU stopped answering ({text[:120]}): see `nvidia-smi`, then resume the run"
        )
    if isinstance(error, (ValueError, FloatingPointError, OSError)):
        return "refused", text
    return "error", f"{type(error).__name__}: {text[:300]}"


def _has_lost_a_process(error: Exception) -> bool:
    """Whether not this process is at fault but the death of one it needs: a rank or a loader."""
    if isinstance(error, (dist.DistNetworkError, dist.DistStoreError)):
        return True
    signs = ("gloo/transport", "ncclRemoteError", "remote process", "by remote peer", "c10d key")
    said = any(sign in str(error) for sign in (*signs, "DataLoader worker (pid"))
    return isinstance(error, RuntimeError) and said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
