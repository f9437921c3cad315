"""A home with thousands of faces in a few pictures, for the grid: quick to make, real to look at.

The pictures are the demo's examples (a public-domain portrait, and masks drawn by our renderer).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.faces import MASK_CLASSES, FaceBox, HeadPose, MaskPrediction
from core.images import read_image
from db.annotations import annotate
from db.database import connect, write_transaction
from db.faces import add_faces
from db.home import Home
from db.images import add_image
from db.labels import Change
from db.models import promote, register_model
from db.predictions import Prediction, store_predictions
from ui.examples import write_examples

STUDENT = "student-of-the-grid"


def add_many_faces(home: Home, folder: Path, count: int, *, labelled: int = 0) -> list[int]:
    """The numbers of ``count`` new faces with a student's opinions; the first are labelled."""
    rng = np.random.default_rng(6)
    pictures = write_examples(folder)
    with connect(home) as db, write_transaction(db, durable=False):
        per_picture = -(-count // len(pictures))
        ids = [id for path in pictures for id in _faces_of(db, home, path, per_picture, rng)]
        ids = sorted(ids)[:count]
        register_model(
            db,
            name=STUDENT,
            sha256=f"{6:064d}",
            path="checkpoints/none.safetensors",
            kind="student",
            recipe="default",
        )
        promote(db, STUDENT, reason="a test", changed_by="test")
        store_predictions(db, [_opinion(face_id, rng) for face_id in ids])
        if labelled:
            changes = [
                Change(face_id=id, base_version=0, mask=MASK_CLASSES[id % 3])
                for id in ids[:labelled]
            ]
            annotate(db, changes, annotator="ann", client_op_id="labels of ann", durable=False)
    return ids


def _faces_of(db, home: Home, path: Path, count: int, rng: np.random.Generator) -> list[int]:
    """Boxes around the one face of an example, each a little different."""
    height_px, width_px = read_image(path).shape[:2]
    image = add_image(
        db,
        home,
        path.read_bytes(),
        name=path.name,
        width_px=width_px,
        height_px=height_px,
        durable=False,
    )
    boxes = [
        FaceBox(100 + dx, 55 + dy, 120 + grow, 150 + grow, 0.9)
        for dx, dy, grow in rng.uniform(-15, 15, (count, 3))
    ]
    # 2: no two of these boxes are taken for the same face
    found = add_faces(db, image.id, boxes, detector="centerface", same_face_iou=2.0, durable=False)
    return [face.id for face in found]


def _opinion(face_id: int, rng: np.random.Generator) -> Prediction:
    shares = rng.dirichlet([0.4] * len(MASK_CLASSES))
    yaw_deg, pitch_deg, roll_deg = rng.uniform(-45, 45, 3)
    return Prediction(
        face_id=face_id,
        model=STUDENT,
        mask=MaskPrediction(dict(zip(MASK_CLASSES, map(float, shares), strict=True))),
        pose=HeadPose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg),
    )
