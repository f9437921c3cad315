"""An ASGI app that answers from the first moment, while its parts are still being built."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.theme import DARK, FONTS, LIGHT, TITLE

_LOG = logging.getLogger(__name__)
_PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="1">
<title>{TITLE}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font-family: {", ".join(FONTS)}; display: grid; place-content: center; min-height: 90vh;
  text-align: center; background: {LIGHT["page"]}; color: {LIGHT["text"]}; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: {DARK["page"]}; color: {DARK["text"]}; }} }}
</style></head><body><main><h1>{TITLE}</h1>
<p role="status">%s</p></main></body></html>"""
_STARTING = "Starting: the pages open by themselves in a few seconds …"


@dataclass(frozen=True, kw_only=True)
class Part:
    """``build`` makes what answers the addresses that begin with ``prefix``; may take seconds."""

    prefix: str
    build: Callable[[], Starlette]


class FrontDoor:
    """Builds parts one after the other when the server starts; each answers as soon as it can.

    An address belongs to the part with the longest prefix. As long as nothing is there, a page says
    so; whoever asks for the next part from then on waits for it.
    """

    def __init__(self, *parts: Part) -> None:
        self._parts = parts
        self._apps: dict[str, ASGIApp] = {}
        self._failure: str | None = None
        self._is_settled = asyncio.Event()  # everything is built, or will never be

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        prefix = self._prefix_of(scope["path"])
        if scope["type"] == "http" and self._apps and prefix not in self._apps:
            await self._is_settled.wait()
        if app := self._apps.get(prefix):
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await self._not_yet(scope["path"])(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1013})

    def _prefix_of(self, path: str) -> str:
        return max((part.prefix for part in self._parts if path.startswith(part.prefix)), key=len)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Server start to server stop; the app's own start and stop happen within."""
        stopping = asyncio.Event()
        running = asyncio.create_task(self._run(stopping))
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        stopping.set()
        await running
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self, stopping: asyncio.Event) -> None:
        try:
            async with AsyncExitStack() as stack:
                for part in self._parts:
                    app = await asyncio.to_thread(part.build)
                    await stack.enter_async_context(app.router.lifespan_context(app))
                    self._apps[part.prefix] = app
                self._is_settled.set()
                await stopping.wait()
                self._apps.clear()
        except Exception as error:  # without it the page would say "starting" for ever
            _LOG.exception("the app could not be built")
            self._apps.clear()
            self._failure = f"The app could not start: {type(error).__name__}: {error}"
            self._is_settled.set()

    def _not_yet(self, path: str) -> Response:
        retry = {"retry-after": "1"}
        if path.startswith("/api/"):
            return JSONResponse(
                {"type": "about:blank", "title": self._failure or "Starting", "status": 503},
                503,
                retry,
                media_type="application/problem+json",
            )
        return HTMLResponse(_PAGE % (self._failure or _STARTING), 503, retry)
