"""JSON lines: one object a face, with the names of `db.formats.rows.COLUMNS`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from db.formats import DAMAGED
from db.formats.rows import record_of, row_of
from db.records import FaceRecord

SUFFIX = ".jsonl"


def write(records: Iterable[FaceRecord], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            row = {key: value for key, value in row_of(record).items() if value is not None}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read(path: Path) -> Iterator[FaceRecord | tuple[str, str]]:
    """Records, or (line, reason) for a line that cannot be understood."""
    with path.open("rb") as file:  # decoded line by line: one that is not UTF-8 spoils no other
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield record_of(json.loads(line.decode("utf-8-sig")))
            except DAMAGED as error:
                yield f"line {number}", str(error)
