"""The verbs of the app, free of any toolkit: every screen and the REST interface call these.

A callback reads its widgets, calls one action, and writes its widgets.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from core.faces import FaceBox, MaskLabel
from core.images import decode_image
from core.overlay import draw_faces
from db.annotations import annotate, current_annotations
from db.database import connect
from db.events import Annotation
from db.faces import BY_PERSON, Face, add_faces
from db.images import add_image
from db.labels import Change
from db.predictions import of_face, store_predictions
from db.undo import next_undo, undo
from ui.answers import Answer, AnsweredFace, AnsweredPhoto, StoredFace
from ui.live import LiveView
from ui.served_models import ShelfModel
from ui.studio import Studio
from ui.video import MarkedVideo, mark_faces

#: What ``faces.detector`` says of boxes that ``core.detector`` found.
DETECTOR = "centerface"
#: What a person may say about a face: a mask label, or that it is none.
Verdict = MaskLabel | Literal["not a face"]
NOT_A_FACE: Verdict = "not a face"


def answer_photo(
    studio: Studio,
    data: bytes,
    name: str,
    *,
    version: str | None = None,
    with_teachers: bool = True,
    wait_s: float = 0.0,
) -> Iterator[AnsweredPhoto]:
    """A photo's answers, growing: first the student's, then with each teacher's.

    ``version`` names a registered student in place of the one that serves; ``wait_s`` is how
    long to wait for models that are still loading. Raises ImageError for
    bytes that are no picture and ModelsNotReady, each one sentence for a person.
    """
    student = studio.models.student(wait_s, version)
    image_rgb = decode_image(data, name)
    began = time.perf_counter()
    boxes = studio.models.detector().detect(image_rgb)
    detection_ms = (time.perf_counter() - began) * 1000
    photo = AnsweredPhoto(
        name=name,
        data=data,
        width_px=image_rgb.shape[1],
        height_px=image_rgb.shape[0],
        faces=tuple(AnsweredFace(box=box, answers=()) for box in boxes),
        detection_ms=detection_ms,
    )
    models = [student, *(studio.models.teachers() if with_teachers else ())]
    yield from _ask(photo, image_rgb, models)


def answer_box(
    studio: Studio, photo: AnsweredPhoto, box: FaceBox, version: str | None = None
) -> AnsweredFace:
    """A face of the photo, drawn by a person where the detector missed it; ``version`` as above."""
    image_rgb = decode_image(photo.data, photo.name)
    models = [studio.models.student(version=version), *studio.models.teachers()]
    alone = replace(photo, faces=(AnsweredFace(box=box, answers=()),))
    *_, answered = _ask(alone, image_rgb, models)
    return answered.faces[0]


def answer_frame(
    studio: Studio,
    frame_rgb: np.ndarray,
    view: LiveView,
    time_s: float,
    style: Literal["axes", "cube"] = "axes",
) -> tuple[LiveView, np.ndarray]:
    """A camera frame's answers by the student, smoothed, and the frame with them drawn in."""
    predictor = studio.models.student().predictor
    view = view.answer(frame_rgb, time_s, predictor)
    return view, draw_faces(frame_rgb, view.faces, style)


def mark_video(studio: Studio, source: Path, target: Path) -> Iterator[MarkedVideo]:
    """A copy of a video with the student's answers drawn in, as it grows. Raises ImageError."""
    return mark_faces(source, target, studio.models.student().predictor)


def keep_photo(studio: Studio, photo: AnsweredPhoto) -> AnsweredPhoto:
    """Store the photo, its faces and what the models said; labels given before come back."""
    with connect(studio.home) as db:
        image = add_image(
            db,
            studio.home,
            photo.data,
            name=photo.name,
            width_px=photo.width_px,
            height_px=photo.height_px,
        )
        by_hand = [face.box for face in photo.faces if face.box.score is None]
        found = [face.box for face in photo.faces if face.box.score is not None]
        ids = {
            **_ids(found, add_faces(db, image.id, found, detector=DETECTOR)),
            **_ids(by_hand, add_faces(db, image.id, by_hand, detector=BY_PERSON)),
        }
        store_predictions(
            db,
            [
                of_face(ids[face.box], answer.said, answer.latency_ms)
                for face in photo.faces
                for answer in face.answers
            ],
        )
        labels = current_annotations(db, list(ids.values()))
    faces = tuple(
        replace(face, stored=_stored(ids[face.box], labels.get(ids[face.box])))
        for face in photo.faces
    )
    return replace(photo, faces=faces, image_id=image.id)


def correct_face(
    studio: Studio,
    photo: AnsweredPhoto,
    index: int,
    verdict: Verdict,
    *,
    annotator: str,
    op_id: str | None = None,
) -> AnsweredPhoto:
    """Say what a face of a kept photo really is. StaleVersion where somebody else was faster."""
    stored = photo.faces[index].stored
    if stored is None:
        raise ValueError("only a face of a kept photo can be corrected")
    events = label_faces(
        studio,
        {stored.face_id: stored.version},
        verdict,
        annotator=annotator,
        op_id=op_id or new_op_id(),
    )
    return _with_labels(photo, events)


def with_present_labels(studio: Studio, photo: AnsweredPhoto) -> AnsweredPhoto:
    """The photo with the labels its faces have now, whoever gave them."""
    ids = [face.stored.face_id for face in photo.faces if face.stored]
    with connect(studio.home, read_only=True) as db:
        return _with_labels(photo, list(current_annotations(db, ids).values()))


def last_gesture(studio: Studio, *, annotator: str) -> str | None:
    """The operation id of what ``undo_last`` would take back; None where nothing is left."""
    with connect(studio.home, read_only=True) as db:
        events = next_undo(db, annotator)
    return events[0].client_op_id if events else None


def undo_last(studio: Studio, *, annotator: str, gesture: str | None = None) -> list[Annotation]:
    """Take back the annotator's last gesture, on whichever faces it was.

    NotTheLast where that is not the ``gesture`` that the caller means.
    """
    with connect(studio.home) as db:
        return undo(db, annotator=annotator, client_op_id=new_op_id(), gesture=gesture)


def label_faces(
    studio: Studio, versions: dict[int, int], verdict: Verdict, *, annotator: str, op_id: str
) -> list[Annotation]:
    """One gesture on stored faces (id → version seen): they all are what the verdict says."""
    if verdict == NOT_A_FACE:
        changes = [Change(face_id=f, base_version=v, rejected=True) for f, v in versions.items()]
    else:
        mask = MaskLabel(verdict)
        changes = [Change(face_id=f, base_version=v, mask=mask) for f, v in versions.items()]
    return apply_changes(studio, changes, annotator=annotator, op_id=op_id)


def apply_changes(
    studio: Studio, changes: Sequence[Change], *, annotator: str, op_id: str
) -> list[Annotation]:
    """One gesture, all of it or StaleVersion; a repeated ``op_id`` changes nothing."""
    with connect(studio.home) as db:
        return annotate(db, changes, annotator=annotator, client_op_id=op_id)


def new_op_id() -> str:
    """A name for one gesture, so that a repeated request does not count twice."""
    return str(uuid.uuid4())


def _ask(
    photo: AnsweredPhoto, image_rgb: np.ndarray, models: Sequence[ShelfModel]
) -> Iterator[AnsweredPhoto]:
    """The photo after each model's turn; once without faces."""
    boxes = [face.box for face in photo.faces]
    if not boxes:
        yield photo
        return
    for index, model in enumerate(models):
        began = time.perf_counter()
        said = model.predictor.predict_boxes(image_rgb, boxes)
        share_ms = (time.perf_counter() - began) * 1000 / len(boxes)
        faces = tuple(
            replace(
                face,
                answers=(*face.answers, Answer(role=model.role, said=one, latency_ms=share_ms)),
            )
            for face, one in zip(photo.faces, said, strict=True)
        )
        waiting = tuple(later.name for later in models[index + 1 :])
        photo = replace(photo, faces=faces, waiting=waiting)
        yield photo


def _with_labels(photo: AnsweredPhoto, events: Sequence[Annotation]) -> AnsweredPhoto:
    by_face = {event.face_id: event for event in events}
    faces = tuple(
        replace(face, stored=_stored(face.stored.face_id, by_face[face.stored.face_id]))
        if face.stored and face.stored.face_id in by_face
        else face
        for face in photo.faces
    )
    return replace(photo, faces=faces)


def _stored(face_id: int, annotation: Annotation | None) -> StoredFace:
    if annotation is None:
        return StoredFace(face_id=face_id)
    return StoredFace(face_id=face_id, version=annotation.version, label=annotation.label)


def _ids(boxes: Sequence[FaceBox], faces: Sequence[Face]) -> dict[FaceBox, int]:
    return {box: face.id for box, face in zip(boxes, faces, strict=True)}
