"""Who sits before this browser, where nobody has to log in."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from starlette.responses import RedirectResponse

from ui.guard import MAX_NAME, NAME_COOKIE
from ui.studio import Studio

_A_YEAR_S = 365 * 24 * 3600


class Me(BaseModel):
    name: str


def add_routes(router: APIRouter, studio: Studio) -> None:
    @router.get("/me", tags=["server"])
    def me(request: Request) -> Me:
        """Under which name labels and opinions are kept."""
        return Me(name=studio.who(request.headers))

    @router.post("/me", tags=["server"], status_code=303, response_class=RedirectResponse)
    def call_me(
        annotator: Annotated[str, Form(min_length=1, max_length=MAX_NAME)],
        back: Annotated[str, Form(description="the page to return to")] = "/",
    ) -> Response:
        """Keep a name in a cookie and go back to a page of ours. With a login it has no effect."""
        reply = RedirectResponse(_own_page(back), 303)
        reply.set_cookie(
            NAME_COOKIE,
            quote(annotator.strip()),
            max_age=_A_YEAR_S,
            httponly=True,
            samesite="strict",
        )
        return reply


def _own_page(address: str) -> str:
    """Path and query alone: never the address of another site."""
    parts = urlsplit(address)
    path = "/" + parts.path.lstrip("/\\")
    return f"{path}?{parts.query}" if parts.query else path
