"""Registered models and trainings, to look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from db import models as registry
from db import runs as trainings
from db.database import connect
from ui.api.schemas import Model, Page, Run
from ui.studio import Studio


def add_routes(router: APIRouter, studio: Studio) -> None:
    @router.get("/models", tags=["models"])
    def models() -> list[Model]:
        """All registered models, newest first, with the aliases they serve under."""
        with connect(studio.home, read_only=True) as db:
            rows, aliases = registry.list_models(db), registry.aliases(db)
        return [
            Model.model_validate(row).model_copy(
                update={"aliases": [name for name, it in aliases.items() if it.id == row.id]}
            )
            for row in rows
        ]

    @router.get("/runs", tags=["runs"])
    def runs(
        before_id: int | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Page[Run]:
        """Trainings, newest first."""
        with connect(studio.home, read_only=True) as db:
            rows = trainings.list_runs(db, before_id=before_id, limit=limit)
        following = f"/api/v1/runs?before_id={rows[-1].id}&limit={limit}"
        return Page(
            items=[Run.model_validate(row) for row in rows],
            next=following if len(rows) == limit else None,
        )

    @router.get("/runs/{run_id}", tags=["runs"])
    def run(run_id: int) -> Run:
        with connect(studio.home, read_only=True) as db:
            return Run.model_validate(trainings.get_run(db, run_id))

    @router.get("/runs/{run_id}/metrics/{name}", tags=["runs"])
    def metric(run_id: int, name: str) -> list[tuple[int, float | None]]:
        """One curve: (step, value); null where the number was not finite."""
        with connect(studio.home, read_only=True) as db:
            trainings.get_run(db, run_id)
            return list(trainings.metrics(db, run_id, name))
