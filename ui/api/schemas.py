"""What the REST interface takes and gives. Names and forms are those of ``predict --json``."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from core.faces import FaceBox, MaskLabel

T = TypeVar("T")

#: Faces of one gesture: as many as a grid shows.
MAX_CHANGES = 10_000


class FromRow(BaseModel):
    """Filled from the attributes of a database value."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[T]):
    """Some items; ``next`` is the address of the following page, null at the end."""

    items: list[T]
    next: str | None = None


class Pose(FromRow):
    """Degrees. yaw > 0: nose to image left; pitch > 0: up; roll > 0: clockwise."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


class Mask(BaseModel):
    label: MaskLabel
    probabilities: dict[MaskLabel, float]


class Opinion(BaseModel):
    """What one model says about a face; a task that it does not know is null."""

    model: str
    mask: Mask | None
    pose: Pose | None


class FaceAnswer(Opinion):
    """``box``: x, y, width, height in pixels of the upright photo."""

    box: tuple[float, float, float, float]
    score: float | None
    teachers: list[Opinion]
    label: str | None = None
    face_id: int | None = None


class PhotoAnswer(BaseModel):
    image: str
    width: int
    height: int
    image_id: int | None = Field(None, description="null: the photo was not kept")
    faces: list[FaceAnswer]


class Image(FromRow):
    id: int
    name: str
    sha256: str
    width_px: int
    height_px: int
    source: str
    split: str | None
    added_at: str


class Label(FromRow):
    """What people say. ``rejected``: this is not a face."""

    mask: MaskLabel | None
    pose: Pose | None
    rejected: bool
    note: str | None


class Annotation(FromRow):
    face_id: int
    version: int
    label: Label
    annotator: str
    op: str
    created_at: str


class Face(BaseModel):
    """``version`` goes back as ``base_version`` of a change."""

    id: int
    image_id: int
    box: tuple[float, float, float, float]
    score: float | None
    detector: str
    version: int
    label: Label | None


class FaceCount(BaseModel):
    faces: int


class QueuedFace(BaseModel):
    """A face with its label and the student's opinion, as a review screen needs it.

    ``is_labelled`` without ``label``: not a face. ``entropy`` is the student's doubt in nats.
    """

    face_id: int
    version: int
    image_id: int
    image_name: str
    image_width_px: int
    image_height_px: int
    source: str
    box: tuple[float, float, float, float]
    is_labelled: bool
    label: MaskLabel | None
    annotator: str | None
    annotated_at: str | None
    predicted: MaskLabel | None
    confidence: float | None
    pose: Pose | None
    entropy: float | None
    disagreement: float | None
    label_error: float | None
    label_error_reason: str | None
    is_flagged: bool


class StoredPrediction(BaseModel):
    model: str
    mask: dict[MaskLabel, float] | None
    pose: Pose | None
    latency_ms: float | None
    created_at: str


class ChangeRequest(BaseModel):
    """What is not sent stays as it is; null takes it away."""

    model_config = ConfigDict(extra="forbid")

    face_id: int
    base_version: int = Field(ge=0, description="the version that was on the screen")
    mask: MaskLabel | None = None
    pose: Pose | None = None
    rejected: bool | None = None
    note: str | None = Field(None, max_length=2000)


class Gesture(BaseModel):
    """One gesture of a person: all its changes, or none. A repeated id changes nothing."""

    model_config = ConfigDict(extra="forbid")

    client_op_id: str = Field(min_length=8, max_length=200)
    changes: list[ChangeRequest] = Field(min_length=1, max_length=MAX_CHANGES)


class OpinionGesture(Gesture):
    """What somebody says of faces that others labelled. Changes that say nothing mean "unsure".

    ``blind``: the labels were not on the screen.
    """

    blind: bool = True


class PersonOpinion(FromRow):
    """A second opinion; ``verdict`` compares it with the label it is about."""

    id: int
    face_id: int
    reviewer: str
    verdict: Literal["agree", "disagree", "unsure"]
    blind: bool
    opinion: Label
    created_at: str


class FlagsRequest(BaseModel):
    """Doing it twice changes nothing; the operation id is for the sender's own records."""

    model_config = ConfigDict(extra="forbid")

    client_op_id: str = Field(min_length=8, max_length=200)
    face_ids: list[int] = Field(min_length=1, max_length=MAX_CHANGES)
    flagged: bool


class UndoRequest(BaseModel):
    """``gesture``: the operation id that must be the last one; another is a 409."""

    model_config = ConfigDict(extra="forbid")

    client_op_id: str = Field(min_length=8, max_length=200)
    gesture: str | None = Field(None, max_length=200)


class UndoneStep(Annotation):
    """An event of undo or redo; ``before`` is what the face was said to be until then."""

    before: Label


class Model(FromRow):
    name: str
    sha256: str
    kind: str
    recipe: str
    run_id: int | None
    metrics: dict[str, Any]
    licence: str | None
    created_at: str
    aliases: list[str] = []


class Run(FromRow):
    id: int
    recipe: str
    config: dict[str, Any]
    status: str
    device: str
    phase: str | None
    progress: float
    error: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None


class LoadedModel(BaseModel):
    name: str
    role: Literal["student", "teacher"]
    state: Literal["loading", "ready", "failed"]
    error: str


class Health(BaseModel):
    """``status``: starting (models still load), ready, or degraded (``message`` says why)."""

    status: Literal["starting", "ready", "degraded"]
    message: str
    models: list[LoadedModel]
    waiting: int = Field(description="photos that wait to be answered")


def sides(box: FaceBox) -> tuple[float, float, float, float]:
    return box.left_px, box.top_px, box.width_px, box.height_px
