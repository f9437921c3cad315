"""What the CSV sets of face crops share: ``images/``, ``labels.csv``, and a split for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.datasets.files import file_names, read_table, require_folder, require_split
from core.datasets.sample import FaceSample, Reading, ReadingBuilder


def read_split(
    root: Path,
    columns: Sequence[str],
    split: str | None,
    to_sample: Callable[[dict[str, str], Path, frozenset[str]], FaceSample],
    at_most: int | None = None,
) -> Reading:
    """The faces of ``labels.csv`` in ``root`` that belong to ``split`` (None: all).

    ``to_sample`` gets a row, the folder of the pictures and the names in it. The table is read
    whole, its rows are looked at until there are ``at_most`` faces.
    """
    require_folder(root, "labels.csv and images/")
    builder = ReadingBuilder()
    rows = read_table(root / "labels.csv", columns, builder)
    require_split(split, (row["split"] for row in rows), root)
    folder = root / "images"
    names = file_names(folder)
    for row in rows:
        if len(builder.samples) == at_most:
            break
        if split is None or row["split"] == split:
            with builder.entry(row["file"]):
                builder.add(to_sample(row, folder, names))
    return builder.reading()
