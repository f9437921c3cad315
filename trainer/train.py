"""From a request to a checkpoint: read the data, ask the teachers, fit, calibrate, write."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from core.checkpoint import (
    CheckpointError,
    ModelCard,
    load_checkpoint,
    save_checkpoint,
)
from core.datasets import DatasetError, FaceSample, Reading
from core.datasets.files import read_header, read_table
from core.datasets.mask_csv import read_mask_csv
from core.datasets.pose_csv import read_pose_csv
from core.datasets.sample import ReadingBuilder
from core.face_network import FaceNetwork, build_face_network
from core.networks import create_network
from trainer.annotated_faces import is_home, overrule, read_annotated
from trainer.face_pool import FacePool, load_pool
from trainer.label_cache import LabelCache
from trainer.label_snapshot import SPLITS, is_labelled_here, is_snapshot, read_snapshot
from trainer.loop import Trainer, process_group
from trainer.memory import keep_freed_memory
from trainer.precision import in_use
from trainer.recipes import Recipe, find_recipe
from trainer.run_folder import RunFolder, TrainingRefused, code_commit
from trainer.same_pictures import merge
from trainer.soft_labels import SoftLabelTable, label_pool
from trainer.validation import Validation, answer_pool
from trainer.views import BatchSource, ViewDataset, faces_in_batch, most_processes

logger = logging.getLogger(__name__)

#: What data sets call the faces to judge by, the best first.
JUDGED_SPLITS = ("test", "eval", "val")
_NOTHING = Reading((), ())


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """One ``launch.py train`` command. ``teachers`` are only asked by students."""

    task: str  # pose-teacher, mask-teacher or student
    recipe: Recipe
    data: Sequence[Path]
    out: Path
    teachers: Sequence[Path] = ()
    init: Path | None = None
    device: str = "cpu"
    workers: int = 2
    resume: bool = False
    max_faces: int | None = None  # for short trials: a random part of the faces
    max_replay: int | None = None  # a random part of the faces that nobody labelled in the app
    label_cache: Path | None = None  # folder of the teachers' opinions; None: ``out``


def train(request: TrainingRequest, stop: threading.Event | None = None) -> Path:
    """Run the training to its end and return the path of the checkpoint it wrote.

    Raises TrainingRefused, DatasetError, CheckpointError before anything is trained,
    FloatingPointError when the loss is no longer a finite number, TrainingStopped, its state
    saved, soon after ``stop`` was set.
    """
    # before any worker is forked: the cores belong to the network, and OpenCV's threads do not
    # survive a fork
    cv2.setNumThreads(1)
    keep_freed_memory()
    device = torch.device(request.device)
    recipe = request.recipe
    folder = RunFolder(request.out)
    folder.check({"recipe": asdict(recipe)}, resume=request.resume)  # reading takes minutes
    teachers = [load_teacher(path, device) for path in request.teachers]
    require_both_tasks(teachers)
    pool = read_pool(request, "train")
    val = read_pool(request, "val")
    config = describe(request, pool, val, teachers)
    with process_group(device) as (rank, world):
        require_shares(faces_in_batch(pool, recipe), world)
        if rank == 0:
            folder.begin(config, resume=request.resume)
        soft = _ask(request, pool, teachers, folder, rank, world)
        card = new_card(recipe, config)
        trainer = Trainer(
            network=initial_network(request),
            card=card,
            recipe=recipe,
            source=BatchSource(ViewDataset(pool, recipe, soft), request.workers, rank, world),
            folder=folder,
            device=device,
            validate=Validation(val, card) if rank == 0 else _no_figures,
            stop=stop,
        )
        network = trainer.fit()
        if rank == 0:
            finish(folder, network, card, val)
    return folder.model_path


def read_pool(request: TrainingRequest, split: str) -> FacePool:
    """All faces of one split of the request's folders, within its limits, in memory."""
    return load_pool(read_samples(request, split))


def read_samples(request: TrainingRequest, split: str) -> list[FaceSample]:
    """The same faces before their pictures are read, always in the same order."""
    readings = _read_split(request.data, split)
    for folder, reading in readings:
        logger.info("%s (%s): %s", folder.name, split, reading.report())
    annotated, replay = merge([(folder, reading.samples) for folder, reading in readings], split)
    seed = request.recipe.seed
    return _some(annotated + _some(replay, request.max_replay, seed), request.max_faces, seed)


def _read_split(folders: Sequence[Path], split: str) -> list[tuple[Path, Reading]]:
    """A data set without val is fine among others that have one; without train it is of no use."""
    having = {folder for folder in folders if split in splits_in(folder)} if split == "val" else ()
    return [
        (folder, read_faces(folder, split) if folder in having or not having else _NOTHING)
        for folder in folders
    ]


def _some(samples: list[FaceSample], limit: int | None, seed: int) -> list[FaceSample]:
    """At most ``limit`` of the samples, at random, in their order."""
    if limit is None or len(samples) <= limit:
        return samples
    chosen = np.random.default_rng(seed).choice(len(samples), limit, replace=False)
    return [samples[index] for index in np.sort(chosen)]


def read_faces(folder: Path, split: str, at_most: int | None = None) -> Reading:
    """The faces of a pose-csv or mask-csv set (by labels.csv), a home folder or a run's labels.

    The reading of a data set ends after ``at_most`` faces: whoever asks whether there is one need
    not wait for all.
    """
    if is_home(folder):
        return read_annotated(folder, split)
    if is_snapshot(folder):
        return read_snapshot(folder, split)
    columns = read_header(_labels_of(folder))
    read = read_pose_csv if "yaw_deg" in columns else read_mask_csv
    return read(folder, split, at_most)


def read_present(folder: Path, split: str) -> Reading:
    """``read_faces``; nothing, instead of an error, where there is no such split."""
    return read_faces(folder, split) if split in splits_in(folder) else _NOTHING


def read_benchmark(folder: Path, at_most: int | None = None) -> Sequence[FaceSample]:
    """The faces to judge a model by: of the first of ``JUDGED_SPLITS`` that has any, else none."""
    present = splits_in(folder)
    judged = [split for split in JUDGED_SPLITS if split in present]
    readings = (read_faces(folder, split, at_most) for split in judged)
    return next((reading.samples for reading in readings if reading.samples), ())


def splits_in(folder: Path) -> frozenset[str]:
    """The splits of a folder that ``read_faces`` reads."""
    if is_labelled_here(folder):
        return frozenset(SPLITS)
    rows = read_table(_labels_of(folder), ("split",), ReadingBuilder())
    return frozenset(row["split"] for row in rows)


def _labels_of(folder: Path) -> Path:
    labels = folder / "labels.csv"
    if not labels.is_file():
        raise DatasetError(
            f"{folder}: neither labels.csv nor a database of the app in it; give a folder in the "
            "form of pose-csv or mask-csv, or a --home folder"
        )
    return labels


def load_teacher(path: Path, device: torch.device) -> FaceNetwork:
    return build_face_network(load_checkpoint(path), str(path)).to(device)


def require_both_tasks(teachers: Sequence[FaceNetwork]) -> None:
    """Raise TrainingRefused where the teachers, if any, leave a task unanswered."""
    for task, only in (("mask", "-pose"), ("pose", "-mask")):
        if teachers and all(teacher.card.network.endswith(only) for teacher in teachers):
            raise TrainingRefused(
                f"none of the teachers answers the {task}: give --teachers one that does, too"
            )


def require_shares(faces: int, world: int) -> None:
    """Raise TrainingRefused where so many processes share batches of ``faces`` that one would learn
    nothing. Every process finds the same, so that none waits for another."""
    if world > max(1, faces // 2):
        raise TrainingRefused(
            f"{world} processes cannot share batches of {faces} faces: each needs two or more; "
            f"start {most_processes(faces)} (choose fewer devices, or fewer workers of a cluster), "
            "or give more faces to learn from"
        )


def initial_network(request: TrainingRequest) -> nn.Module:
    """Fresh weights, ImageNet's, or the shared tensors of another checkpoint's network.

    From a pose-trained ResNet-18 the student takes the backbone, as in the paper.
    """
    torch.manual_seed(request.recipe.seed)
    network = create_network(request.recipe.network, imagenet=request.recipe.imagenet)
    if request.init is None:
        return network
    own = network.state_dict()
    source = load_checkpoint(request.init).tensors
    fitting = {k: v for k, v in source.items() if k in own and own[k].shape == v.shape}
    backbone = {name for name in own if name.startswith("backbone.")}
    if not backbone <= fitting.keys():
        raise CheckpointError(
            f"{request.init}: its backbone is not that of {request.recipe.network!r}; "
            f"{len(fitting)} of {len(own)} tensors fit"
        )
    network.load_state_dict({**own, **fitting})
    logger.info("started from %s: %d of %d tensors", request.init.name, len(fitting), len(own))
    return network


def _ask(
    request: TrainingRequest,
    pool: FacePool,
    teachers: Sequence[FaceNetwork],
    folder: RunFolder,
    rank: int,
    world: int,
) -> SoftLabelTable | None:
    if not teachers:
        return None
    place = request.label_cache or folder.path
    cache = LabelCache.of(place, teachers, read_only=rank != 0)
    return overrule(label_pool(pool, teachers, cache, rank, world), pool)


def _no_figures(network: nn.Module) -> dict[str, float]:
    """For all ranks but the first, which alone validates."""
    return {}


def describe(
    request: TrainingRequest, pool: FacePool, val: FacePool, teachers: Sequence[FaceNetwork]
) -> dict[str, Any]:
    """Everything needed to repeat the run, for config.json."""
    return {
        "task": request.task,
        "recipe": asdict(request.recipe),
        "datasets": {"train": pool.fingerprint, "val": val.fingerprint},
        "faces": {"train": len(pool), "val": len(val)},
        "teachers": [teacher.card.run_id for teacher in teachers],
        "init": request.init.name if request.init else None,
        "device": request.device,
        "computed_in": in_use(torch.device(request.device), request.recipe.precision),
        "torch": torch.__version__,
        "commit": code_commit(),
        "command": sys.argv[1:],
    }


def new_card(recipe: Recipe, config: dict[str, Any]) -> ModelCard:
    return ModelCard(
        network=recipe.network,
        input_px=recipe.input_px,
        crop_factor=recipe.crop_factor,
        mean=recipe.mean,
        std=recipe.std,
        recipe=f"{config['task']}/{recipe.name}",
        commit=config["commit"],
        datasets=config["datasets"],
        run_id=f"{config['task']}-{recipe.name}-{config['datasets']['train'][:8]}",
    )


def finish(folder: RunFolder, network: nn.Module, card: ModelCard, val: FacePool) -> None:
    """Write the checkpoint, calibrated on val."""
    save_checkpoint(folder.model_path, judged(network, card, val), network.state_dict())
    logger.info("wrote %s", folder.model_path)


def judged(network: nn.Module, card: ModelCard, val: FacePool) -> ModelCard:
    """The card with the temperature of the mask probabilities, and the figures, on ``val``."""
    answers = answer_pool(network, card, val)
    if answers.mask_logits is not None and val.has_mask.any():
        rows = val.has_mask
        temperature = fit_temperature(answers.mask_logits[rows], val.mask_index[rows])
        card = replace(card, mask_temperature=temperature)
    return replace(card, metrics=Validation(val, card)(network))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature (0.2 to 10) that minimises the negative log-likelihood on val.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
    """
    grid = np.geomspace(0.2, 10.0, 400)
    tensor, target = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    losses = [float(nn.functional.cross_entropy(tensor / t, target)) for t in grid]
    return float(grid[int(np.argmin(losses))])


def request_from_arguments(
    task: str, recipe: str, *, epochs: float | None = None, seed: int | None = None, **rest: Any
) -> TrainingRequest:
    """A request from command-line values; None leaves the recipe's own."""
    chosen = find_recipe(task, recipe)
    if epochs is not None:
        chosen = replace(chosen, epochs=epochs)
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    return TrainingRequest(task=task, recipe=chosen, **rest)
