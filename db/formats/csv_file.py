"""CSV with a header (`db.formats.rows.COLUMNS`), UTF-8.

Texts that a spreadsheet would take for a formula get an apostrophe in front, taken off on import.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from db.formats import DAMAGED
from db.formats.rows import COLUMNS, record_of, row_of
from db.records import FaceRecord, FormatError

SUFFIX = ".csv"
_NEEDED = {"file", "sha256"}
_TEXTS = ("name", "note", "annotator", "source", "origin")
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "'")


Writer = Callable[[FaceRecord], None]


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A function that adds one record to a new file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        yield lambda record: writer.writerow(_harmless(row_of(record)))


def write(records: Iterable[FaceRecord], path: Path) -> None:
    with writing(path) as add:
        for record in records:
            add(record)


def read(path: Path) -> Iterator[FaceRecord | tuple[str, str]]:
    """Records, or (line, reason) for a line that cannot be understood."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        with _explained(path, reader):
            if not _NEEDED & set(reader.fieldnames or ()):
                raise FormatError(
                    f"{path.name} has the columns {', '.join(reader.fieldnames or ['(none)'])}: "
                    f"expected at least file or sha256, and of: {', '.join(COLUMNS)}"
                )
            for row in reader:
                try:
                    yield record_of(_as_it_was(row))
                except DAMAGED as error:
                    yield f"line {reader.line_num}", str(error)


@contextmanager
def _explained(path: Path, reader: csv.DictReader[str]) -> Iterator[None]:
    """FormatError, with what to do, where the text of the file cannot be read on."""
    try:
        yield
    except UnicodeDecodeError:
        raise FormatError(
            f"{path.name} is not UTF-8: save it again as “CSV UTF-8”, as spreadsheets call it"
        ) from None
    except csv.Error as error:
        raise FormatError(
            f"{path.name} cannot be read on after line {reader.line_num} ({error}): is a quotation "
            "mark not closed there? mend it and import again"
        ) from None


def _harmless(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: f"'{value}" if key in _TEXTS and str(value).startswith(_FORMULA_SIGNS) else value
        for key, value in row.items()
    }


def _as_it_was(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value[1:] if key in _TEXTS and value and value.startswith("'") else value
        for key, value in row.items()
    }
