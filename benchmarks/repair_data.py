"""Parts of a mask-csv set for ``benchmarks.repair``: some labels exchanged, some faces clean."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SWAPPED = {"masked": "unmasked", "unmasked": "masked"}
Row = Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A folder in the form of mask-csv. ``right``: the true label of each file whose label lies."""

    folder: Path
    right: Mapping[str, str]


def write_faces(data: Path, target: Path, source: str, wrong: int, others: int) -> Part:
    """``wrong`` training faces of ``source`` with exchanged labels, ``others`` right ones of the
    other sources."""
    rows = [row for row in _rows(data) if row["split"] == "train"]
    liars = _some([row for row in rows if row["source"] == source and _can_lie(row)], wrong)
    honest = _some([row for row in rows if row["source"] != source], others)
    lies = [{**row, "label": SWAPPED[row["label"]]} for row in liars]
    _write(data, target, [*lies, *honest])
    return Part(target, {row["file"]: row["label"] for row in liars})


def write_benchmark(data: Path, target: Path, sources: Sequence[str], faces: int) -> Path:
    """``faces`` clean faces that no part trains on, of these sources, all of them ``test``."""
    rows = [row for row in _rows(data) if row["split"] == "val" and row["source"] in sources]
    chosen = [{**row, "split": "test"} for row in _some(rows, faces)]
    _write(data, target, chosen)
    return target


def sources_of(data: Path) -> list[str]:
    """The sources with training faces."""
    return sorted({row["source"] for row in _rows(data) if row["split"] == "train"})


def _can_lie(row: Row) -> bool:
    return row["label"] in SWAPPED


def _rows(data: Path) -> list[Row]:
    with (data / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _some(rows: Sequence[Row], count: int) -> list[Row]:
    """At most ``count`` of the rows, at random, the same ones every time."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(rows))[:count]
    return [rows[index] for index in sorted(chosen)]


def _write(data: Path, target: Path, rows: Sequence[Row]) -> None:
    (target / "images").mkdir(parents=True)
    for row in rows:
        shutil.copy(data / "images" / row["file"], target / "images" / row["file"])
    with (target / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
