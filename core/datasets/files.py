"""What the readers need of the file system: one listing per folder, bounded tables."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.datasets.sample import DatasetError, ReadingBuilder, UnusableEntryError, printable

#: Larger label tables are not ours (19,000 rows take 8 MB).
MAX_TABLE_BYTES = 256 * 2**20


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
    path: Path, required: Iterable[str], builder: ReadingBuilder
) -> list[dict[str, str]]:
    """The rows of a CSV file with a header; a broken row is skipped and named by its number.

    Raises ``DatasetError`` when the file is absent, too large or empty, or lacks a column.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing; expected the table of labels; check the folder")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DatasetError(
            f"{path} has more than {MAX_TABLE_BYTES:,} bytes; expected a label table"
        )
    with _open_table(path) as reader:
        header = _next_row(reader) or []
        missing = [column for column in required if column not in header]
        if missing:
            came = printable(", ".join(header[:6])) or "nothing"
            raise DatasetError(
                f"{path} has no column {', '.join(missing[:4])}; it has {came} …; "
                "use the reader that belongs to this table"
            )
        rows = []
        number = 1
        while (row := _next_row(reader)) is not None:
            number += 1
            if len(row) == len(header):
                rows.append(dict(zip(header, row, strict=True)))
            elif row:
                detail = f"{len(row)} instead of {len(header)}"
                builder.skip(f"row {number}", "wrong number of columns", detail)
    if number == 1:
        raise DatasetError(f"{path} has no rows; expected one for each face; restore the file")
    return rows


def read_header(path: Path) -> list[str]:
    """The names of the columns of a CSV file. Raises ``DatasetError`` where it cannot be read."""
    with _open_table(path) as reader:
        return _next_row(reader) or []


@contextmanager
def _open_table(path: Path) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV file; in one of another encoding than UTF-8 odd letters are replaced."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            yield csv.reader(file)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}; check the file") from error


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row; one empty field for a row that csv cannot parse; None at the end."""
    try:
        return next(reader, None)
    except csv.Error:
        return [""]
