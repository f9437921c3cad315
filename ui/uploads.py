"""Files from a browser as files of a folder: photos, label files, archives, whatever they hold."""

from __future__ import annotations

import lzma
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from core.datasets.biwi import holds_biwi
from core.datasets.mask_labels import find_mask_label
from core.images import IMAGE_SUFFIXES
from db.errors import StudioError

#: An uploaded archive may hold so much when unpacked, and so many files.
MAX_UNPACKED_BYTES = 4 << 30
MAX_UNPACKED_FILES = 200_000

#: What a list of labels is called in a folder, so that it is found beside its photos.
_LABEL_FILES = {".csv": "labels.csv", ".jsonl": "labels.jsonl", ".json": "coco.json"}
#: What damaged, locked or too large archives raise.
_NOT_UNPACKED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OSError),
)


class Upload(NamedTuple):
    """A file from a browser; ``data`` is read once, from the beginning."""

    name: str
    data: BinaryIO

    @property
    def plain_name(self) -> str:
        return PurePosixPath(self.name.replace("\\", "/")).name or "upload"

    @property
    def stem(self) -> str:
        return Path(self.plain_name).stem

    @property
    def suffix(self) -> str:
        return Path(self.plain_name).suffix.lower()


class UploadRefused(StudioError):
    "An upload that cannot be made into files to import"


class Place(NamedTuple):
    """A file or folder to import, and what to call where it comes from (None: its name)."""

    path: Path
    source: str | None


def unpack(uploads: Sequence[Upload], folder: Path) -> list[Place]:
    """The uploads as files in ``folder``: the places to import. Raises UploadRefused.

    Each of several archives is a place by itself, for what is called alike in them is not the
    same; what is loose belongs to a single archive, as its labels do.
    """
    if not uploads:
        raise UploadRefused("no file was chosen: choose photos, a label file or a zip first")
    archives = [upload for upload in uploads if upload.suffix == ".zip"]
    loose = [upload for upload in uploads if upload.suffix != ".zip"]
    groups = [[*archives, *loose]] if len(archives) < 2 else [*([one] for one in archives), loose]
    try:
        return [
            _unpack_together(group, folder / str(number))
            for number, group in enumerate(filter(None, groups), 1)
        ]
    except OSError as error:
        raise UploadRefused(f"the upload cannot be kept ({error.strerror or error})") from None


def _unpack_together(uploads: Sequence[Upload], parent: Path) -> Place:
    name = uploads[0].stem
    folder = parent / name
    folder.mkdir(parents=True)
    has_labels = any(upload.suffix in (*_LABEL_FILES, ".xml") for upload in uploads)
    for upload in uploads:
        if upload.suffix == ".zip":
            _extract(upload, folder)
            continue
        with _free_path(folder, upload, may_rename=not has_labels).open("xb") as file:
            shutil.copyfileobj(upload.data, file)
    return Place(_innermost(folder), name)


def _free_path(folder: Path, upload: Upload, *, may_rename: bool) -> Path:
    """Where to write a file: two of one name are both kept, unless labels call them by it."""
    if upload.suffix in _LABEL_FILES:
        if any((folder / name).exists() for name in _LABEL_FILES.values()):
            raise UploadRefused(f"{upload.name} is a second list of labels: upload one at a time")
        return folder / _LABEL_FILES[upload.suffix]
    path = folder / upload.plain_name
    numbers = count(2)
    while path.exists():
        if not may_rename:
            raise UploadRefused(
                f"two files are called {upload.plain_name}, and the labels cannot say which they "
                "mean: upload each folder as a zip"
            )
        path = folder / f"{upload.stem}-{next(numbers)}{upload.suffix}"
    return path


def _extract(upload: Upload, folder: Path) -> None:
    """Unpack an archive into ``folder`` and nowhere else."""
    try:
        with zipfile.ZipFile(upload.data) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _refuse_bombs(upload.name, members)
            for member in members:
                if not member.filename.startswith("__MACOSX/"):
                    archive.extract(member, folder)  # which keeps names inside the folder
    except UploadRefused:
        raise
    except _NOT_UNPACKED as error:
        raise UploadRefused(
            f"{upload.name} cannot be unpacked ({error}): zip it again, or copy the folder to the "
            "server and give its path"
        ) from None


def _refuse_bombs(name: str, members: Sequence[zipfile.ZipInfo]) -> None:
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_UNPACKED_FILES:
        raise UploadRefused(
            f"{name} holds {len(members):,} files of {size >> 20:,} MiB: at most "
            f"{MAX_UNPACKED_FILES:,} files of {MAX_UNPACKED_BYTES >> 20:,} MiB are unpacked; copy "
            "the folder to the server and give its path"
        )


def _innermost(folder: Path) -> Path:
    """Past folders that hold nothing but one entry, as archives of a folder have them.

    A single picture in a folder is imported as the folder: a class folder's name says its label.
    """
    entries = list(folder.iterdir())
    if len(entries) != 1:
        return folder
    (only,) = entries
    if only.is_dir():
        named = find_mask_label(only.name) is not None or holds_biwi(folder)
        return folder if named else _innermost(only)
    return only if only.suffix.lower() not in IMAGE_SUFFIXES else folder
