"""What people annotated, as training samples: from a home folder to ``FaceSample``.

A fixed part of the annotations is held out by the origin of the picture, so that training never
sees it and every model is judged on the same faces.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.crop import REFERENCE_FACTOR
from core.datasets import FaceSample, Reading
from core.datasets.sample import ReadingBuilder
from core.detector import landmark_box
from db.database import connect
from db.export_rows import ExportedFace, exported_faces
from db.home import Home
from db.migrations import open_home
from db.records import FaceRecord
from trainer.face_pool import FacePool
from trainer.soft_labels import SoftLabelTable

#: ``source`` of samples with a label from the database.
ANNOTATIONS = "annotations"
#: What a person's label says in the form of a teacher's opinion; the other classes share the rest.
LABEL_PROBABILITY = 0.98
#: One origin in five is held out.
HELD_OUT_SHARE = 0.2


def is_home(folder: Path) -> bool:
    """Whether ``folder`` is a home folder of the app."""
    return Home(folder).database_path.is_file()


def read_annotated(root: Path, split: str) -> Reading:
    """The labelled faces in the home folder ``root``; ``split`` is train, val or test."""
    home = open_home(root)
    builder = ReadingBuilder()
    with connect(home, read_only=True) as db:
        for face in exported_faces(db, None):
            if split_of(face) == split:
                _add(builder, home, face)
    return builder.reading()


def split_of(face: ExportedFace) -> str:
    """The split that came with the picture; else ``val`` for the held-out origins.

    The same answer for ever, whatever else is imported.
    """
    if face.record.split in ("val", "test"):
        return face.record.split
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
        builder.add(
            FaceSample(
                image_path=home.root / face.image_path,
                name=name,
                **_geometry(record),
                mask=label.mask,
                pose=label.pose,
                source=ANNOTATIONS,
                group=record.origin or record.sha256,
                attributes={"face_id": str(face.face_id), "data_set": record.source or ""},
            )
        )


def _geometry(record: FaceRecord) -> dict[str, Any]:
    """Where the face is cut out. One that fills its picture is a crop and is used as it is."""
    box = record.box
    if box is None or box.fills(record.width_px or 0, record.height_px or 0):
        return {}
    return {
        "box": box,
        "crop_square": landmark_box(box).square(REFERENCE_FACTOR),
        "crop_factor": REFERENCE_FACTOR,
    }


def overrule(soft: SoftLabelTable, pool: FacePool) -> SoftLabelTable:
    """Where a person has spoken, the teachers' opinion becomes the person's.

    The mask logits turn into those of the label (softened like the teachers' own), and the
    teachers' pose counts for nothing (agreement 0).
    """
    annotated = np.array([source == ANNOTATIONS for source in pool.sources])
    mask, pose = annotated & pool.has_mask, annotated & pool.has_pose
    classes = soft.mask_logits.shape[1]
    rest = (1 - LABEL_PROBABILITY) / (classes - 1)
    sure = np.log(np.where(np.eye(classes) == 1, LABEL_PROBABILITY, rest))
    return replace(
        soft,
        mask_logits=np.where(mask[:, None], sure[pool.mask_index], soft.mask_logits).astype(
            np.float32
        ),
        agreement=np.where(pose, 0.0, soft.agreement).astype(np.float32),
    )
