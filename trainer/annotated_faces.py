"""What people annotated, as training samples: from a home folder to ``FaceSample``.

A fixed part of the annotations is held out by the origin of the picture, so that training never
sees it and every model is judged on the same faces.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from core.crop import REFERENCE_FACTOR
from core.datasets import FaceSample, Reading
from core.datasets.sample import ReadingBuilder
from core.detector import landmark_box
from core.faces import FaceBox
from db.database import connect
from db.export_rows import ExportedFace, exported_faces
from db.home import Home
from db.migrations import open_home

#: One origin in five is held out.
HELD_OUT_SHARE = 0.2


def is_home(folder: Path) -> bool:
    """Whether ``folder`` is a home folder of the app."""
    return Home(folder).database_path.is_file()


def read_annotated(root: Path, split: str) -> Reading:
    """The faces that people labelled in the home folder ``root``; ``split`` is train or val."""
    home = open_home(root)
    builder = ReadingBuilder()
    with connect(home, read_only=True) as db:
        for face in exported_faces(db, None):
            if split_of(face) == split:
                _add(builder, home, face)
    return builder.reading()


def split_of(face: ExportedFace) -> str:
    """``val`` for the held-out origins; the same answer for ever, whatever else is imported."""
    origin = face.record.origin or face.record.sha256 or str(face.face_id)
    part = int.from_bytes(hashlib.sha256(origin.encode()).digest()[:8], "big") / 2**64
    return "val" if part < HELD_OUT_SHARE else "train"


def _add(builder: ReadingBuilder, home: Home, face: ExportedFace) -> None:
    record, label = face.record, face.record.label
    name = f"face {face.face_id} of {record.name}"
    if label.rejected:
        builder.skip(name, "not a face, says its annotator")
    elif label.mask is None and label.pose is None:
        builder.skip(name, "no mask or pose label")
    else:
        box = record.box or FaceBox(0, 0, record.width_px or 1, record.height_px or 1)
        builder.add(
            FaceSample(
                image_path=home.root / face.image_path,
                name=name,
                box=box,
                crop_square=landmark_box(box).square(REFERENCE_FACTOR),
                crop_factor=REFERENCE_FACTOR,
                mask=label.mask,
                pose=label.pose,
                source="annotations",
                group=record.origin or record.sha256,
            )
        )
