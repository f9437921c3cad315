"""The training of a run on a Ray cluster: teachers by Ray Data, the student by Ray Train.

``trainer.jobs.ray_stage`` submits this as a Ray job: ``python -m trainer.cluster_job HOME RUN``.
The run's folder, the pictures and the data to replay lie on storage that all nodes see at the same
path; the program comes with the job. Nothing here opens the database.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.train import RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchTrainer, get_device

from db.home import Home
from db.runs import Run
from trainer.cluster_labels import ask_teachers
from trainer.jobs.lifeline import watch_leader
from trainer.jobs.run_files import RunFiles
from trainer.loop import TrainingStopped
from trainer.redistill import config_of, guarded, request_of
from trainer.train import TrainingRequest, read_samples, train
from trainer.views import most_processes

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Train the run to its end; on a failure leave word for its leader."""
    home, run_id = Home(Path(arguments[0])), int(arguments[1])
    _log_to_stderr()
    files = RunFiles.of(home, run_id)
    stop = watch_leader(files.leader)
    return guarded(files, lambda: _train(home, run_id, stop))


def _train(home: Home, run_id: int, stop: threading.Event) -> None:
    files = RunFiles.of(home, run_id)
    ray.init(logging_level=logging.WARNING)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    run = described(home, run_id)
    workers = config_of(run).cluster_workers or workers_for(request_of(home, run), gpus)
    logger.info("training on %d workers%s", workers, ", a GPU each" * bool(gpus))
    ask_teachers(home, run, workers, use_gpu=bool(gpus))
    trainer = TorchTrainer(
        train_rank,
        train_loop_config={"home": str(home.root), "run": run_id},
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=bool(gpus)),
        run_config=RunConfig(name="ray_train", storage_path=str(files.root)),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:  # a rank left word of why, or it was killed
        logger.error("%s", error)
        sys.exit(1)
    if stop.is_set():
        raise TrainingStopped("the training was stopped, its state saved")


def workers_for(request: TrainingRequest, gpus: int) -> int:
    """One process for each GPU, as long as each has faces enough of a batch, else one."""
    faces = len(read_samples(request, "train"))  # about an epoch; each rank counts exactly
    return min(gpus, most_processes(min(request.recipe.batch_size, faces))) or 1


def train_rank(config: dict[str, Any]) -> None:
    """What each worker of Ray Train does: the same training as under ``torchrun``."""
    _log_to_stderr()
    home, run_id = Home(Path(config["home"])), int(config["run"])
    files = RunFiles.of(home, run_id)
    stop = watch_leader(files.leader)
    request = replace(request_of(home, described(home, run_id)), device=str(get_device()))
    if guarded(files, lambda: train(request, stop)) and not stop.is_set():
        raise RuntimeError("this rank failed; the log says why")


def described(home: Home, run_id: int) -> Run:
    """The run as its leader described it."""
    return Run(**json.loads(RunFiles.of(home, run_id).description.read_text()))


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
