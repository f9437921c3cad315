"""Folders for work under way: an upload that is imported, an export that waits for its download.

They lie in the home folder, as the pictures do. Who works in one holds a lock on it, which the
kernel gives back when the program dies: what was left behind is known by being free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from db.home import Home

Purpose = Literal["upload", "download"]


class WorkFolder:
    """A new folder at ``path``, until ``remove``."""

    def __init__(self, home: Home, purpose: Purpose) -> None:
        self.path = Path(tempfile.mkdtemp(dir=home.root, prefix=f"{purpose}-"))
        self._lock = _lock(self.path)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_left_behind(home: Home) -> threading.Thread:
    """Delete, beside what starts, the folders in which nobody works any more."""
    folders = [*home.root.glob("upload-*"), *home.root.glob("download-*")]
    thread = threading.Thread(target=_remove_free, args=(folders,), name="left-behind", daemon=True)
    thread.start()
    return thread


def _remove_free(folders: Iterable[Path]) -> None:
    for folder in folders:
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """The descriptor that holds the folder; None: somebody else does, or nobody can here."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
