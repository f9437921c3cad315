"""Errors as problem JSON (RFC 9457), one place for all routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from core.images import ImageError
from db.errors import (
    DatabaseBusy,
    ImageFileMissing,
    NotFound,
    NothingToUndo,
    NotTheLast,
    OperationIdReused,
    StudioError,
)
from db.events import Conflict, StaleVersion
from db.labels import describe
from db.reviews import OwnLabel
from ui.model_shelf import ModelsNotReady

_STATUS: Mapping[type[Exception], int] = {
    ImageError: 422,
    NotFound: 404,
    ImageFileMissing: 404,
    StaleVersion: 409,
    NothingToUndo: 409,
    NotTheLast: 409,
    OperationIdReused: 409,
    OwnLabel: 409,
    DatabaseBusy: 503,
    ModelsNotReady: 503,
    StudioError: 500,
}
_RETRY = {"retry-after": "2"}
#: By this a page knows that its request was not judged: see `ui/components/shared/api.js`.
_NO_SUCH_ROUTE = "urn:maskpose:no-such-route"


class ServerBusy(RuntimeError):
    """Too many requests wait already; the message says how many."""


def problem(status: int, title: str, **more: Any) -> JSONResponse:
    """``title`` is one sentence for a person; ``more`` is for programs."""
    body = {"type": "about:blank", "status": status, "title": title, **more}
    headers = _RETRY if status == 503 else None
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def add_problem_handlers(app: FastAPI) -> None:
    for kind, status in {**_STATUS, ServerBusy: 503}.items():
        app.add_exception_handler(kind, _handler(status))
    app.add_exception_handler(StaleVersion, _stale)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def no_such_route(path: str) -> JSONResponse:
    title = f"there is no /api/{path}; /api/ lists what there is"
    return problem(404, title, type=_NO_SUCH_ROUTE)


def _handler(status: int):
    def handle(request: Request, error: Exception) -> JSONResponse:
        return problem(status, str(error))

    return handle


def _stale(request: Request, error: StaleVersion) -> JSONResponse:
    return problem(409, str(error), conflicts=[_conflict(one) for one in error.conflicts])


def _conflict(conflict: Conflict) -> dict[str, Any]:
    """What is there now, by whom, so that a person can decide; nulls where there is no label."""
    current = conflict.current
    return {
        "face_id": conflict.face_id,
        "base_version": conflict.base_version,
        "version": current.version if current else 0,
        "mask": current.label.mask if current else None,
        "rejected": current.label.rejected if current else False,
        "pose": asdict(current.label.pose) if current and current.label.pose else None,
        "label": describe(current.label) if current else None,
        "annotator": current.annotator if current else None,
        "created_at": current.created_at if current else None,
        "client_op_id": current.client_op_id if current else None,
    }


def _http(request: Request, error: HTTPException) -> JSONResponse:
    return problem(error.status_code, str(error.detail))


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [
        {"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()
    ]
    first = errors[0] if errors else {"where": "request", "what": "invalid"}
    return problem(422, f"{first['where']}: {first['what']}", errors=errors)
