"""One chunk of an import as rows: picture, face, label, each recognised where it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, get_args

from sqlite_utils import Database

from core.faces import FaceBox
from db.annotations import annotate, current_annotations
from db.annotators import AnnotatorKind
from db.face_measures import mark_occluded
from db.faces import BY_DATASET, add_faces, faces_of_image
from db.image_files import StoredFile
from db.images import SPLITS, Image, add_stored, complete, find_image
from db.labels import Change, Label, describe
from db.records import FaceRecord


class Outcome(StrEnum):
    """What became of a record's picture, face and label."""

    PICTURE_NEW = "picture_new"
    PICTURE_KNOWN = "picture_known"
    FACE_NEW = "face_new"
    FACE_KNOWN = "face_known"
    LABEL_NEW = "label_new"
    LABEL_SAME = "label_same"
    LABEL_KEPT = "label_kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that was opened: its file is stored, ``faces`` are what a detector found in it.

    ``is_new_file`` False: the file lay there before, whole.
    """

    file: StoredFile
    width_px: int
    height_px: int
    faces: tuple[FaceBox, ...] = ()
    detector: str = ""
    is_new_file: bool = True


Skips = list[tuple[str, str]]
_STAYS = "it stays without: a training may know its faces"


def escaped(text: str) -> str:
    """The text as UTF-8 can hold it: a file may be called anything, and JSON may say anything."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def storable(record: FaceRecord) -> FaceRecord:
    """The record as the database can hold it; ValueError: what does not fit."""
    if record.annotator_kind not in get_args(AnnotatorKind):
        raise ValueError(f"annotator_kind must be person or dataset, got {record.annotator_kind!r}")
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    texts: dict[str, Any] = {
        name: escaped(value) for name, value in values.items() if isinstance(value, str)
    }
    note = record.label.note
    return replace(record, label=replace(record.label, note=note and escaped(note)), **texts)


def write_records(
    db: Database,
    records: Sequence[tuple[FaceRecord, Picture | None]],
    source: str,
    operation: str,
) -> tuple[Counter[Outcome], Skips]:
    """Write a chunk (within a transaction); returns what was done, and what was left alone."""
    counts: Counter[Outcome] = Counter()
    skips: Skips = []
    labels: dict[int, FaceRecord] = {}
    occluded: dict[int, bool] = {}
    for record, picture in records:
        found = _image(db, record, picture, source, counts)
        if found is None:
            skips.append((record.name or str(record.sha256), "no such picture here, and no file"))
            continue
        image, record = found
        skips += (said for said in _contradictions(image, record) if said not in skips)
        if picture and record.box is None and record.label == Label():
            _add_counted(db, image, picture.faces, picture.detector, counts)
            continue
        box = record.box or FaceBox(0, 0, image.width_px, image.height_px)
        face_id = _add_counted(db, image, [box], BY_DATASET, counts)[0]
        if record.lower_face_occluded is not None:
            occluded[face_id] = record.lower_face_occluded
        if record.label == Label():
            continue
        earlier = labels.setdefault(face_id, record)
        if earlier.label != record.label:
            counts[Outcome.LABEL_KEPT] += 1
            skips.append((record.file or record.name, "the same face twice with other labels"))
    _label(db, labels, source, operation, counts, skips)
    mark_occluded(db, occluded)
    return counts, skips


def _image(
    db: Database,
    record: FaceRecord,
    picture: Picture | None,
    source: str,
    counts: Counter[Outcome],
) -> tuple[Image, FaceRecord] | None:
    """The stored picture of a record.

    A record that names another picture than the file (an exported crop of a photo) is about that
    photo where it is stored; else the file is the picture, and the face fills it.
    """
    known = find_image(db, record.sha256) if record.sha256 else None
    if known:
        counts[Outcome.PICTURE_KNOWN] += 1
        return complete(db, known, split=_split(record), origin=record.origin), record
    if picture is None:
        return None
    if record.sha256 and record.sha256 != picture.file.sha256:
        record = replace(record, box=None)
    known = find_image(db, picture.file.sha256)
    counts[Outcome.PICTURE_KNOWN if known else Outcome.PICTURE_NEW] += 1
    image = add_stored(
        db,
        picture.file,
        name=record.name or record.file,
        width_px=picture.width_px,
        height_px=picture.height_px,
        source=record.source or source,
        split=_split(record),
        origin=record.origin,
    )
    return image, record


def _split(record: FaceRecord) -> str | None:
    return record.split if record.split in SPLITS else None


def _contradictions(image: Image, record: FaceRecord) -> Iterator[tuple[str, str]]:
    """What a file says of a picture otherwise than is known here, which is kept.

    A picture that may have been learned from keeps that it has none, too: see
    ``db.images.complete``.
    """
    said_and_kept = {
        "split": (_split(record), image.split),
        "origin": (record.origin, image.origin),
    }
    for what, (said, kept) in said_and_kept.items():
        if said and said != kept:
            stays = f"{kept!r} was kept" if kept else _STAYS
            yield record.file or record.name, f"says {what} {said!r}, {stays}"


def _add_counted(
    db: Database,
    image: Image,
    boxes: Sequence[FaceBox],
    detector: str,
    counts: Counter[Outcome],
) -> list[int]:
    before = {face.id for face in faces_of_image(db, image.id)}
    faces = add_faces(db, image.id, boxes, detector=detector, durable=False)
    for face in faces:
        counts[Outcome.FACE_KNOWN if face.id in before else Outcome.FACE_NEW] += 1
    return [face.id for face in faces]


def _label(
    db: Database,
    labels: dict[int, FaceRecord],
    source: str,
    operation: str,
    counts: Counter[Outcome],
    skips: Skips,
) -> None:
    """Label the faces that have no label yet, one action for each annotator named."""
    current = current_annotations(db, list(labels))
    by_annotator: dict[tuple[str, AnnotatorKind], list[Change]] = {}
    for face_id, record in labels.items():
        there = current.get(face_id)
        if there and there.label != Label():
            same = there.label == record.label
            counts[Outcome.LABEL_SAME if same else Outcome.LABEL_KEPT] += 1
            if not same:
                said = f"{describe(there.label)!r} by {there.annotator} was kept"
                skips.append(
                    (record.file or record.name, f"says {describe(record.label)!r}, {said}")
                )
            continue
        counts[Outcome.LABEL_NEW] += 1
        who = (record.annotator or f"import of {source}", record.annotator_kind)
        by_annotator.setdefault(who, []).append(
            _change(face_id, there.version if there else 0, record.label)
        )
    for number, ((name, kind), changes) in enumerate(by_annotator.items()):
        annotate(
            db,
            changes,
            annotator=name,
            annotator_kind=kind,
            op="import",
            client_op_id=f"{operation}-{number}",
        )


def _change(face_id: int, base_version: int, label: Label) -> Change:
    return Change(
        face_id=face_id,
        base_version=base_version,
        mask=label.mask,
        pose=label.pose,
        rejected=label.rejected,
        note=label.note,
    )
