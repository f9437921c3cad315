"""A home folder with drawn, labelled faces and a small champion, for the retraining tests."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.faces import MASK_CLASSES, FaceBox, MaskLabel
from core.images import encode_png
from db.annotations import annotate
from db.database import connect
from db.faces import add_faces
from db.home import Home
from db.images import add_image
from db.labels import Change
from db.migrations import open_home
from db.models import promote, register_model
from db.runs import Run, get_run
from tests.training_files import SIDE_PX, draw_head, write_mask_set, write_pose_set
from tests.waiting import wait_for
from trainer.jobs.local import LocalJobs
from trainer.jobs.run_files import RunFiles
from trainer.recipes import find_recipe
from trainer.train import TrainingRequest, train

BOX = FaceBox(24, 12, 72, 92)
#: Changes to a preset that make a run take seconds.
TINY = {"epochs": 2, "batch_size": 8, "precision": "fp32", "warmup_epochs": 0.1}


def draw_masked(rng: np.random.Generator, label: MaskLabel) -> np.ndarray:
    """A drawn head in a blue mask, with a low one, or without, uint8 (120, 120, 3)."""
    angles = (float(angle) for angle in rng.uniform(-20, 20, 3))
    image, _ = draw_head(*angles, tone=int(rng.integers(20, 200)))
    if label is not MaskLabel.UNMASKED:
        image[60 if label is MaskLabel.MASKED else 80 :] = (40, 80, 200)
    return image


def label_of(index: int) -> MaskLabel:
    return MASK_CLASSES[index % 3]


def make_home(root: Path, faces: int = 60, **given: str) -> Home:
    """A home folder with ``faces`` labelled faces, a picture each."""
    home = open_home(root)
    add_labelled(home, faces, **given)
    return home


def add_labelled(home: Home, faces: int, *, seed: int = 0, **given: str) -> list[int]:
    """The numbers of ``faces`` new faces, labelled with what they show."""
    rng = np.random.default_rng(seed)
    ids = []
    with connect(home) as db:
        for index in range(faces):
            data = encode_png(draw_masked(rng, label_of(index)))
            image = add_image(
                db, home, data, name=f"{index}.png", width_px=SIDE_PX, height_px=SIDE_PX, **given
            )
            ids.append(add_faces(db, image.id, [BOX], detector="person")[0].id)
    say(home, {face: label_of(index) for index, face in enumerate(ids)})
    return ids


def say(home: Home, labels: dict[int, MaskLabel], version: int = 0) -> None:
    """One gesture of a person: these labels."""
    changes = [
        Change(face_id=face, base_version=version, mask=label) for face, label in labels.items()
    ]
    with connect(home) as db:
        annotate(db, changes, annotator="ann", client_op_id=str(uuid.uuid4()))


def train_champion(out: Path, epochs: float = 3) -> Path:
    """A student of 32 px that has seen some drawn heads."""
    data = [write_pose_set(out / "pose"), write_mask_set(out / "mask", train=30)]
    recipe = replace(
        find_recipe("student", "scratch"),
        input_px=32,
        **(TINY | {"epochs": epochs}),
    )
    return train(
        TrainingRequest(task="student", recipe=recipe, data=data, out=out / "run", workers=0)
    )


def crown(home: Home, checkpoint: Path) -> str:
    """Make a checkpoint the champion; returns its name."""
    from core.checkpoint import load_checkpoint

    model = load_checkpoint(checkpoint)
    with connect(home) as db:
        register_model(
            db,
            name=model.model_id,
            sha256=model.sha256,
            path=str(checkpoint),
            kind="student",
            recipe=model.card.recipe,
        )
        promote(db, model.model_id, reason="the first", changed_by="test")
    return model.model_id


def now(home: Home, run: Run) -> Run:
    with connect(home) as db:
        return get_run(db, run.id)


def kill_one_and_see_it_go_on(home: Home, run: Run, processes: Callable[[], Sequence[int]]) -> None:
    """Kill the last of a run's processes once its state is saved; it goes on from there. Then the
    run is cancelled."""
    jobs = LocalJobs(home)
    wait_for((RunFiles.of(home, run.id).training / "state.pt").exists)
    *_, last = processes()
    os.kill(last, signal.SIGKILL)
    wait_for(lambda: "resuming at step" in jobs.logs(run.id, 1000))
    assert "going on from what is saved" in jobs.logs(run.id, 1000)
    jobs.cancel(run.id)
    wait_for(lambda: now(home, run).status == "cancelled", 60)
