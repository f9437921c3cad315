"""Labels in: records of any format, in chunks that are whole or not there, and go on after a stop.

What people labelled here is never changed by an import: where a file says otherwise, the label
stays and the report names the face.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice

from sqlite_utils import Database

from db.database import connect, now, select, select_one, write_transaction
from db.home import Home
from db.images import source_id
from db.import_rows import Outcome, Picture, write_records
from db.records import FaceRecord

#: Records in one transaction: short enough that people who label do not wait.
CHUNK_SIZE = 200

#: Opens the picture of a record; ValueError and OSError say why it cannot be used.
ReadPicture = Callable[[FaceRecord], Picture]
Entry = FaceRecord | tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. ``skipped`` holds the first names with their reasons."""

    import_id: int
    records: int
    counts: Mapping[Outcome, int]
    skipped: tuple[tuple[str, str], ...] = ()
    skipped_count: int = 0
    resumed_at: int = 0

    def text(self) -> str:
        """Some lines for a person."""
        count = {outcome: self.counts.get(outcome, 0) for outcome in Outcome}
        lines = [
            f"{self.records:,} entries read",
            f"  pictures: {count[Outcome.PICTURE_NEW]:,} new,"
            f" {count[Outcome.PICTURE_KNOWN]:,} known already",
            f"  faces: {count[Outcome.FACE_NEW]:,} new,"
            f" {count[Outcome.FACE_KNOWN]:,} known already",
            f"  labels: {count[Outcome.LABEL_NEW]:,} new, {count[Outcome.LABEL_SAME]:,} the same,"
            f" {count[Outcome.LABEL_KEPT]:,} differ (the label here was kept)",
        ]
        if self.resumed_at:
            lines.insert(1, f"  went on after entry {self.resumed_at:,}, where it had stopped")
        if self.skipped_count:
            lines.append(f"  {self.skipped_count:,} left out or not overwritten, the first:")
            lines += [f"    {name}: {reason}" for name, reason in self.skipped]
        return "\n".join(lines)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def import_records(
    home: Home,
    entries: Iterable[Entry],
    *,
    path: str,
    format: str,
    source: str,
    read_picture: ReadPicture,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take in records, whose order must be the same each time.

    ``path`` and ``format`` tell whether an interrupted import of the same is to be continued.
    ``progress`` gets the number of records done after each chunk.
    """
    with connect(home) as db:
        job = _begin(db, path, format, source)
        stream = iter(entries)
        done = sum(1 for _ in islice(stream, job.resumed_at))
        while chunk := list(islice(stream, CHUNK_SIZE)):
            _import_chunk(db, home, job, chunk, done, read_picture)
            done += len(chunk)
            if progress:
                progress(done)
        return _finish(db, job, done)


@dataclass(slots=True)
class _Job:
    import_id: int
    source: str
    resumed_at: int
    counts: Counter[Outcome] = field(default_factory=Counter)


def _begin(db: Database, path: str, format: str, source: str) -> _Job:
    """The interrupted import of the same, or a new one."""
    with write_transaction(db):
        source_number = source_id(db, source)
        row = select_one(
            db,
            "SELECT * FROM imports WHERE path = ? AND format = ? AND source_id = ?"
            " AND status = 'running' ORDER BY id DESC",
            [path, format, source_number],
        )
        if row:
            counts = {Outcome(key): value for key, value in json.loads(row["report"]).items()}
            return _Job(row["id"], source, row["records_done"], Counter(counts))
        cursor = db.execute(
            "INSERT INTO imports (path, format, source_id, started_at) VALUES (?, ?, ?, ?)",
            [path, format, source_number, now()],
        )
        return _Job(int(cursor.lastrowid or 0), source, 0)


def _import_chunk(
    db: Database,
    home: Home,
    job: _Job,
    chunk: list[Entry],
    start: int,
    read_picture: ReadPicture,
) -> None:
    """Open the pictures first, so that the write lock is held only for the rows."""
    skipped: list[tuple[str, str]] = []
    records = []
    for entry in chunk:
        if isinstance(entry, tuple):
            skipped.append(entry)
            continue
        try:
            records.append((entry, _open_picture(entry, read_picture)))
        except (ValueError, OSError) as error:
            skipped.append((entry.file, str(error)))
    with write_transaction(db, durable=False):
        operation = f"import-{job.import_id}-{start}"
        counts, left_out = write_records(db, records, job.source, operation)
        job.counts += counts
        rows = [(job.import_id, name, reason) for name, reason in (*skipped, *left_out)]
        db.conn.executemany(
            "INSERT INTO import_skips (import_id, name, reason) VALUES (?, ?, ?)", rows
        )
        db.execute(
            "UPDATE imports SET records_done = ?, report = ? WHERE id = ?",
            [start + len(chunk), json.dumps(job.counts), job.import_id],
        )


def _open_picture(record: FaceRecord, read_picture: ReadPicture) -> Picture | None:
    """None where the record is about a picture that should be here already."""
    try:
        return read_picture(record) if record.file else None
    except FileNotFoundError:
        if record.sha256:
            return None
        raise


def _finish(db: Database, job: _Job, done: int) -> ImportReport:
    with write_transaction(db):
        db.execute(
            "UPDATE imports SET status = 'finished', ended_at = ? WHERE id = ?",
            [now(), job.import_id],
        )
    return ImportReport(
        import_id=job.import_id,
        records=done,
        counts=dict(job.counts),
        skipped=tuple(islice(import_skips(db, job.import_id), 10)),
        skipped_count=db.execute(
            "SELECT count(*) FROM import_skips WHERE import_id = ?", [job.import_id]
        ).fetchone()[0],
        resumed_at=job.resumed_at,
    )


def import_skips(db: Database, import_id: int) -> Iterator[tuple[str, str]]:
    """(name, reason) of everything that an import left out or did not overwrite."""
    sql = "SELECT name, reason FROM import_skips WHERE import_id = ? ORDER BY id"
    for row in select(db, sql, [import_id]):
        yield row["name"], row["reason"]
