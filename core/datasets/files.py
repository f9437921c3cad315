"""What the readers need of the file system: one listing per folder, bounded tables."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from core.datasets.sample import DatasetError, ReadingBuilder, UnusableEntryError, printable

#: Larger label tables are not ours (19,000 rows take 8 MB).
MAX_TABLE_BYTES = 256 * 2**20
#: The bytes do not bound the memory: a row of two letters takes some hundred bytes. A million faces
#: are the most that the app is made for.
MAX_ROWS = 2_000_000
#: Nor do the rows: each cell that is kept takes 30 to 80 bytes. Our largest table keeps 1.1
#: million, a million faces with a mask label 7 million.
MAX_CELLS = 15_000_000
#: A table with more rows of a wrong length is damaged as a whole, or none of ours.
MAX_BROKEN_ROWS = 5_000
#: Our rows have some hundred characters.
MAX_LINE_CHARACTERS = 2**18


def require_folder(root: Path, expected: str) -> Path:
    """``root`` as a path if it is a folder, else a ``DatasetError`` that says what is expected."""
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise DatasetError(f"{root} is {came}; expected a folder with {expected}; check the path")
    return root


def file_names(folder: Path) -> frozenset[str]:
    """Names of the files in ``folder`` by one listing; empty when there is no such folder."""
    if not folder.is_dir():
        return frozenset()
    with os.scandir(folder) as entries:
        return frozenset(entry.name for entry in entries if entry.is_file())


def folder_names(folder: Path) -> list[str]:
    """Names of the folders in ``folder``, sorted; a link that leads nowhere is none."""
    _, names, _ = next(os.walk(folder), (folder, [], []))
    return sorted(names)


def find_files(folder: Path) -> list[Path]:
    """All files in ``folder`` and below, sorted; links to folders are not followed."""
    places = os.walk(folder)
    return [
        Path(path)
        for path in sorted(
            os.path.join(place, name) for place, _, names in places for name in names
        )
    ]


def existing_file(folder: Path, names: frozenset[str], name: str) -> Path:
    """The path of a listed file. A name with ``..`` or ``/`` is in no listing, so it is refused."""
    if name not in names:
        raise UnusableEntryError("image is missing")
    return folder / name


def require_split(split: str | None, available: Iterable[str], root: Path) -> None:
    """Raises ``DatasetError`` when a split was asked for that the data set does not have."""
    splits = sorted(set(available))
    if split is not None and split not in splits:
        known = ", ".join(splits) or "none"
        raise DatasetError(
            f"{root} has no split {split!r}; it has {known}; choose one or leave out"
        )


def read_table(
    path: Path, required: Collection[str], builder: ReadingBuilder
) -> list[dict[str, str]]:
    """The required columns of a CSV file; a broken row is skipped and named by its number.

    Raises ``DatasetError`` when the file is absent, too large, empty or mostly broken, or lacks
    a column.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing; expected the table of labels; check the folder")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DatasetError(
            f"{path} has more than {MAX_TABLE_BYTES:,} bytes; expected a label table"
        )
    with _open_table(path) as file:
        # A longer line comes in pieces, which have the wrong number of columns.
        reader = csv.reader(iter(partial(file.readline, MAX_LINE_CHARACTERS), ""))
        header = _next_row(reader) or []
        places = _places_of(required, header, path)
        rows: list[dict[str, str]] = []
        broken, number = 0, 1
        for number, row in enumerate(iter(partial(_next_row, reader), None), start=2):
            if len(row) == len(header):
                rows.append({column: row[place] for column, place in places.items()})
            elif row:
                detail = f"{len(row)} instead of {len(header)}"
                builder.skip(f"row {number}", "wrong number of columns", detail)
                broken += 1
            _require_table(path, number - 1, broken, len(header))
            if len(rows) * len(places) > MAX_CELLS:
                raise DatasetError(
                    f"{path} has more than {MAX_CELLS // len(places):,} rows of {len(places)} "
                    f"columns; at most {MAX_CELLS:,} cells are read; split the table"
                )
    if number == 1:
        raise DatasetError(f"{path} has no rows; expected one for each face; restore the file")
    return rows


def _places_of(required: Collection[str], header: list[str], path: Path) -> dict[str, int]:
    """Where in a row the required columns are; the others would only take memory."""
    missing = [column for column in required if column not in header]
    if missing:
        came = printable(", ".join(header[:6])) or "nothing"
        raise DatasetError(
            f"{path} has no column {', '.join(missing[:4])}; it has {came} …; "
            "use the reader that belongs to this table"
        )
    return {column: place for place, column in enumerate(header) if column in required}


def _require_table(path: Path, rows: int, broken: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise DatasetError(f"{path} has more than {MAX_ROWS:,} rows; expected a label table")
    if broken > MAX_BROKEN_ROWS:
        raise DatasetError(
            f"{path} has more than {MAX_BROKEN_ROWS:,} rows of another length than its header; "
            f"expected {columns} columns in each; restore the file"
        )


def read_header(path: Path) -> list[str]:
    """The names of the columns of a CSV file. Raises ``DatasetError`` where it cannot be read."""
    with _open_table(path) as file:
        start = io.StringIO(file.read(MAX_LINE_CHARACTERS), newline="")
    return _next_row(csv.reader(start)) or []


@contextmanager
def _open_table(path: Path) -> Iterator[TextIO]:
    """The text of a CSV file; in one of another encoding than UTF-8 odd letters are replaced."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            yield file
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}; check the file") from error


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row; one empty field for a row that csv cannot parse; None at the end."""
    try:
        return next(reader, None)
    except csv.Error:
        return [""]
