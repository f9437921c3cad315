"""Labels out: CSV, JSON lines, COCO, PASCAL VOC or a folder per class, with or without pictures."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from sqlite_utils import Database

from core.faces import FaceBox
from db.database import connect, snapshot
from db.errors import StudioError
from db.export_rows import ExportedFace, exported_faces
from db.filters import FaceFilter
from db.formats import class_folders, coco, csv_file, jsonl_file, voc
from db.home import Home
from db.image_files import suffix_of
from db.records import FaceRecord, class_of

ExportFormat = Literal["csv", "jsonl", "coco", "voc", "folders"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
_BY_SUFFIX: dict[str, ExportFormat] = {".csv": "csv", ".jsonl": "jsonl", ".json": "coco"}

#: Cuts a face out of the bytes of a picture and returns those of the crop.
Cut = Callable[[bytes, FaceBox], bytes]


class ExportRefused(StudioError):
    "The target is taken or does not fit the format"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written. ``missing`` names pictures whose file is gone; their labels are there."""

    target: Path
    faces: int
    pictures: int
    missing: tuple[str, ...]

    def text(self) -> str:
        lines = [f"{self.faces:,} faces, {self.pictures:,} pictures written to {self.target}"]
        lines += [
            f"  the file of {name} is gone: only its labels were written" for name in self.missing
        ]
        return "\n".join(lines)


def export_faces(
    home: Home,
    target: Path,
    *,
    format: ExportFormat | None = None,
    images: bool = False,
    filter: FaceFilter | None = None,
    cut: Cut | None = None,
) -> ExportReport:
    """Write the faces to a new file, or to a new folder (with ``images``, VOC, a folder per class).

    Without a filter: every face about which somebody said something. All of it is of one moment,
    others may write meanwhile. The target appears when it is complete and is never overwritten.
    ``cut`` makes the pictures of a folder per class crops of the faces; else they are whole.
    """
    format = format or _BY_SUFFIX.get(target.suffix.lower())
    if format is None:
        raise ExportRefused(
            f"{target} does not say a format: choose of {', '.join(EXPORT_FORMATS)}"
        )
    if target.exists():
        raise ExportRefused(f"{target} is there already: choose a new name or remove it")
    if not target.parent.is_dir():
        raise ExportRefused(f"{target.parent} is no folder: create it first")
    part = target.with_name(f"{target.name}.part")
    _remove(part)
    try:
        with connect(home, read_only=True) as db, snapshot(db):
            job = _Job(db, home, part, format, filter, cut if format == "folders" else None)
            job.write(images=images)
        part.rename(target)
    except BaseException:
        _remove(part)
        raise
    return ExportReport(
        target=target, faces=job.faces, pictures=job.pictures, missing=tuple(job.missing)
    )


class _Job:
    """One export under way: streams the rows, copies each picture once, and counts."""

    def __init__(
        self,
        db: Database,
        home: Home,
        part: Path,
        format: ExportFormat,
        filter: FaceFilter | None,
        cut: Cut | None,
    ) -> None:
        self.db, self.home, self.part = db, home, part
        self.format, self.filter, self.cut = format, filter, cut
        self.faces = self.pictures = 0
        self.missing: list[str] = []

    def write(self, *, images: bool) -> None:
        is_folder = images or self.format in ("voc", "folders")
        if is_folder:
            self.part.mkdir()
        if self.format == "folders":
            class_folders.write(self._class_records(images), self.part)
        elif self.format == "voc":
            voc.write(self._records(images), self.part / "annotations")
        elif self.format == "coco":
            passes = iter((images, False))  # COCO reads the rows twice: copy the pictures once
            path = self.part / "coco.json" if is_folder else self.part
            coco.write(lambda: self._records(next(passes)), path)
            self.faces //= 2
        else:
            module = csv_file if self.format == "csv" else jsonl_file
            path = self.part / f"labels{module.SUFFIX}" if is_folder else self.part
            module.write(self._records(images), path)

    def _records(self, images: bool) -> Iterator[FaceRecord]:
        """The records; the pictures go to ``images/``."""
        last = ""
        for face in exported_faces(self.db, self.filter):
            self.faces += 1
            file = f"images/{_file_name(face)}"
            if images and face.image_path != last:
                self._copy(face, self.part / file)
                last = face.image_path
            yield replace(face.record, file=file)

    def _class_records(self, images: bool) -> Iterator[FaceRecord]:
        """The records; the picture of each face goes to the folder of its class."""
        for face in exported_faces(self.db, self.filter):
            self.faces += 1
            name = PurePosixPath(_file_name(face))
            file = f"{class_of(face.record.label)}/{name.stem}-{face.face_id}{name.suffix}"
            if images:
                file = self._copy(face, self.part / file)
            yield replace(face.record, file=file)

    def _copy(self, face: ExportedFace, target: Path) -> str:
        """Copy the picture, or the cut face; returns the path relative to the export."""
        target.parent.mkdir(exist_ok=True)
        try:
            if self.cut is None:
                shutil.copyfile(self.home.root / face.image_path, target)
            else:
                assert face.record.box is not None  # every stored face has one
                crop = self.cut((self.home.root / face.image_path).read_bytes(), face.record.box)
                target = target.with_suffix(suffix_of(crop))
                target.write_bytes(crop)
            self.pictures += 1
        except FileNotFoundError:
            self.missing.append(face.record.name)
        return target.relative_to(self.part).as_posix()


def _file_name(face: ExportedFace) -> str:
    """A name that people recognise and no name can misuse: letters, digits, ``_``, ``-``."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePosixPath(face.record.name).stem)[:60].strip("_-")
    suffix = PurePosixPath(face.image_path).suffix
    return f"{stem or 'picture'}-{(face.record.sha256 or '')[:16]}{suffix}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
