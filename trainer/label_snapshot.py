"""The labels as they were when a run began: a file that a resumed run reads again.

People go on labelling while a run trains or waits to be resumed; the run keeps to what it began
with, so that it can be repeated.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.datasets import FaceSample, Reading
from core.faces import FaceBox, HeadPose, MaskLabel
from core.whole_files import write_whole
from db.database import connect
from db.export_rows import exported_faces
from db.migrations import open_home
from trainer.annotated_faces import is_home, read_annotated

SPLITS = ("train", "val", "test")
_FILE = "labels.jsonl"
_PICTURES = "pictures"


def is_snapshot(folder: Path) -> bool:
    """Whether ``folder`` holds the labels of a run."""
    return (folder / _FILE).is_file()


def take_snapshot(home: Path, folder: Path) -> None:
    """Write the labels of a home folder to ``folder``, unless that was done before."""
    if is_snapshot(folder):
        return
    rows = [
        _row(sample, home, split)
        for split in SPLITS
        for sample in read_annotated(home, split).samples
    ]
    header = {"home": str(home), _PICTURES: sorted(labelled_pictures(home))}
    text = "".join(json.dumps(row) + "\n" for row in (header, *rows))
    write_whole(folder / _FILE, text.encode())


def read_snapshot(folder: Path, split: str | None) -> Reading:
    """The labelled faces of one split, or of all."""
    first, *rows = map(json.loads, (folder / _FILE).read_text().splitlines())
    home = Path(first["home"])
    chosen = (row for row in rows if split is None or row["split"] == split)
    return Reading(tuple(_sample(row, home) for row in chosen), ())


def labelled_pictures(folder: Path) -> frozenset[str]:
    """SHA-256 of the pictures about whose faces somebody has said something, that they are none
    included; of a home folder, or of the labels of a run."""
    if is_home(folder):
        with connect(open_home(folder), read_only=True) as db:
            faces = exported_faces(db, None)
            return frozenset(face.record.sha256 for face in faces if face.record.sha256)
    first, *rows = map(json.loads, (folder / _FILE).read_text().splitlines())
    # a run that was begun by an older program knows the pictures of its faces only
    return frozenset(first.get(_PICTURES) or (Path(row["path"]).stem for row in rows))


def _row(sample: FaceSample, home: Path, split: str) -> dict[str, Any]:
    return {
        "name": sample.name,
        "split": split,
        "path": str(sample.image_path.relative_to(home)),
        "box": sample.box and _numbers(sample.box),
        "square": sample.crop_square and _numbers(sample.crop_square),
        "factor": sample.crop_factor,
        "mask": sample.mask,
        "pose": sample.pose and asdict(sample.pose),
        "source": sample.source,
        "group": sample.group,
        "attributes": dict(sample.attributes),
    }


def _sample(row: dict[str, Any], home: Path) -> FaceSample:
    return FaceSample(
        name=row["name"],
        split=row["split"],
        image_path=home / row["path"],
        box=FaceBox(*row["box"]) if row["box"] else None,
        crop_square=FaceBox(*row["square"]) if row["square"] else None,
        crop_factor=row["factor"],
        mask=MaskLabel(row["mask"]) if row["mask"] else None,
        pose=HeadPose(**row["pose"]) if row["pose"] else None,
        source=row["source"],
        group=row["group"],
        attributes=row["attributes"],
    )


def _numbers(box: FaceBox) -> list[float]:
    return [box.left_px, box.top_px, box.width_px, box.height_px]
