"""Photos and labels into the studio from a page: a folder of this machine, or an uploaded file.

Afterwards the models are asked about the new faces, so that the queue can order them by doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from db.errors import StudioError
from db.work_folders import WorkFolder
from ui import face_jobs
from ui.data_jobs import Progress
from ui.studio import Studio
from ui.uploads import Place, Upload, unpack


def start_folder_import(
    studio: Studio,
    path: str,
    *,
    source: str | None = None,
    format: str | None = None,
    ask: bool = True,
) -> None:
    """Take in a folder or file of this machine, beside the pages. Raises StudioError.

    ``format`` (of ``trainer.dataset_import.IMPORT_FORMATS``) is found out unless given.
    """
    place = Path(path).expanduser()
    if not path.strip() or not place.exists():
        raise StudioError(f"{path or 'an empty path'} does not exist on the server: check the path")
    studio.jobs.start(
        f"Import of {place.name}",
        partial(_import_and_ask, studio, [Place(place, source or None)], format, ask),
    )


def start_upload_import(
    studio: Studio,
    uploads: Sequence[Upload],
    *,
    source: str | None = None,
    format: str | None = None,
    ask: bool = True,
) -> None:
    """Take in uploaded photos, label files or archives, beside the pages. Raises StudioError."""
    folder = WorkFolder(studio.home, "upload")
    try:
        places = [Place(path, source or name) for path, name in unpack(uploads, folder.path)]
        studio.jobs.start(
            f"Import of {uploads[0].name}{' and others' if len(uploads) > 1 else ''}",
            partial(_import_upload, studio, folder, places, format, ask),
        )
    except BaseException:
        folder.remove()
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
    studio: Studio,
    folder: WorkFolder,
    places: Sequence[Place],
    format: str | None,
    ask: bool,
    progress: Progress,
) -> str:
    try:
        return _import_and_ask(studio, places, format, ask, progress)
    finally:
        folder.remove()


def _import_and_ask(
    studio: Studio, places: Sequence[Place], format: str | None, ask: bool, progress: Progress
) -> str:
    from core.detector import FaceDetector
    from trainer.dataset_import import count_entries, import_path

    progress(0, None, "counting")
    counts = [count_entries(place.path, format=format) for place in places]
    detect = FaceDetector().detect
    reports = []
    for number, (path, source) in enumerate(places):
        report = import_path(
            studio.home,
            path,
            format=format,
            source=source,
            detect=detect,
            progress=partial(_tell, progress, sum(counts[:number]), sum(counts)),
        )
        reports += [f"{source}:", report.text()] if len(places) > 1 else [report.text()]
    return "\n".join([*reports, _asked(studio)] if ask else reports)


def _tell(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total, "reading entries")


def _asked(studio: Studio) -> str:
    try:
        return ask_models(studio)
    except StudioError as error:
        return str(error)  # the import is done all the same
