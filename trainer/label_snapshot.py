"""The labels as they were when a run began: a file that a resumed run reads again.

People go on labelling while a run trains or waits to be resumed; the run keeps to what it began
with, so that it can be repeated.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.datasets import FaceSample, Reading
from core.faces import FaceBox, HeadPose, MaskLabel
from core.whole_files import write_whole
from db.database import connect
from db.export_rows import exported_faces
from db.labels import Label
from db.migrations import open_home
from trainer.annotated_faces import is_home, read_annotated, split_of

SPLITS = ("train", "val", "test")
_FILE = "labels.jsonl"
_PICTURES, _COPIES = "pictures", "copies"


@dataclass(frozen=True)
class KnownPictures:
    """SHA-256 of the labelled pictures of a home folder, which other folders may hold, too.

    Of ``ours`` the app alone speaks: people have said something about a face in them, that it is
    none included, or they are held out. Of ``copies`` only an import has said something.
    """

    ours: frozenset[str] = frozenset()
    copies: frozenset[str] = frozenset()

    def __or__(self, other: KnownPictures) -> KnownPictures:
        ours = self.ours | other.ours
        return KnownPictures(ours, (self.copies | other.copies) - ours)


def is_snapshot(folder: Path) -> bool:
    """Whether ``folder`` holds the labels of a run. An export has a file of the same name."""
    if not (folder / _FILE).is_file():
        return False
    with (folder / _FILE).open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    try:
        header = json.loads(first)
    except ValueError:
        return False
    return isinstance(header, dict) and "home" in header


def is_labelled_here(folder: Path) -> bool:
    """Whether the labels in a folder are those of the app."""
    return is_home(folder) or is_snapshot(folder)


def take_snapshot(home: Path, folder: Path) -> None:
    """Write the labels of a home folder to ``folder``, unless that was done before."""
    if is_snapshot(folder):
        return
    rows = [
        _row(sample, home, split)
        for split in SPLITS
        for sample in read_annotated(home, split).samples
    ]
    known = known_pictures(home)
    header = {"home": str(home), _PICTURES: sorted(known.ours), _COPIES: sorted(known.copies)}
    text = "".join(json.dumps(row) + "\n" for row in (header, *rows))
    write_whole(folder / _FILE, text.encode())


def read_snapshot(folder: Path, split: str | None) -> Reading:
    """The labelled faces of one split, or of all."""
    first, *rows = map(json.loads, (folder / _FILE).read_text().splitlines())
    home = Path(first["home"])
    chosen = (row for row in rows if split is None or row["split"] == split)
    return Reading(tuple(_sample(row, home) for row in chosen), ())


def known_pictures(folder: Path) -> KnownPictures:
    """Those of a home folder, or of the labels of a run."""
    if is_home(folder):
        return _known_to(folder)
    with (folder / _FILE).open() as file:
        header = json.loads(file.readline())
    # a run that was begun by an older program goes on with the faces that it began with
    return KnownPictures(*(frozenset(header.get(name, ())) for name in (_PICTURES, _COPIES)))


def _known_to(home: Path) -> KnownPictures:
    ours, copies = set(), set()
    with connect(open_home(home), read_only=True) as db:
        for face in exported_faces(db, None):
            record, label = face.record, face.record.label
            is_said = record.annotator_kind == "person" and label != Label(note=label.note)
            if is_said or split_of(face) != "train":
                ours.add(record.sha256)
            elif label.mask or label.pose:
                copies.add(record.sha256)
    return KnownPictures(frozenset(filter(None, ours)), frozenset(filter(None, copies - ours)))


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
