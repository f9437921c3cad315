"""Pictures and labels of any known format into the database: finds out the format, opens files."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from core.datasets import DATASET_KINDS, FaceSample, read_dataset, recognise_dataset
from core.datasets.image_folder import SPLIT_FOLDERS
from core.datasets.mask_labels import find_mask_label
from core.datasets.sample import require_labelled_size
from core.datasets.w300lp import named_by_pose
from core.detector import face_box_around
from core.faces import FaceBox
from core.images import IMAGE_SUFFIXES, MAX_FILE_BYTES, ImageError, decode_image, read_image
from db.formats import class_folders, coco, csv_file, jsonl_file, voc
from db.home import Home
from db.image_files import file_of, write_file
from db.import_rows import Picture
from db.imports import Entry, ImportReport, import_records
from db.labels import Label
from db.records import FaceRecord, FormatError

#: Formats of this program and of labelling tools; then the published data sets.
OWN_FORMATS = ("csv", "jsonl", "coco", "voc", "folders", "photos")
IMPORT_FORMATS = (*OWN_FORMATS, *(kind for kind in DATASET_KINDS if kind not in OWN_FORMATS))

#: Finds faces in photos that come without boxes; and what to call it in the database.
Detect = Callable[..., list[FaceBox]]


def import_path(
    home: Home,
    path: Path,
    *,
    format: str | None = None,
    split: str | None = None,
    source: str | None = None,
    detect: Detect | None = None,
    detector: str = "centerface",
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take in a file or folder; what is known already is recognised, labels here are kept.

    ``format`` None is found out; ``split`` picks one split of a published data set; ``source``
    names where it comes from (the name of the file or folder); ``detect`` finds the faces in
    photos. Interrupted, it goes on where it stopped when called again, unless the files before
    that place are others now.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        raise FormatError(f"{path} does not exist: check the path")
    format = format or find_format(path)
    root = path if path.is_dir() else path.parent
    reader = _PictureReader(home, root, detect, detector)
    return import_records(
        home,
        _entries(path, format, split),
        path=str(path),
        format=format if split is None else f"{format}/{split}",
        source=source or path.stem or path.name,
        read_picture=reader,
        file_state=reader.file_state,
        progress=progress,
    )


def count_entries(path: Path, *, format: str | None = None, split: str | None = None) -> int:
    """How many entries ``import_path`` will go through, for showing how far it is."""
    path = path.expanduser().resolve()
    return sum(1 for _ in _entries(path, format or find_format(path), split))


def find_format(path: Path) -> str:
    """The format of a file or folder, by what is there; FormatError lists what could be."""
    by_suffix = {".csv": "csv", ".jsonl": "jsonl", ".json": "coco", ".xml": "voc"}
    if path.is_file():
        if path.suffix.lower() in by_suffix:
            return by_suffix[path.suffix.lower()]
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return "photos"
        raise FormatError(
            f"{path.name} is of no known format: choose of {', '.join(IMPORT_FORMATS)}"
        )
    published = recognise_dataset(path)
    if published:
        return published
    for name, format in (("labels.csv", "csv"), ("labels.jsonl", "jsonl"), ("coco.json", "coco")):
        if (path / name).is_file():
            return format
    if any(class_folders.is_class_folder(folder, find_mask_label) for folder in path.iterdir()):
        return "folders"
    if next(path.rglob("*.xml"), None):
        return "voc"
    if any(
        class_folders.is_class_folder(folder, find_mask_label)
        for folder in path.glob("*/*")
        if folder.parent.name.lower() in SPLIT_FOLDERS
    ):
        return "folder"
    pictures = [file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES]
    if pictures:
        return "300w-lpa" if named_by_pose(pictures) else "photos"
    raise FormatError(f"nothing to import in {path}: expected one of {', '.join(IMPORT_FORMATS)}")


def _entries(path: Path, format: str, split: str | None) -> Iterator[Entry]:
    """The records of a file or folder, always in the same order."""
    if format == "csv":
        yield from csv_file.read(path / "labels.csv" if path.is_dir() else path)
    elif format == "jsonl":
        yield from jsonl_file.read(path / "labels.jsonl" if path.is_dir() else path)
    elif format == "coco":
        yield from coco.read(path / "coco.json" if path.is_dir() else path, find_mask_label)
    elif format == "voc":
        yield from voc.read(path, find_mask_label)
    elif format == "folders":
        yield from class_folders.read(path, IMAGE_SUFFIXES, find_mask_label)
    elif format == "photos":
        yield from _photos(path)
    elif format in DATASET_KINDS:
        yield from _published_records(path, format, split)
    else:
        raise FormatError(f"no format is called {format!r}: choose of {', '.join(IMPORT_FORMATS)}")


def _photos(path: Path) -> Iterator[Entry]:
    """Photos of one of several sub-folders share an origin: what was taken together looks alike."""
    if path.is_file():
        yield FaceRecord(file=path.name, name=path.name)
        return
    files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in IMAGE_SUFFIXES]
    are_sorted = _are_sorted(files)
    for file in files:
        album = file.parent.relative_to(path.parent).as_posix()
        yield FaceRecord(
            file=file.relative_to(path).as_posix(),
            name=file.name,
            origin=album if are_sorted and file.parent != path else None,
        )


def _are_sorted(files: Sequence[Path]) -> bool:
    """Whether folders divide the files, so that no folder holds more than half of them.

    A folder of nearly all, beside a stray cover picture, tells none from another: as one origin
    they would all be held out, or none.
    """
    folders = Counter(file.parent for file in files)
    return 2 * max(folders.values(), default=0) <= len(files)


def _published_records(path: Path, kind: str, split: str | None) -> Iterator[Entry]:
    reading = read_dataset(kind, path, split)
    for skipped in reading.skipped:
        yield str(skipped), skipped.reason
    for sample in reading.samples:
        yield _record(sample, path)


def _record(sample: FaceSample, root: Path) -> FaceRecord:
    width_px, height_px = map(int, sample.picture_size_px or (0, 0))
    return FaceRecord(
        file=sample.image_path.relative_to(root).as_posix(),
        name=sample.image_path.name,
        width_px=width_px,
        height_px=height_px,
        box=_box(sample),
        label=Label(mask=sample.mask, pose=sample.pose),
        source=sample.source,
        # What a set calls its evaluation split is a test split here.
        split={"eval": "test"}.get(sample.split or "", sample.split),
        origin=sample.group,
        lower_face_occluded=sample.lower_face_occluded,
    )


def _box(sample: FaceSample) -> FaceBox | None:
    """Where the face is; None: it fills the picture, in an unknown geometry.

    Crops cut around landmarks get the box that the detector would draw, so that the app cuts the
    same crop out of them again.
    """
    if sample.box or sample.crop_factor is None:
        return sample.box
    square = sample.crop_square
    if square is None:
        try:
            height_px, width_px = read_image(sample.image_path).shape[:2]
        except (ImageError, OSError):
            return None  # the import reports it when it opens the picture
        square = FaceBox(0, 0, width_px, height_px)
    return face_box_around(square.square(1 / sample.crop_factor))


def _require_labelled_size(record: FaceRecord, width_px: int, height_px: int, sha256: str) -> None:
    """Raises ``ImageError`` where the box was drawn in a picture of another size than this file.

    A size that is not positive is unknown. Where the label names another picture by its SHA-256,
    as that of an exported crop does, the size is of that picture, too.
    """
    if record.box is None or record.sha256 not in (None, sha256):
        return
    sides = (record.width_px, record.height_px)
    if all(isinstance(side, int | float) and side > 0 for side in sides):
        labelled_px = cast(tuple[float, float], sides)
        require_labelled_size(record.file, labelled_px, width_px, height_px)


class _PictureReader:
    """Opens the picture of a record; several records of one picture open it once."""

    def __init__(self, home: Home, root: Path, detect: Detect | None, detector: str) -> None:
        self._home, self._root = home, root
        self._detect, self._detector = detect, detector
        self._last: tuple[str, Picture] | None = None

    def __call__(self, record: FaceRecord) -> Picture:
        if self._last is None or self._last[0] != record.file:
            self._last = (record.file, self._open(record))
        picture = self._last[1]
        _require_labelled_size(record, picture.width_px, picture.height_px, picture.file.sha256)
        return picture

    def file_state(self, record: FaceRecord) -> tuple[int, int] | None:
        """Size and time of the file, by which it is taken for the same; None: there is none."""
        try:
            stat = self._inside(record.file).stat()
        except (ValueError, OSError):
            return None
        return stat.st_size, stat.st_mtime_ns

    def _open(self, record: FaceRecord) -> Picture:
        path = self._inside(record.file)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ImageError(f"{record.file} is larger than {MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
        image_rgb = decode_image(data, record.file)
        height_px, width_px = image_rgb.shape[:2]
        file = file_of(data)
        # Before the file is kept: what no face came of is not to lie in the home folder.
        _require_labelled_size(record, width_px, height_px, file.sha256)
        faces: list[FaceBox] = []
        if self._detect and record.box is None and record.label == Label():
            faces = self._detect(image_rgb)
        return Picture(
            file=file,
            width_px=width_px,
            height_px=height_px,
            faces=tuple(faces),
            detector=self._detector,
            is_new_file=write_file(self._home, file, data, durable=False),
        )

    def _inside(self, file: str) -> Path:
        """The path of a file that a label names, which must lie in the imported folder."""
        for place in (self._root, self._root / "images", self._root / "JPEGImages"):
            path = Path(os.path.realpath(place / file))  # which no loop of links can stop
            if not path.is_relative_to(self._root):
                raise ValueError(f"{json.dumps(file)} leads out of the imported folder")
            if path.is_file():
                return path
        raise FileNotFoundError(f"{file} is not in the folder")
