"""Labels in: records of any format, in chunks that are whole or not there, and go on after a stop.

What people labelled here is never changed by an import: where a file says otherwise, the label
stays and the report names the face.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from typing import Any

from sqlite_utils import Database

from db.database import connect, now, select, select_one, write_transaction
from db.home import Home
from db.images import find_image, source_id
from db.import_rows import Outcome, Picture, escaped, storable, write_records
from db.records import FaceRecord

#: Records in one transaction: short enough that people who label do not wait.
CHUNK_SIZE = 200

#: Opens the picture of a record; ValueError and OSError say why it cannot be used. A file that it
#: stores need not be flushed: the import does that.
ReadPicture = Callable[[FaceRecord], Picture]
#: What tells whether the file of a record is still the same, such as its size and time.
FileState = Callable[[FaceRecord], object]
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
    file_state: FileState = lambda record: None,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take in records.

    An import of the same ``path`` and ``format`` that was interrupted is continued where what it
    has done is still what comes first: the same records of files in the same state. Otherwise all
    is gone through anew, and what is known already is recognised.
    ``progress`` gets the number of records done after each chunk.
    """
    with connect(home) as db:
        job, stream = _begin(db, escaped(path), format, escaped(source), entries, file_state)
        done = job.resumed_at
        while chunk := list(islice(stream, CHUNK_SIZE)):
            job.digest = _digest(job.digest, chunk, file_state)
            _import_chunk(db, job, chunk, done, read_picture)
            done += len(chunk)
            if progress:
                progress(done)
        return _finish(db, job, done)


@dataclass(slots=True)
class _Job:
    import_id: int
    source: str
    resumed_at: int = 0
    digest: str = ""
    counts: Counter[Outcome] = field(default_factory=Counter)


def _begin(
    db: Database,
    path: str,
    format: str,
    source: str,
    entries: Iterable[Entry],
    file_state: FileState,
) -> tuple[_Job, Iterator[Entry]]:
    """The interrupted import of the same with what is left of it; or a new one with everything."""
    stream = iter(entries)
    last = _last_import(db, path, format, source)
    if last and last["status"] == "running":
        report = json.loads(last["report"])
        first = list(islice(stream, last["records_done"]))
        digest = _digest("", first, file_state)
        if digest == report.get("digest"):
            counts = {Outcome(key): value for key, value in report["counts"].items()}
            job = _Job(last["id"], source, last["records_done"], digest, Counter(counts))
            return job, stream
        stream = chain(first, stream)
    with write_transaction(db):
        cursor = db.execute(
            "INSERT INTO imports (path, format, source_id, started_at) VALUES (?, ?, ?, ?)",
            [path, format, source_id(db, source), now()],
        )
    return _Job(int(cursor.lastrowid or 0), source), stream


def _last_import(db: Database, path: str, format: str, source: str) -> Any:
    return select_one(
        db,
        "SELECT imports.* FROM imports JOIN sources ON sources.id = source_id"
        " WHERE path = ? AND format = ? AND sources.name = ? ORDER BY imports.id DESC LIMIT 1",
        [path, format, source],
    )


def _digest(digest: str, entries: Iterable[Entry], file_state: FileState) -> str:
    """What all entries so far come to: those of ``digest``, then these."""
    for entry in entries:
        state = file_state(entry) if isinstance(entry, FaceRecord) else None
        link = f"{digest}{entry!r}{state!r}".encode("utf-8", "backslashreplace")
        digest = hashlib.sha256(link).hexdigest()
    return digest


def _import_chunk(
    db: Database,
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
            records.append((storable(entry), _open_picture(entry, read_picture)))
        except (ValueError, OSError) as error:
            skipped.append((entry.file, str(error)))
    if any(picture and _may_be_unflushed(db, picture) for _, picture in records):
        os.sync()  # the pictures are on the disk before rows name them: all at once, not one by one
    with write_transaction(db, durable=False):
        operation = f"import-{job.import_id}-{start}"
        counts, left_out = write_records(db, records, job.source, operation)
        job.counts += counts
        rows = [
            (job.import_id, escaped(name), escaped(reason))
            for name, reason in (*skipped, *left_out)
        ]
        db.conn.executemany(
            "INSERT INTO import_skips (import_id, name, reason) VALUES (?, ?, ?)", rows
        )
        report = {"counts": job.counts, "digest": job.digest}
        db.execute(
            "UPDATE imports SET records_done = ?, report = ? WHERE id = ?",
            [start + len(chunk), json.dumps(report), job.import_id],
        )


def _may_be_unflushed(db: Database, picture: Picture) -> bool:
    """Whether the file may not have reached the disk yet.

    One that lay there before has where a row names it; where none does, an import that was stopped
    may have left it.
    """
    return picture.is_new_file or find_image(db, picture.file.sha256) is None


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
