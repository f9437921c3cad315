"""The app's own REST interface, ``/api/v1``: typed, paginated, errors as problem JSON."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from starlette.responses import RedirectResponse

from ui.api import labels, me, models, opinions, predict, queue, stored, takeaway, trainings
from ui.api.limits import UploadLimit
from ui.api.problems import add_problem_handlers, no_such_route
from ui.api.reference import add_reference
from ui.studio import Studio

#: What belongs to the pages: kept photos, labels, models, and whole copies of the database.
_STUDIO = (stored, labels, queue, opinions, takeaway, models, trainings, me)


def add_api(app: FastAPI, studio: Studio, *, only_demo: bool = False) -> None:
    """All routes under ``/api``; what is not one of them is a 404, not another toolkit's page.

    ``only_demo``: photos are answered, and nothing that the studio holds is given away.
    """
    router = APIRouter(prefix="/api/v1")
    for part in (predict, *(() if only_demo else _STUDIO)):
        part.add_routes(router, studio)
    app.include_router(router)
    # watchdogs ask at an address that outlives versions
    app.add_api_route("/api/health", lambda: RedirectResponse("/api/v1/health"), tags=["server"])
    add_reference(app)
    app.add_api_route(
        "/api/{path:path}",
        no_such_route,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        include_in_schema=False,
    )
    add_problem_handlers(app)
    app.add_middleware(UploadLimit)
