"""A job that lets models answer stored faces they have not seen, such as imported ones.

A worker starts this as ``python -m trainer.answer_faces HOME RUN``. Killed at any moment it goes
on with the faces that are left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.predictor import Predictor, load_predictor
from db.database import connect
from db.errors import StudioError
from db.face_samples import count_unanswered, unanswered_faces
from db.home import Home
from db.models import get_model
from db.predictions import of_face, store_predictions
from db.runs import Run
from db.unreadable_faces import note_unreadable
from trainer.jobs.job import Progress, main
from trainer.redistill import torch_device
from trainer.stored_crops import stored_crops

RECIPE = "answer"
#: Faces answered and stored at a time.
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class AnswerConfig:
    """Which registered models answer which faces; kept with the run as JSON."""

    models: Sequence[str]
    labelled_only: bool = True


def answer_faces(home: Home, run: Run, progress: Progress) -> None:
    """Store each model's answers to the faces it has not seen."""
    config = AnswerConfig(**run.config)
    with connect(home) as db:
        waiting = [
            count_unanswered(db, model, labelled_only=config.labelled_only)
            for model in config.models
        ]
    total, done = max(1, sum(waiting)), 0
    for model, count in zip(config.models, waiting, strict=True):
        if count:
            predictor = registered_predictor(home, model, torch_device(run.device))
            for faces in _answered(home, model, predictor, config):
                done += faces
                progress(min(1.0, done / total), f"{model}: {done:,} of {total:,} answers")


def registered_predictor(home: Home, name: str, device: str) -> Predictor:
    """A registered model, loaded. Raises StudioError where its file is gone."""
    with connect(home, read_only=True) as db:
        path = home.root / get_model(db, name).path
    if not path.is_file():
        raise StudioError(f"the checkpoint of {name} is no longer at {path}")
    return load_predictor(str(path), device)


def _answered(home: Home, model: str, predictor: Predictor, config: AnswerConfig) -> Iterator[int]:
    """Answer and store chunk by chunk, under the registered name; yields the size of each."""
    after = 0
    with connect(home) as db:
        while face_ids := unanswered_faces(
            db,
            model,
            labelled_only=config.labelled_only,
            after=after,
            limit=CHUNK,
        ):
            crops = list(stored_crops(db, home, predictor, face_ids))
            began = time.perf_counter()
            said = predictor.answer([c.face.box for c in crops], [c.crop_rgb for c in crops])
            each_ms = (time.perf_counter() - began) * 1e3 / max(1, len(crops))
            store_predictions(
                db,
                [
                    replace(of_face(crop.face.face_id, answer, each_ms), model=model)
                    for crop, answer in zip(crops, said, strict=True)
                ],
            )
            read = {crop.face.face_id for crop in crops}
            note_unreadable(db, home, [face for face in face_ids if face not in read], read)
            after = face_ids[-1]
            yield len(face_ids)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], answer_faces))
