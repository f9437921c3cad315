"""An answered photo in the forms people take away: JSON (as ``predict --json``) and CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from core.faces import MASK_CLASSES, FacePrediction
from db.labels import Label
from ui.answers import AnsweredPhoto
from ui.terminal import face_row, photo_row

_HEADER = (
    "image,face,role,model,left_px,top_px,width_px,height_px,mask,"
    + ",".join(f"p_{label}" for label in MASK_CLASSES)
    + ",yaw_deg,pitch_deg,roll_deg,latency_ms,label"
).split(",")


def photo_json(photo: AnsweredPhoto) -> dict[str, Any]:
    """The student's answers in the form of the command line, and beside each the teachers'."""
    answered = [face for face in photo.faces if face.answers]
    row = photo_row(
        photo.name, photo.width_px, photo.height_px, [face.student for face in answered]
    )
    for face, shown in zip(answered, row["faces"], strict=True):
        shown["teachers"] = [
            {key: value for key, value in face_row(answer.said).items() if key != "box"}
            for answer in face.teachers
        ]
        shown["label"] = _label(face.stored.label) if face.stored else None
        shown["face_id"] = face.stored.face_id if face.stored else None
    return row


def photo_csv(photo: AnsweredPhoto) -> str:
    """A line for each face and model."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    for number, face in enumerate(photo.faces, start=1):
        label = _label(face.stored.label) if face.stored else None
        for answer in face.answers:
            cells = _cells(answer.said)
            writer.writerow(
                [photo.name, number, answer.role, *cells, round(answer.latency_ms, 1), label]
            )
    return text.getvalue()


def _cells(said: FacePrediction) -> list[Any]:
    row = face_row(said)
    mask, pose = row["mask"] or {}, row["pose"] or {}
    probabilities = mask.get("probabilities", {})
    return [
        row["model"],
        *row["box"],
        mask.get("label"),
        *(probabilities.get(label.value) for label in MASK_CLASSES),
        *(pose.get(angle) for angle in ("yaw_deg", "pitch_deg", "roll_deg")),
    ]


def _label(label: Label) -> str | None:
    if label.rejected:
        return "not a face"
    return label.mask.value if label.mask else None
