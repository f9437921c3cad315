"""A folder per class: pictures in ``masked/``, ``unmasked/``, ``incorrect/`` …

Beside the pictures of a class an exported ``faces.csv`` says which face each one is. The folder in
which a picture lies decides its label: moving pictures between folders is a way to relabel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from db.formats import csv_file
from db.labels import Label
from db.records import FaceRecord, Named, class_of, label_of_class, our_names

LISTING = "faces.csv"


def write(records: Iterable[FaceRecord], folder: Path) -> None:
    """A ``faces.csv`` in the folder of each class; the pictures are the exporter's."""
    with ExitStack() as stack:
        listings: dict[str, csv_file.Writer] = {}
        for record in records:
            name = class_of(record.label)
            if name not in listings:
                (folder / name).mkdir(parents=True, exist_ok=True)
                listings[name] = stack.enter_context(csv_file.writing(folder / name / LISTING))
            listings[name](record)


def is_class_folder(folder: Path, named: Named = our_names) -> bool:
    """Whether a folder is called like a class of ours, or as other data sets call it."""
    return folder.is_dir() and label_of_class(folder.name, named) is not None


def read(
    folder: Path, suffixes: frozenset[str], named: Named = our_names
) -> Iterator[FaceRecord | tuple[str, str]]:
    """A record for every picture, and for every listed face without one."""
    classes = sorted(path for path in folder.iterdir() if is_class_folder(path, named))
    listed: dict[str, tuple[FaceRecord, str]] = {}
    for path in classes:
        if (path / LISTING).is_file():
            for record in csv_file.read(path / LISTING):
                if isinstance(record, tuple):
                    yield f"{path.name}/{LISTING}, {record[0]}", record[1]
                else:
                    listed[Path(record.file).name] = record, path.name
    for path in classes:
        for picture in sorted(path.rglob("*")):
            if picture.suffix.lower() in suffixes:
                known, _ = listed.pop(picture.name, (FaceRecord(), ""))
                file = picture.relative_to(folder).as_posix()
                yield _classed(known, path.name, file, named)
    for record, name in listed.values():
        yield _classed(record, name, "", named)


def _classed(record: FaceRecord, class_name: str, file: str, named: Named) -> FaceRecord:
    detail = Label(pose=record.label.pose, note=record.label.note)
    label = label_of_class(class_name, named, detail)
    assert label is not None  # is_class_folder
    return replace(record, label=label, file=file)
