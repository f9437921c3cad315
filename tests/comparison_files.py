"""A home with everything the dashboards of models and data show: two students, two teachers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from core.faces import MASK_CLASSES, HeadPose, MaskLabel, MaskPrediction
from db.annotations import annotate
from db.database import connect
from db.evaluations import add_evaluation
from db.home import Home
from db.labels import Change
from db.models import ModelKind, promote, register_model
from db.predictions import Prediction, store_predictions
from db.runs import claim_run, set_status, submit_run
from tests.retraining_files import add_labelled, label_of, make_home
from trainer.jobs.run_files import RunFiles
from trainer.survey_file import Survey, save_survey

FACES = 60
OLD, NEW, MASK_TEACHER, POSE_TEACHER = "student-1", "student-2", "mask-teacher", "pose-teacher"
#: Of each model: how often it is right on masks, and its pose errors in degrees; None: no answer.
_SKILL: dict[str, tuple[float | None, float | None]] = {
    OLD: (0.6, 9.0),
    NEW: (0.9, 4.0),
    MASK_TEACHER: (0.8, None),
    POSE_TEACHER: (None, 3.0),
}


def make_compared_home(root: Path) -> Home:
    """Drawn, labelled faces of two sources that four models answered; a map; a measurement."""
    home = make_home(root, FACES // 2, source="upload", split="train")
    ids = list(range(1, FACES // 2 + 1))
    ids += add_labelled(home, FACES // 2, seed=5, source="camera", split="test")
    rng = np.random.default_rng(0)
    with connect(home) as db:
        _models(db)
        _poses(db, ids)
        for name, (skill, spread_deg) in _SKILL.items():
            store_predictions(
                db,
                [
                    Prediction(
                        face_id=face,
                        model=name,
                        mask=_mask(rng, face, skill),
                        pose=_pose(rng, spread_deg),
                        latency_ms=2.0 + len(name),
                    )
                    for face in ids
                ],
            )
        add_evaluation(db, model=NEW, benchmark="AFLW2000", report=_REPORT)
        _survey(db, home, ids, rng)
    return home


def _models(db: Database) -> None:
    kinds: dict[str, ModelKind] = {MASK_TEACHER: "mask_teacher", POSE_TEACHER: "pose_teacher"}
    for number, name in enumerate(_SKILL):
        register_model(
            db,
            name=name,
            sha256=f"{number:064d}",
            path=f"checkpoints/{name}.safetensors",
            kind=kinds.get(name, "student"),
            recipe="default",
        )
    promote(db, OLD, reason="a test", changed_by="test")


def _poses(db: Database, ids: list[int]) -> None:
    """Everybody looks straight ahead."""
    ahead = HeadPose(yaw_deg=0, pitch_deg=0, roll_deg=0)
    changes = [Change(face_id=face, base_version=1, pose=ahead) for face in ids]
    annotate(db, changes, annotator="ann", client_op_id="poses")


def truth(face: int) -> MaskLabel:
    """What a face was labelled as."""
    return label_of((face - 1) % (FACES // 2))


def _mask(rng: np.random.Generator, face: int, skill: float | None) -> MaskPrediction | None:
    if skill is None:
        return None
    label = truth(face) if rng.random() < skill else MASK_CLASSES[int(rng.integers(3))]
    sure = float(rng.uniform(0.5, 0.98))
    return MaskPrediction({one: sure if one is label else (1 - sure) / 2 for one in MASK_CLASSES})


def _pose(rng: np.random.Generator, spread_deg: float | None) -> HeadPose | None:
    if spread_deg is None:
        return None
    yaw, pitch, roll = (float(angle) for angle in rng.normal(0, spread_deg, 3))
    return HeadPose(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)


def _survey(db: Database, home: Home, ids: list[int], rng: np.random.Generator) -> None:
    """A map that was drawn, with two pairs of near-duplicates, one of them across splits."""
    config = json.dumps({"model": OLD, "faces": 100})
    run = submit_run(db, recipe="survey", config=json.loads(config), device="cpu")
    claim_run(db, device="cpu", host="here", pid=1)
    set_status(db, run.id, "finished")
    positions = rng.normal(0, 1, (len(ids), 2)) + 8 * np.array([[face % 3, 0] for face in ids])
    save_survey(
        RunFiles.of(home, run.id).survey,
        Survey(
            model=OLD,
            asked=100,
            face_ids=np.array(ids),
            positions=positions.astype(np.float32),
            pairs=np.array([[1, 4, 2], [1, 32, 3]]),
        ),
    )


_REPORT = {
    "kind": "aflw2000",
    "model": NEW,
    "n": 1969,
    "excluded": 31,
    "mae_deg": 3.7,
    "mae_deg_ci95": [3.6, 3.8],
    "geodesic_mean_deg": 5.9,
    "mask_overlay": {"n": 1969, "mae_deg": 4.4, "mae_deg_ci95": [4.3, 4.5]},
}
