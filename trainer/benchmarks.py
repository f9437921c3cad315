"""What a model can be measured on: labelled faces in the home folder, and data sets in folders.

Pages list these, so nothing here loads torch; ``trainer.measure`` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from core.datasets import DATASET_KINDS
from db.database import select

#: The kind of a benchmark whose faces are read from the database.
STORED = "stored"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Labelled faces under a name. ``kind``: a reader of ``core.datasets``, or ``STORED``.

    A reader takes the files of ``folder`` with the crops that published figures are about; stored
    faces are those of one ``source``, cut around their boxes. ``split`` None: all of it.
    """

    name: str
    kind: str
    folder: str | None = None
    source: str | None = None
    split: str | None = None
    faces: int | None = None

    def title(self) -> str:
        """For a person to choose by."""
        part = f", {self.split}" if self.split else ""
        faces = f" · {self.faces:,} labelled faces" if self.faces is not None else ""
        return f"{self.name}{part}{faces}" + (" · stored here" if self.kind == STORED else "")


def imported_benchmarks(db: Database) -> list[Benchmark]:
    """Every imported data set whose folder is still there, then every source as stored here."""
    folders = {benchmark.name: benchmark for benchmark in _folders(db)}
    rows = select(
        db,
        "SELECT sources.name AS source, (SELECT count(*) FROM face_states s"
        " WHERE s.source_id = sources.id AND s.event_id IS NOT NULL) AS faces"
        " FROM sources ORDER BY sources.name",
    )
    stored = [
        Benchmark(name=row["source"], kind=STORED, source=row["source"], faces=row["faces"])
        for row in rows
        if row["faces"] and row["source"] not in folders
    ]
    return [*folders.values(), *stored]


def _folders(db: Database) -> Iterator[Benchmark]:
    """Finished imports of published forms, the last of each name."""
    sql = (
        "SELECT sources.name, i.path, i.format FROM imports i"
        " JOIN sources ON sources.id = i.source_id WHERE i.status = 'finished' ORDER BY i.id"
    )
    for name, path, format in db.execute(sql):
        kind, _, split = format.partition("/")
        if kind in DATASET_KINDS and Path(path).is_dir():
            yield Benchmark(name=name, kind=kind, folder=path, split=split or None)
