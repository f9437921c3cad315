"""Trainings and the serving model, to act on: the same verbs as the train and models pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from db.errors import NotFound, StudioError
from ui import registry, retraining
from ui.api.schemas import Run
from ui.studio import Studio

T = TypeVar("T")


class RunRequest(BaseModel):
    """``replay`` and ``benchmarks``: folders of data sets on the server's machine. ``device``:
    ``cpu``, ``cuda:N``, several, or ``ray``; ``changes``: fields of the preset's recipe."""

    preset: Literal["quick", "standard", "full"] = "quick"
    device: str = "cpu"
    replay: list[str] = []
    benchmarks: list[str] = []
    changes: dict[str, float | int | str | bool] = {}
    cluster_workers: int = 0


class Serving(BaseModel):
    """The model that answers from now on."""

    champion: str


def add_routes(router: APIRouter, studio: Studio) -> None:
    jobs = retraining.jobs(studio)

    @router.post("/runs", tags=["runs"], status_code=202)
    def start(body: RunRequest) -> Run:
        """Train a challenger from the labels; 409 with the reason where that cannot begin."""
        options = body.model_dump(exclude={"preset", "device"})
        run = _or_409(lambda: retraining.start(studio, body.preset, body.device, **options))
        return Run.model_validate(run)

    @router.post("/runs/{run_id}/{verb}", tags=["runs"])
    def steer(run_id: int, verb: Literal["cancel", "pause", "resume"]) -> Run:
        """A running training stops some seconds later and keeps its checkpoint."""
        act = {"cancel": jobs.cancel, "pause": jobs.pause, "resume": jobs.resume}[verb]
        return Run.model_validate(_or_409(lambda: act(run_id)))

    @router.get("/runs/{run_id}/log", tags=["runs"])
    def log(run_id: int, lines: int = 50) -> list[str]:
        """The last lines that the processes of a run printed."""
        jobs.status(run_id)
        return jobs.logs(run_id, min(lines, 1000)).splitlines()

    @router.post("/models/{name}/promote", tags=["models"])
    def promote(request: Request, name: str) -> Serving:
        """Let this student answer from now on, whatever the figures say."""
        _or_409(lambda: registry.promote_model(studio, name, studio.who(request.headers)))
        return Serving(champion=name)

    @router.post("/roll-back", tags=["models"])
    def roll_back(request: Request) -> Serving:
        """Let the previous champion answer again."""
        who = studio.who(request.headers)
        return Serving(champion=_or_409(lambda: registry.roll_back_champion(studio, who)).name)


def _or_409(act: Callable[[], T]) -> T:
    """What the state of things does not allow is a conflict, with its one line."""
    try:
        return act()
    except NotFound:
        raise
    except StudioError as error:
        raise HTTPException(409, str(error)) from error
