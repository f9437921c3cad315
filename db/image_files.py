"""Picture files in the home folder, named by the SHA-256 of their bytes and written whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from db.home import Home

_SUFFIXES = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"BM", ".bmp"),
    (b"GIF8", ".gif"),
    (b"II*\x00", ".tif"),
    (b"MM\x00*", ".tif"),
)


class StoredFile(NamedTuple):
    """Where some bytes lie, relative to the home folder."""

    sha256: str
    path: str


def store_file(home: Home, data: bytes, *, durable: bool = True) -> StoredFile:
    """Keep bytes as a file of the home folder; the name of an upload has no say in where."""
    file = _file_of(data)
    _write_once(home.root / file.path, data, durable=durable)
    return file


def is_stored(home: Home, data: bytes) -> bool:
    """Whether the file of these bytes is there, whole."""
    return _is_whole(home.root / _file_of(data).path, data)


def _file_of(data: bytes) -> StoredFile:
    sha256 = hashlib.sha256(data).hexdigest()
    return StoredFile(sha256, f"images/{sha256[:2]}/{sha256}{suffix_of(data)}")


def _is_whole(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data)


def suffix_of(data: bytes) -> str:
    """The suffix that fits the bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in _SUFFIXES if data.startswith(magic)), ".bin")


def _write_once(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file that is either whole or not there; a file of the right size stays as it is."""
    if _is_whole(path, data):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
