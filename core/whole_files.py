"""Files that are whole whenever somebody looks, after a power failure as well; their digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(partial: Path, path: Path) -> None:
    """``partial`` becomes ``path``. Its content reaches the disk first: else the new name could
    outlive a power failure that the content does not."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.urandom(8).hex()}.partial")  # threads may write one file
    try:
        partial.write_bytes(data)
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)
