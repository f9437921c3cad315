"""One model that serves: loaded, warmed up, known to the database, and made quick.

Importing ``core`` costs seconds (torch), so it happens inside, in the shelf's own thread.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from db.database import connect
from db.home import Home
from db.models import ModelKind, model_in_use, promote, register_model
from ui.model_files import present_sha256

if TYPE_CHECKING:
    from core.detector import FaceDetector
    from core.predictor import Predictor
    from db.database import Database

Role = Literal["student", "teacher"]
State = Literal["loading", "ready", "failed"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ShelfModel:
    """One model and how far it is. ``name`` is the predictor's ``model_id`` once it is ready."""

    name: str
    role: Role
    path: Path
    state: State = "loading"
    error: str = ""
    predictor: Predictor | None = None


def loaded(
    home: Home,
    model: ShelfModel,
    device: str,
    detector: FaceDetector | None,
    *,
    at_start: bool = False,
) -> ShelfModel:
    """The model ready to answer, or failed with the reason in ``error``.

    ``at_start``: a student becomes champion where none is, or where it replaced the champion.
    """
    from core.checkpoint import CheckpointError
    from core.predictor import load_predictor

    try:
        predictor = load_predictor(str(model.path), device, detector=detector)
        _warm_up(predictor)
        _register(home, model.role, model.path, predictor, at_start)
    except Exception as error:  # whatever it is, the pages must say so and go on
        is_clear = isinstance(error, CheckpointError)
        _LOG.error("cannot load %s: %s", model.path, error, exc_info=not is_clear)
        return replace(model, state="failed", error=" ".join(str(error).split()))
    return replace(model, state="ready", name=predictor.model_id, predictor=predictor)


def quickened(model: ShelfModel, device: str) -> ShelfModel:
    """The same model in the runtime that is fastest here; measures for seconds the first time."""
    from core.predictor import load_predictor
    from core.runtime import resolve_device
    from core.runtime.loading import available_runtimes

    slow = model.predictor
    if slow is None or len(available_runtimes(model.path, resolve_device(device))) == 1:
        return model
    try:
        predictor = load_predictor(str(model.path), device, "auto", slow.detector)
        _warm_up(predictor)
    except Exception:  # it answers already: nobody needs to know
        _LOG.exception("cannot look for a faster runtime of %s", model.path)
        return model
    return replace(model, predictor=predictor)


def _register(home: Home, role: Role, path: Path, predictor: Predictor, at_start: bool) -> None:
    """Predictions are stored under registered models only."""
    card = predictor.runtime.card
    with connect(home) as db:
        register_model(
            db,
            name=predictor.model_id,
            sha256=present_sha256(path),
            path=str(path.resolve()),
            kind=_kind(role, card.network),
            recipe=card.recipe,
            metrics=card.metrics,
            licence=card.licence,
        )
        if role == "student" and at_start and (reason := _reason_to_promote(home, path, db)):
            promote(db, predictor.model_id, reason=reason, changed_by="studio")


def _reason_to_promote(home: Home, path: Path, db: Database) -> str:
    """Why the student at ``path`` becomes champion, unless it is; empty where nothing says so."""
    champion = model_in_use(db, "champion")
    if champion is None:
        return "the first student"
    if (home.root / champion.path).resolve() == path.resolve():
        return "an update of the program replaced the champion's file"
    return ""


def _warm_up(predictor: Predictor) -> None:
    """One answer to nothing, so that the first person does not wait for lazy set-up."""
    predictor.predict(np.zeros((64, 64, 3), np.uint8))
    predictor.predict_batch(np.zeros((1, predictor.input_px, predictor.input_px, 3), np.uint8))


def _kind(role: Role, network: str) -> ModelKind:
    if role == "student":
        return "student"
    return "mask_teacher" if network.endswith("-mask") else "pose_teacher"
