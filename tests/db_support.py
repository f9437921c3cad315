"""Small makers for the database tests: real files, real SQLite, drawn pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from core.faces import MASK_CLASSES, FaceBox, HeadPose, MaskLabel, MaskPrediction
from core.images import encode_png
from db.annotations import annotate
from db.events import Annotation
from db.faces import add_faces
from db.home import Home
from db.images import Image, add_image
from db.labels import KEEP, Change
from db.models import Model, ModelKind, register_model
from db.predictions import Prediction, store_predictions

BOX = FaceBox(8, 6, 24, 30, 0.9)


def picture(seed: int, width_px: int = 48, height_px: int = 40) -> bytes:
    """A PNG of coloured noise, different for each seed."""
    colours = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3))
    return encode_png(colours.astype(np.uint8))


def add_picture(db: Database, home: Home, seed: int, **given: str) -> Image:
    name = given.pop("name", f"{seed}.png")
    return add_image(
        db, home, picture(seed), name=name, width_px=48, height_px=40, durable=False, **given
    )


def add_face(db: Database, home: Home, seed: int, **given: str) -> int:
    """The number of a face in a picture of its own."""
    image = add_picture(db, home, seed, **given)
    return add_faces(db, image.id, [BOX], detector="centerface", durable=False)[0].id


def label(
    db: Database,
    face_id: int,
    mask: MaskLabel | None,
    *,
    base_version: int = 0,
    annotator: str = "ann",
    op: str | None = None,
    pose: HeadPose | None = None,
) -> Annotation:
    """One label by one key; and the pose where it is given."""
    change = Change(face_id=face_id, base_version=base_version, mask=mask, pose=pose or KEEP)
    op = op or f"{annotator}-{face_id}-{base_version}-{mask}"
    return annotate(db, [change], annotator=annotator, client_op_id=op)[0]


def add_model(db: Database, name: str, kind: ModelKind = "student") -> Model:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    path = f"checkpoints/{name}.safetensors"
    return register_model(db, name=name, sha256=sha256, path=path, kind=kind, recipe="default")


def mask(unmasked: float, masked: float, incorrect: float) -> MaskPrediction:
    return MaskPrediction(dict(zip(MASK_CLASSES, (unmasked, masked, incorrect), strict=True)))


def predict(
    db: Database,
    model: str,
    said: dict[int, MaskPrediction | None],
    pose: HeadPose | None = None,
) -> None:
    """One prediction for each face."""
    store_predictions(
        db,
        [
            Prediction(face_id=face, model=model, mask=mask, pose=pose)
            for face, mask in said.items()
        ],
    )


def files_below(folder: Path) -> list[str]:
    """All files, relative, in order."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
