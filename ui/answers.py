"""What the models said about a photo, face by face, and where they contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.faces import FaceBox, FacePrediction
from db import scores
from db.labels import Label
from ui.served_models import Role

#: From here on a page points at a difference: another opinion on the mask is half the
#: probability moved; 15° between two heads is what people see at a glance.
NOTABLE_MASK_DISTANCE = 0.5
NOTABLE_POSE_DEG = 15.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one model said about one face; ``latency_ms`` is the face's share of its time."""

    role: Role
    said: FacePrediction
    latency_ms: float


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far a teacher is from the student; a part that one of them lacks is None.

    ``mask`` 0 … 1 (total variation distance), ``pose_deg`` 0 … 180 (angle of the rotation).
    """

    mask: float | None
    pose_deg: float | None

    @property
    def is_notable(self) -> bool:
        return (self.mask or 0.0) >= NOTABLE_MASK_DISTANCE or (
            self.pose_deg or 0.0
        ) >= NOTABLE_POSE_DEG


@dataclass(frozen=True, kw_only=True)
class StoredFace:
    """Where a face is in the database, and its label as this screen last saw it."""

    face_id: int
    version: int = 0
    label: Label = field(default_factory=Label)


@dataclass(frozen=True, kw_only=True)
class AnsweredFace:
    """A face, the student's answer first, and its place in the database once it is kept."""

    box: FaceBox
    answers: tuple[Answer, ...]
    stored: StoredFace | None = None

    @property
    def student(self) -> FacePrediction:
        return self.answers[0].said

    @property
    def teachers(self) -> tuple[Answer, ...]:
        return self.answers[1:]


@dataclass(frozen=True, kw_only=True)
class AnsweredPhoto:
    """A photo as it came (``data``), upright size, and its faces, largest first.

    ``waiting`` names the models that have not answered yet. ``image_id`` is None while the photo
    is not kept.
    """

    name: str
    data: bytes
    width_px: int
    height_px: int
    faces: tuple[AnsweredFace, ...] = ()
    detection_ms: float = 0.0
    waiting: tuple[str, ...] = ()
    image_id: int | None = None


def shown_faces(photo: AnsweredPhoto, min_score: float) -> list[tuple[int, AnsweredFace]]:
    """The faces that the detector is sure enough of, and those drawn by hand, with their index."""
    return [
        (index, face)
        for index, face in enumerate(photo.faces)
        if face.box.score is None or face.box.score >= min_score
    ]


def difference(student: FacePrediction, teacher: FacePrediction) -> Difference:
    """How far two opinions on one face are apart."""
    mask = pose = None
    if student.mask and teacher.mask:
        mask = scores.mask_distance(student.mask, teacher.mask)
    if student.pose and teacher.pose:
        pose = scores.pose_distance_deg(student.pose, teacher.pose)
    return Difference(mask=mask, pose_deg=pose)
