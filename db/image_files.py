"""Picture files in the home folder, named by the SHA-256 of their bytes and written whole."""

from __future__ import annotations

import hashlib
import os
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
    file = file_of(data)
    write_file(home, file, data, durable=durable)
    return file


def file_of(data: bytes) -> StoredFile:
    """Where these bytes lie once they are kept."""
    sha256 = hashlib.sha256(data).hexdigest()
    return StoredFile(sha256, f"images/{sha256[:2]}/{sha256}{suffix_of(data)}")


def suffix_of(data: bytes) -> str:
    """The suffix that fits the bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in _SUFFIXES if data.startswith(magic)), ".bin")


def write_file(home: Home, file: StoredFile, data: bytes, *, durable: bool = True) -> bool:
    """Write a file that is either whole or not there; whether it was written: a file of the right
    size stays as it is."""
    path = home.root / file.path
    if path.is_file() and path.stat().st_size == len(data):
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as written:
            written.write(data)
            if durable:
                written.flush()
                os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return True
