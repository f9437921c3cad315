"""One labelled face as every file format carries it: what is exported and what is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.faces import FaceBox, HeadPose, MaskLabel
from db.annotators import AnnotatorKind
from db.errors import StudioError
from db.labels import Label


class FormatError(StudioError):
    "A file that is not what its format says"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRecord:
    """A face in a picture, with what is known of it.

    ``file`` is the picture relative to the folder of the data set, empty without pictures;
    ``box`` None means that the face is the whole picture, or, without a label, not yet found.
    ``lower_face_occluded`` is what a published set says of hands, scarves, masks; None: nothing.
    """

    file: str = ""
    sha256: str | None = None
    name: str = ""
    width_px: int | None = None
    height_px: int | None = None
    box: FaceBox | None = None
    label: Label = field(default_factory=Label)
    annotator: str | None = None
    annotator_kind: AnnotatorKind = "dataset"
    annotated_at: str | None = None
    source: str | None = None
    split: str | None = None
    origin: str | None = None
    lower_face_occluded: bool | None = None

    def __post_init__(self) -> None:
        """What comes from a file may be anything: ValueError says what does not fit."""
        for name in ("file", "sha256", "name", "annotator", "source", "split", "origin"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} must be a text, got {value!r}")
        if self.annotator is not None and not 1 <= len(self.annotator) <= 200:
            raise ValueError(f"annotator must have 1 to 200 characters, got {len(self.annotator)}")


def box_of_numbers(numbers: Sequence[float], score: float | None = None) -> FaceBox:
    """From left, top, width and height in pixels."""
    left, top, width, height = map(float, numbers)
    return FaceBox(left, top, width, height, score)


#: How a record without mask label is classed in formats that need a class.
FACE_ONLY = "face"
NOT_A_FACE = "not_a_face"


def class_of(label: Label) -> str:
    """The class of a label in formats with one class a face."""
    if label.rejected:
        return NOT_A_FACE
    return str(label.mask) if label.mask else FACE_ONLY


#: Says which label a class name means; None: none of ours.
Named = Callable[[str], MaskLabel | None]


def our_names(name: str) -> MaskLabel | None:
    """The labels as they are called here."""
    return MaskLabel(name) if name in list(MaskLabel) else None


def label_of_class(
    name: str, named: Named = our_names, detail: Label | None = None
) -> Label | None:
    """The label of a class; None for a class that is none of ours.

    ``named`` knows what others call the classes; ``detail`` adds pose and note, which such
    formats cannot say by the class.
    """
    detail = detail or Label()
    if name == NOT_A_FACE:
        return Label(rejected=True, note=detail.note)
    if name == FACE_ONLY:
        return Label(pose=detail.pose, note=detail.note)
    mask = named(name)
    return Label(mask=mask, pose=detail.pose, note=detail.note) if mask else None


def extras(record: FaceRecord) -> dict[str, Any]:
    """What formats made for boxes and classes cannot say, as JSON can; only what there is."""
    pose = record.label.pose
    found = {
        "pose_deg": [pose.yaw_deg, pose.pitch_deg, pose.roll_deg] if pose else None,
        "note": record.label.note,
        "annotator": record.annotator,
        "annotator_kind": record.annotator_kind if record.annotator else None,
        "annotated_at": record.annotated_at,
    }
    return {key: value for key, value in found.items() if value is not None}


def picture_extras(record: FaceRecord) -> dict[str, Any]:
    """As ``extras``, for the picture."""
    found = {
        "sha256": record.sha256,
        "name": record.name,
        "source": record.source,
        "split": record.split,
        "origin": record.origin,
    }
    return {key: value for key, value in found.items() if value is not None}


def with_extras(
    class_name: str, named: Named, extra: Mapping[str, Any], **known: Any
) -> FaceRecord | None:
    """A record from a class, the ``extras`` and what the format says; None: unknown class."""
    pose = extra.get("pose_deg")
    detail = Label(
        pose=HeadPose(yaw_deg=pose[0], pitch_deg=pose[1], roll_deg=pose[2]) if pose else None,
        note=extra.get("note"),
    )
    label = label_of_class(class_name, named, detail)
    if label is None:
        return None
    names = ("annotator", "annotator_kind", "annotated_at", "sha256", "name", "source", "split")
    said = {key: extra[key] for key in (*names, "origin") if key in extra}
    return FaceRecord(label=label, **{**said, **known})
