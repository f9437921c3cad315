"""MATLAB 5 label files, read with limits: they come from outside.

``scipy.io.loadmat`` alone would inflate a small file to gigabytes, so each compressed variable is
inflated here first, only as far as the limit. Nothing is ever unpickled.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy.io

from core.datasets.sample import UnusableEntryError

#: Largest file and largest inflated content. MAFA's 25,876 training images take about 10 MB.
MAX_FILE_BYTES = 32 * 2**20
MAX_INFLATED_BYTES = 128 * 2**20

_HEADER_BYTES = 128
_COMPRESSED = 15  # miCOMPRESSED, MAT-File Format, table 1-1


def load_mat(path: Path, variables: Sequence[str]) -> dict[str, np.ndarray]:
    """The named variables; all of them, else ``UnusableEntryError`` with the reason."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnusableEntryError("label file cannot be read", str(error.strerror)) from None
    if len(data) > MAX_FILE_BYTES:
        raise UnusableEntryError("label file is too large", f"more than {MAX_FILE_BYTES:,} bytes")
    try:
        flat = data[:_HEADER_BYTES] + b"".join(_inflated_elements(data))
        content = scipy.io.loadmat(io.BytesIO(flat), variable_names=list(variables))
    except UnusableEntryError:
        raise
    except Exception as error:
        # loadmat raises nearly anything on damaged bytes; each means the same to the caller.
        raise UnusableEntryError(
            "label file is damaged", f"{path.name}: {type(error).__name__}"
        ) from None
    missing = [name for name in variables if name not in content]
    if missing:
        raise UnusableEntryError("label file lacks a variable", f"{path.name}: {missing[0]}")
    return {name: content[name] for name in variables}


def _inflated_elements(data: bytes) -> Iterator[bytes]:
    """The variables of a file, uncompressed, in total at most ``MAX_INFLATED_BYTES``."""
    if len(data) < _HEADER_BYTES or data[126:128] not in (b"IM", b"MI"):
        raise UnusableEntryError("label file is no MATLAB 5 file")
    order = "<" if data[126:128] == b"IM" else ">"
    room = MAX_INFLATED_BYTES
    position = _HEADER_BYTES
    while position + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        element = data[position : position + 8 + size]
        if kind == _COMPRESSED:
            element = zlib.decompressobj().decompress(element[8:], room + 1)
        room -= len(element)
        if room < 0:
            raise UnusableEntryError("label file is too large", "when inflated")
        yield element
        position += 8 + size
