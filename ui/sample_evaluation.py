"""The bundled sample: the shipped student on research faces, as numbers alone.

Pages of an empty studio explain themselves on it. It is a home of its own, in a temporary folder,
so that every chart is made as from real faces; it has no pictures.
``python -m benchmarks.sample_evaluation`` made the file.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import groupby, islice
from pathlib import Path

from sqlite_utils import Database

from core.faces import MASK_CLASSES, FaceBox, HeadPose, MaskLabel, MaskPrediction
from db.annotations import annotate
from db.database import connect, write_transaction
from db.face_measures import MeasuredFace, mark_occluded, store_measures
from db.faces import add_faces
from db.home import Home
from db.image_files import StoredFile
from db.images import add_stored
from db.labels import Change
from db.migrations import open_home
from db.models import promote, register_model
from db.predictions import Prediction, store_predictions

SAMPLE = Path(__file__).parent / "sample_evaluation.csv"
STUDENT = "shipped student"
#: Few, because new faces are compared with those of their picture.
_FACES_PER_PICTURE = 40
_FAR_PX = 10_000.0
_AXES = ("yaw_deg", "pitch_deg", "roll_deg")
Row = dict[str, str]


@cache
def sample_home() -> Home:
    """A home that holds the sample; made on the first call, gone with the program."""
    home = open_home(Path(_folder().name))
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with connect(home) as db, write_transaction(db, durable=False):
        _register(db)
        faces = [
            face for number, part in enumerate(_parts(rows)) for face in _add(db, number, part)
        ]
        _fill(db, faces)
    return home


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="maskpose-sample-")


def _register(db: Database) -> None:
    sha256 = hashlib.sha256(STUDENT.encode()).hexdigest()
    register_model(db, name=STUDENT, sha256=sha256, path="", kind="student", recipe="default")
    promote(db, STUDENT, reason="sample", changed_by="sample")


def _parts(rows: list[Row]) -> Iterator[list[Row]]:
    """Faces of one source, some at a time."""
    for _, of_source in groupby(rows, key=lambda row: row["source"]):
        while part := list(islice(of_source, _FACES_PER_PICTURE)):
            yield part


def _add(db: Database, number: int, rows: list[Row]) -> list[tuple[int, Row]]:
    """The faces in one picture that is not there, side by side."""
    sha256 = hashlib.sha256(f"sample {number}".encode()).hexdigest()
    file = StoredFile(sha256=sha256, path=f"images/{sha256}.png")
    name = f"sample {number}"
    image = add_stored(db, file, name=name, width_px=1, height_px=1, source=rows[0]["source"])
    boxes = [
        FaceBox(_FAR_PX * place, 0, float(row["face_px"]), float(row["face_px"]))
        for place, row in enumerate(rows)
    ]
    faces = add_faces(db, image.id, boxes, detector="dataset")
    return [(face.id, row) for face, row in zip(faces, rows, strict=True)]


def _fill(db: Database, faces: list[tuple[int, Row]]) -> None:
    store_measures(
        db,
        [MeasuredFace(id, float(row["sharpness"]), float(row["brightness"])) for id, row in faces],
    )
    mark_occluded(
        db,
        {id: row["lower_face_occluded"] == "1" for id, row in faces if row["lower_face_occluded"]},
    )
    store_predictions(
        db,
        [
            Prediction(face_id=id, model=STUDENT, mask=_mask(row), pose=_pose(row, ""))
            for id, row in faces
        ],
    )
    changes = [
        Change(
            face_id=id,
            base_version=0,
            mask=MaskLabel(row["label"]) if row["label"] else None,
            pose=_pose(row, "label_"),
        )
        for id, row in faces
    ]
    annotate(
        db,
        changes,
        annotator="data sets",
        annotator_kind="dataset",
        op="import",
        client_op_id="sample",
    )


def _mask(row: Row) -> MaskPrediction | None:
    if not row[f"p_{MASK_CLASSES[0]}"]:
        return None
    return MaskPrediction({label: float(row[f"p_{label}"]) for label in MASK_CLASSES})


def _pose(row: Row, prefix: str) -> HeadPose | None:
    if not row[f"{prefix}{_AXES[0]}"]:
        return None
    return HeadPose(**{axis: float(row[prefix + axis]) for axis in _AXES})
