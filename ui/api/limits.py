"""How much may be sent, and how much may be asked at once; both checked before it costs memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.images import MAX_FILE_BYTES
from ui.api.problems import ServerBusy, problem

T = TypeVar("T")

#: Of one request: one photo of the largest size, and the form around it.
MAX_BODY_BYTES = MAX_FILE_BYTES + 1024 * 1024
#: Photos answered at the same time: more only slow each other down.
_AT_ONCE = 2
MAX_WAITING = 64


class UploadLimit:
    """ASGI middleware for ``/api/``: counts the body while it arrives and stops it in time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > MAX_BODY_BYTES:
            await problem(413, _TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, _counting(receive), send)


_TOO_LARGE = f"the request is larger than {MAX_BODY_BYTES >> 20} MiB; send one photo at a time"


def _counting(receive: Receive) -> Receive:
    """For bodies that do not announce their length."""
    total = 0

    async def receive_some() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return receive_some


class WorkQueue:
    """Runs work in threads, some at once; the pages stay quick, whatever waits here."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self.waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``. Raises ServerBusy where too many wait already."""
        if self.waiting >= MAX_WAITING:
            raise ServerBusy(f"{self.waiting} requests wait already; try again in a moment")
        self.waiting += 1
        try:
            async with self._turn:
                return await run_in_threadpool(work)
        finally:
            self.waiting -= 1
