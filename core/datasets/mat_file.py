"""MATLAB 5 label files, read with limits: they come from outside.

``scipy.io.loadmat`` alone would inflate a small file to gigabytes, and recurses in C until the
process dies (a crash at 100,000 nested cells, seen with scipy 1.17). So every variable is inflated
here first, as far as a limit, and only *flat* ones are handed on: arrays of numbers or text, and
structs of these, which is all that label files hold. Nothing is ever unpickled.

Byte layout: MathWorks, MAT-File Format, chapter 1 (level 5).
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

#: Largest file, and largest inflated content. MAFA's 25,876 training images take about 10 MB.
MAX_FILE_BYTES = 32 * 2**20
MAX_INFLATED_BYTES = 128 * 2**20

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15  # miMATRIX, miCOMPRESSED
_STRUCT, _CHAR = 2, 4  # mxSTRUCT_CLASS, mxCHAR_CLASS
_FLAT_CLASSES = frozenset({_CHAR, *range(6, 16)})  # text; double to uint64
_COMPLEX_FLAG = 0x08


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
        flat = data[:_HEADER_BYTES] + b"".join(_flat_variables(data))
        content = scipy.io.loadmat(io.BytesIO(flat), variable_names=list(variables))
    except UnusableEntryError:
        raise
    except Exception as error:
        # loadmat raises nearly anything on damaged bytes; each means the same to the caller.
        detail = f"{path.name}: {type(error).__name__}"
        raise UnusableEntryError("label file is damaged", detail) from None
    for name in variables:
        if name not in content:
            raise UnusableEntryError("label file lacks a variable", f"{path.name}: {name}")
    return {name: content[name] for name in variables}


def _flat_variables(data: bytes) -> Iterator[bytes]:
    """The flat variables of a file, inflated, in total at most ``MAX_INFLATED_BYTES``."""
    if len(data) < _HEADER_BYTES or data[126:128] not in (b"IM", b"MI"):
        raise UnusableEntryError("label file is no MATLAB 5 file")
    order = "<" if data[126:128] == b"IM" else ">"
    room = MAX_INFLATED_BYTES
    position = _HEADER_BYTES
    while position + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        element = data[position : position + 8 + size]
        position += 8 + size
        if kind == _COMPRESSED:
            element = zlib.decompressobj().decompress(element[8:], room + 1)
            if len(element) > room:
                raise UnusableEntryError("label file is too large", "when inflated")
            kind, size = struct.unpack_from(f"{order}II", element)
        if len(element) < 8 + size:
            raise UnusableEntryError("label file is damaged", "ends too early")
        element = element[: 8 + size]
        room -= len(element)
        if kind == _MATRIX and _FlatnessCheck(element, order).is_flat():
            yield element


class _FlatnessCheck:
    """Walks over one variable as scipy will, and says whether that is harmless.

    Also refuses more elements than bytes: scipy would make room for whatever a header claims.
    Raises ``struct.error`` when the bytes end too early.
    """

    def __init__(self, element: bytes, order: str) -> None:
        self.element = element
        self.order = order
        self.position = 8  # behind the variable's own tag
        self.elements_left = len(element)

    def is_flat(self) -> bool:
        kind, count, _ = self._header()
        if kind != _STRUCT:
            return kind in _FLAT_CLASSES
        (name_length,) = struct.unpack_from(f"{self.order}i", self._data())
        field_count = len(self._data()) // max(name_length, 1)
        return all(self._skip_flat_field() for _ in range(count * field_count))

    def _skip_flat_field(self) -> bool:
        _, size = self._words()
        self.position += 8
        if size == 0:  # an empty array has no header
            return True
        kind, _, is_complex = self._header()
        if kind not in _FLAT_CLASSES:
            return False
        for _ in range(1 + is_complex):
            self._data()
        return True

    def _header(self) -> tuple[int, int, bool]:
        """Class, element count and complexity; moves behind the flags, dimensions and name."""
        self.position += 8
        flags, _ = self._words()
        self.position += 8
        shape = self._data()
        count = 1
        for size in struct.unpack_from(f"{self.order}{len(shape) // 4}i", shape):
            count *= max(size, 0)
        self.elements_left -= count
        if self.elements_left < 0:
            raise UnusableEntryError("label file is damaged", "claims more than it holds")
        self._data()
        return flags & 0xFF, count, bool(flags >> 8 & _COMPLEX_FLAG)

    def _data(self) -> bytes:
        """The content of the next data element; moves behind it and its padding."""
        kind, size = self._words()
        if kind >> 16:  # small data element: size, kind and up to 4 bytes in one word pair
            start, size, step = self.position + 4, kind >> 16, 8
        else:
            start, step = self.position + 8, 8 + (size + 7) // 8 * 8
        self.position += step
        return self.element[start : start + size]

    def _words(self) -> tuple[int, int]:
        first, second = struct.unpack_from(f"{self.order}II", self.element, self.position)
        return first, second
