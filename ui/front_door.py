"""An ASGI app that answers from the first moment, while the real one is still being built."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

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


class FrontDoor:
    """Builds the app in a thread when the server starts, and then passes everything on to it."""

    def __init__(self, build: Callable[[], Starlette]) -> None:
        self._build = build
        self._app: ASGIApp | None = None
        self._failure: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._not_yet(scope["path"])(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1013})

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
            app = await asyncio.to_thread(self._build)
            async with app.router.lifespan_context(app):
                self._app = app
                await stopping.wait()
                self._app = None
        except Exception as error:  # without it the page would say "starting" for ever
            _LOG.exception("the app could not be built")
            self._failure = f"The app could not start: {type(error).__name__}: {error}"

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
