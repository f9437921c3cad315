"""Models measured on benchmarks: the report of ``launch.py evaluate``, kept with its model."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from db.database import now, select, write_transaction
from db.models import get_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One measurement; ``report`` is what the evaluation printed as JSON."""

    id: int
    model: str
    benchmark: str
    report: Mapping[str, Any]
    run_id: int | None
    created_at: str


def add_evaluation(
    db: Database,
    *,
    model: str,
    benchmark: str,
    report: Mapping[str, Any],
    run_id: int | None = None,
) -> None:
    """Keep a measurement; earlier ones stay."""
    with write_transaction(db):
        db.execute(
            "INSERT INTO evaluations (model_id, benchmark, report, run_id, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [get_model(db, model).id, benchmark, json.dumps(report), run_id, now()],
        )


def evaluations(
    db: Database, *, model: str | None = None, benchmark: str | None = None
) -> list[Evaluation]:
    """Measurements, newest first."""
    rows = select(
        db,
        "SELECT e.*, models.name AS model FROM evaluations e JOIN models ON models.id = model_id"
        " WHERE (:model IS NULL OR models.name = :model)"
        " AND (:benchmark IS NULL OR benchmark = :benchmark) ORDER BY e.id DESC",
        {"model": model, "benchmark": benchmark},
    )
    return [_evaluation(row) for row in rows]


def _evaluation(row: sqlite3.Row) -> Evaluation:
    return Evaluation(
        id=row["id"],
        model=row["model"],
        benchmark=row["benchmark"],
        report=json.loads(row["report"]),
        run_id=row["run_id"],
        created_at=row["created_at"],
    )
