"""Who may talk to the app: an ASGI gate in front of all three toolkits, http and websockets.

A page on the internet can make a browser send requests to this machine. Three rules stop it:
the ``Host`` must be one of ours (no DNS rebinding), a browser must say that a request which
changes something comes from our own page (no cross-site requests), and on an address that other
machines can reach everybody has to log in. Without a login people may say who they are: several
label by turns on one computer, and each label carries the name of who gave it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote, urlsplit

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
#: The header that tells the pages who it is, percent-encoded; never believed when it comes from
#: outside.
USER_HEADER = "x-maskpose-user"
#: What a browser remembers of who sits before it, percent-encoded; it counts only without a login.
NAME_COOKIE = "maskpose-name"
#: What a page calls who works in it, percent-encoded. It counts more than the cookie: another tab
#: may have changed that since the page was opened.
PAGE_HEADER = "x-maskpose-annotator"
MAX_NAME = 200
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    # whatever a page is made to say, no picture is fetched from elsewhere and tells who looks
    "content-security-policy": "img-src 'self' data: blob:; media-src 'self' data: blob:",
}


class Guard:
    """Wraps ``app``. ``hosts`` are the host names that are ours; None accepts any (with login).

    ``users`` maps names to passwords; empty means that nobody has to log in.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] | None = LOCAL_HOSTS,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(hosts)
        self._users = dict(users or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
            return
        user = self._user(headers) if self._users else _chosen_name(headers)
        own = USER_HEADER.encode()
        kept = [(name, value) for name, value in scope["headers"] if name != own]
        if user:
            kept.append((own, quote(user).encode()))
        await self._app({**scope, "headers": kept}, receive, _with_policy(send))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        host = headers.get("host", "")
        if self._hosts is not None and _hostname(host) not in self._hosts:
            return PlainTextResponse(f"this server does not answer for host {host!r}\n", 421)
        if self._users:
            user, named = self._user(headers), _name(headers.get(PAGE_HEADER))
            if user is None:
                ask = {"www-authenticate": 'Basic realm="MaskPose Studio", charset="UTF-8"'}
                return PlainTextResponse("log in to use this studio\n", 401, headers=ask)
            if named not in (None, user):  # a page from before somebody else logged in
                return PlainTextResponse(f"{named} opened this page, not {user}: reload it\n", 401)
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if changes and not _is_from_own_page(headers, host):
            return PlainTextResponse("requests from other sites are refused\n", 403)
        return None

    def _user(self, headers: Mapping[str, str]) -> str | None:
        """The name behind valid credentials."""
        kind, _, encoded = headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = self._users.get(name)
        right = hmac.compare_digest(password.encode(), (known or "").encode())
        return name if known is not None and right else None


def _chosen_name(headers: Mapping[str, str]) -> str | None:
    named = _name(headers.get(PAGE_HEADER))
    if named:
        return named
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(NAME_COOKIE)
    except CookieError:
        return None
    return _name(morsel.value) if morsel else None


def _name(quoted: str | None) -> str | None:
    name = unquote(quoted or "").strip()
    return name if 0 < len(name) <= MAX_NAME else None


def _is_from_own_page(headers: Mapping[str, str], host: str) -> bool:
    """Browsers name the page behind a request; programs (curl, scripts) do not and may pass."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _refuse(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await refusal(scope, receive, send)
    else:  # closing before accepting: the handshake fails with 403
        await send({"type": "websocket.close", "code": 1008})


def _with_policy(send: Send) -> Send:
    """Adds the headers that keep other sites from framing our pages or guessing types."""

    async def send_with_policy(message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            extra = [(k.encode(), v.encode()) for k, v in _POLICY.items()]
            message["headers"] = [
                *message["headers"],
                *(pair for pair in extra if pair[0] not in present),
            ]
        await send(message)

    return send_with_policy
