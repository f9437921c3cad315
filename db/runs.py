"""Trainings: submitted, taken by one worker per device, watched by their heartbeat, ended once."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlite_utils import Database

from db.database import now, select, select_one, write_transaction
from db.errors import NotFound, StudioError
from db.fresh_ids import fresh_id

RunStatus = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]
Request = Literal["cancel", "pause"]

#: Which status may follow which.
_NEXT: Mapping[RunStatus, frozenset[RunStatus]] = {
    "queued": frozenset({"running", "paused", "cancelled", "failed"}),
    "running": frozenset({"queued", "paused", "finished", "failed", "cancelled"}),
    "paused": frozenset({"queued", "cancelled"}),
    "failed": frozenset({"queued"}),  # resumed from its last checkpoint
    "cancelled": frozenset({"queued"}),
    "finished": frozenset(),
}
_ENDED = ("finished", "failed", "cancelled")


class RunStatusRefused(StudioError):
    "This status cannot follow the present one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training. ``request`` is what a person asked of its worker and is not yet done."""

    id: int
    recipe: str
    config: Mapping[str, Any]
    status: RunStatus
    request: Request | None
    backend: str
    device: str
    host: str | None
    pid: int | None
    heartbeat_at: str | None
    phase: str | None
    progress: float
    error: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None


def submit_run(
    db: Database, *, recipe: str, config: Mapping[str, Any], device: str, backend: str = "local"
) -> Run:
    """Queue a training."""
    with write_transaction(db):
        cursor = db.execute(
            "INSERT INTO runs (id, recipe, config, backend, device, created_at)"
            f" VALUES ({fresh_id('runs')}, ?, ?, ?, ?, ?)",
            [recipe, json.dumps(config), backend, device, now()],
        )
        return get_run(db, int(cursor.lastrowid or 0))


def get_run(db: Database, run_id: int) -> Run:
    row = select_one(db, "SELECT * FROM runs WHERE id = ?", [run_id])
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    return _run(row)


def list_runs(
    db: Database, *, status: RunStatus | None = None, before_id: int | None = None, limit: int = 100
) -> list[Run]:
    """Newest first."""
    sql = "SELECT * FROM runs WHERE id < ?" + (" AND status = ?" if status else "")
    parameters = [before_id if before_id is not None else 2**62] + ([status] if status else [])
    rows = select(db, f"{sql} ORDER BY id DESC LIMIT {limit:d}", parameters)
    return [_run(row) for row in rows]


def claim_run(
    db: Database, *, device: str, host: str, pid: int, backend: str = "local"
) -> Run | None:
    """The oldest queued run of a device, now running under this worker; None if it is busy."""
    with write_transaction(db):
        row = select_one(
            db,
            "SELECT id FROM runs q WHERE status = 'queued' AND backend = ? AND device = ?"
            " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.status = 'running'"
            " AND r.backend = q.backend AND r.device = q.device) ORDER BY id LIMIT 1",
            [backend, device],
        )
        if row is None:
            return None
        db.execute(
            "UPDATE runs SET status = 'running', host = ?, pid = ?, heartbeat_at = ?, error = NULL,"
            " started_at = coalesce(started_at, ?), ended_at = NULL WHERE id = ?",
            [host, pid, now(), now(), row["id"]],
        )
        return get_run(db, row["id"])


def beat(
    db: Database, run_id: int, *, progress: float, phase: str, pid: int | None = None
) -> Request | None:
    """Say that the run is alive; returns what a person asks of it meanwhile."""
    with write_transaction(db, durable=False):
        db.execute(
            "UPDATE runs SET heartbeat_at = ?, progress = ?, phase = ?, pid = coalesce(?, pid)"
            " WHERE id = ? AND status = 'running'",
            [now(), min(1.0, max(0.0, progress)), phase, pid, run_id],
        )
        return get_run(db, run_id).request


def request_run(db: Database, run_id: int, request: Request) -> Run:
    """Ask a run to cancel or to pause. A waiting run does so at once, a running one at its beat."""
    with write_transaction(db):
        run = get_run(db, run_id)
        if run.status == "running":
            db.execute("UPDATE runs SET request = ? WHERE id = ?", [request, run_id])
            return get_run(db, run_id)
        return set_status(db, run_id, "cancelled" if request == "cancel" else "paused")


def set_status(db: Database, run_id: int, status: RunStatus, error: str | None = None) -> Run:
    """Move a run on; RunStatusRefused where that cannot follow. ``queued`` again means resume."""
    with write_transaction(db):
        run = get_run(db, run_id)
        if status not in _NEXT[run.status]:
            raise RunStatusRefused(f"run {run_id} is {run.status}, so it cannot become {status}")
        db.execute(
            "UPDATE runs SET status = ?, error = ?, request = NULL, ended_at = ?,"
            " progress = iif(? = 'finished', 1.0, progress) WHERE id = ?",
            [status, error, now() if status in _ENDED else None, status, run_id],
        )
        return get_run(db, run_id)


def lost_runs(db: Database, *, silent_s: float = 60.0) -> list[Run]:
    """Runs said to be running whose heartbeat stopped: worker or machine died."""
    since = datetime.now(UTC) - timedelta(seconds=silent_s)
    rows = select(
        db,
        "SELECT * FROM runs WHERE status = 'running' AND heartbeat_at < ?",
        [since.isoformat(timespec="milliseconds")],
    )
    return [_run(row) for row in rows]


def add_metrics(db: Database, run_id: int, step: int, values: Mapping[str, float]) -> None:
    """Record numbers at a step; a resumed run writes the same steps anew."""
    rows = [
        (run_id, name, step, value if math.isfinite(value) else None)
        for name, value in values.items()
    ]
    with write_transaction(db, durable=False):
        db.conn.executemany("INSERT OR REPLACE INTO run_metrics VALUES (?, ?, ?, ?)", rows)


def metrics(
    db: Database, run_id: int, name: str, *, after_step: int = -1
) -> Iterator[tuple[int, float | None]]:
    """(step, value) of one curve in order of steps; None where the number was not finite."""
    sql = (
        "SELECT step, value FROM run_metrics WHERE run_id = ? AND name = ? AND step > ?"
        " ORDER BY step"
    )
    for row in select(db, sql, [run_id, name, after_step]):
        yield row["step"], row["value"]


def metric_names(db: Database, run_id: int) -> list[str]:
    sql = "SELECT DISTINCT name FROM run_metrics WHERE run_id = ? ORDER BY name"
    return [row["name"] for row in select(db, sql, [run_id])]


def _run(row: sqlite3.Row) -> Run:
    return Run(**{**dict(row), "config": json.loads(row["config"])})
