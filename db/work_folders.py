"""Folders for work under way: an upload that is imported, an archive that is written or unpacked.

They lie in the home folder, as the pictures do. Who works in one holds a lock on it, which the
kernel gives back when the program dies: what was left behind is known by being free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from db.home import Home

Purpose = Literal["upload", "download", "backup", "restore"]


class WorkFolder:
    """A new folder at ``path``, until ``remove`` or the end of the ``with`` block."""

    def __init__(self, home: Home, purpose: Purpose) -> None:
        with _one_at_a_time(home):
            self.path = Path(tempfile.mkdtemp(dir=home.work_dir, prefix=f"{purpose}-"))
            self._lock = _lock(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        self.remove()

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_left_behind(home: Home) -> threading.Thread:
    """Delete, beside what starts, the folders in which nobody works any more."""
    thread = threading.Thread(target=_remove_free, args=(home,), name="left-behind", daemon=True)
    thread.start()
    return thread


def _remove_free(home: Home) -> None:
    with _one_at_a_time(home):
        folders = [path for name in get_args(Purpose) for path in home.work_dir.glob(f"{name}-*")]
        locks = {folder: _lock(folder) for folder in folders}
    for folder, lock in locks.items():
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


@contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    """So that a folder is locked before anybody can take it for one that was left behind."""
    home.work_dir.mkdir(mode=0o700, exist_ok=True)
    lock = _lock(home.work_dir, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: Path, *, wait: bool = False) -> int | None:
    """The descriptor that holds the folder; None: somebody else does, or nobody can here."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
