"""Photos and labels into the studio from a page: a folder of this machine, or an uploaded file.

Afterwards the models are asked about the new faces, so that the queue can order them by doubt.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from core.datasets.mask_labels import find_mask_label
from core.images import IMAGE_SUFFIXES
from db.errors import StudioError
from ui import face_jobs
from ui.data_jobs import Progress
from ui.studio import Studio

#: An uploaded archive may hold so much when unpacked, and so many files.
MAX_UNPACKED_BYTES = 4 << 30
MAX_UNPACKED_FILES = 200_000


class Upload(NamedTuple):
    """A file from a browser; ``data`` is read once, from the beginning."""

    name: str
    data: BinaryIO


class UploadRefused(StudioError):
    "An uploaded archive that cannot be unpacked safely"


def start_folder_import(
    studio: Studio, path: str, *, source: str | None = None, ask: bool = True
) -> None:
    """Take in a folder or file of this machine, beside the pages. Raises StudioError."""
    place = Path(path).expanduser()
    if not path.strip() or not place.exists():
        raise StudioError(f"{path or 'an empty path'} does not exist on the server: check the path")
    studio.jobs.start(
        f"Import of {place.name}",
        partial(_import_and_ask, studio, place, source or None, ask),
    )


def start_upload_import(
    studio: Studio,
    uploads: Sequence[Upload],
    *,
    source: str | None = None,
    ask: bool = True,
) -> None:
    """Take in uploaded photos, label files or one archive, beside the pages. Raises StudioError."""
    folder = Path(tempfile.mkdtemp(dir=studio.home.root, prefix="upload-"))
    try:
        place = _unpack(uploads, folder)
        studio.jobs.start(
            f"Import of {uploads[0].name}",
            partial(_import_upload, studio, folder, place, source or place.stem, ask),
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def ask_models(studio: Studio) -> str:
    """Queue a job in which the serving models look at all faces that they have not seen.

    Returns one line about it. Raises StudioError where the same job is at work already.
    """
    models = [model.name for model in studio.models.models if model.state == "ready"]
    if not models:
        raise StudioError(f"no model can be asked. {studio.models.status()}")
    device, *_ = face_jobs.device_names()
    run = face_jobs.let_answer(studio, models, device, labelled_only=False)
    return f"Run {run.id} asks {len(models)} models about the faces they have not seen."


def _import_upload(
    studio: Studio, folder: Path, place: Path, source: str, ask: bool, progress: Progress
) -> str:
    try:
        return _import_and_ask(studio, place, source, ask, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import_and_ask(
    studio: Studio, place: Path, source: str | None, ask: bool, progress: Progress
) -> str:
    from core.detector import FaceDetector
    from trainer.dataset_import import count_entries, import_path

    progress(0, None, "counting")
    total = count_entries(place)
    report = import_path(
        studio.home,
        place,
        source=source,
        detect=FaceDetector().detect,
        progress=lambda done: progress(done, total, "reading entries"),
    )
    return f"{report.text()}\n{_asked(studio)}" if ask else report.text()


def _asked(studio: Studio) -> str:
    try:
        return ask_models(studio)
    except StudioError as error:
        return str(error)  # the import is done all the same


def _unpack(uploads: Sequence[Upload], folder: Path) -> Path:
    """The uploads as files in ``folder``; returns the file or folder to import."""
    place = folder / (PurePosixPath(uploads[0].name).stem or "upload")
    place.mkdir()
    for upload in uploads:
        if upload.name.lower().endswith(".zip"):
            _extract(upload, place)
        else:
            with (place / _plain_name(upload.name)).open("xb") as file:
                shutil.copyfileobj(upload.data, file)
    return _innermost(place)


def _extract(upload: Upload, folder: Path) -> None:
    """Unpack an archive into ``folder`` and nowhere else."""
    try:
        with zipfile.ZipFile(upload.data) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _refuse_bombs(upload.name, members)
            for member in members:
                if not member.filename.startswith("__MACOSX/"):
                    archive.extract(member, folder)  # which keeps names inside the folder
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UploadRefused(f"{upload.name} cannot be unpacked ({error}): zip it again") from None


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
        return folder if _is_class_folder(only) else _innermost(only)
    return only if only.suffix.lower() not in IMAGE_SUFFIXES else folder


def _is_class_folder(folder: Path) -> bool:
    return find_mask_label(folder.name) is not None


def _plain_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name or "upload"
