"""Labels, pictures and backups as one file to download."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from db.backup import back_up
from db.export import ExportFormat
from db.work_folders import WorkFolder
from trainer.dataset_export import export_path
from ui.api.filters import FilterText, read_filter
from ui.api.problems import ServerBusy
from ui.studio import Studio

#: What a single file of a format is called; formats that are not here are always folders.
_SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "coco": ".json"}


def add_routes(router: APIRouter, studio: Studio) -> None:
    one_at_a_time = threading.Lock()

    @router.get("/export", tags=["data"], response_class=FileResponse)
    def export(
        format: ExportFormat = "csv",
        images: Annotated[bool, Query(description="with the pictures, in a zip")] = False,
        filter: FilterText | None = None,
    ) -> FileResponse:
        """Labels as a file, or as a zip of a folder. Without a filter: all that have a label."""
        faces = None if filter is None else read_filter(filter)
        name = f"maskpose-{format}-{_now()}"

        def write(folder: Path) -> Path:
            if not images and format in _SUFFIXES:
                target = folder / f"{name}{_SUFFIXES[format]}"
                export_path(studio.home, target, format=format, filter=faces)
                return target
            target = folder / name
            export_path(studio.home, target, format=format, images=images, filter=faces)
            return Path(shutil.make_archive(str(target), "zip", folder, name))

        return _download(studio, one_at_a_time, write)

    @router.get("/backup", tags=["data"], response_class=FileResponse)
    def backup(
        pictures: Annotated[bool, Query(description="with pictures and checkpoints")] = False,
    ) -> FileResponse:
        """The database, or with everything that belongs to it, for ``launch.py restore``."""
        name = f"maskpose-{_now()}{'.tar' if pictures else '.db'}"
        return _download(
            studio, one_at_a_time, lambda folder: back_up(studio.home, folder / name).path
        )


def _download(
    studio: Studio, one_at_a_time: threading.Lock, write: Callable[[Path], Path]
) -> FileResponse:
    """What ``write`` makes in a folder that is gone after the download."""
    with _turn(one_at_a_time):
        folder = WorkFolder(studio.home, "download")
        try:
            file = write(folder.path)
        except BaseException:
            folder.remove()
            raise
    return FileResponse(file, filename=file.name, background=BackgroundTask(folder.remove))


@contextmanager
def _turn(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(blocking=False):
        raise ServerBusy("another export or backup is being written; try again in a moment")
    try:
        yield
    finally:
        lock.release()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
