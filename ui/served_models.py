"""What happens to a model before it serves: it is warmed up, and the database learns its name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from db.database import connect
from db.home import Home
from db.models import ModelKind, model_in_use, promote, register_model

if TYPE_CHECKING:
    from core.predictor import Predictor

Role = Literal["student", "teacher"]


def register_served(home: Home, role: Role, path: Path, predictor: Predictor) -> None:
    """Predictions are stored under registered models only; the first student is the champion."""
    card = predictor.runtime.card
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with connect(home) as db:
        register_model(
            db,
            name=predictor.model_id,
            sha256=sha256,
            path=str(path.resolve()),
            kind=_kind(role, card.network),
            recipe=card.recipe,
            metrics=card.metrics,
            licence=card.licence,
        )
        if role == "student" and model_in_use(db, "champion") is None:
            promote(db, predictor.model_id, reason="the first student", changed_by="studio")


def warm_up(predictor: Predictor) -> None:
    """One answer to nothing, so that the first person does not wait for lazy set-up."""
    predictor.predict(np.zeros((64, 64, 3), np.uint8))
    predictor.predict_batch(np.zeros((1, predictor.input_px, predictor.input_px, 3), np.uint8))


def _kind(role: Role, network: str) -> ModelKind:
    if role == "student":
        return "student"
    return "mask_teacher" if network.endswith("-mask") else "pose_teacher"
