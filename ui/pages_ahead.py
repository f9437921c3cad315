"""Begins a page's work when its address is asked for, not when the browser has loaded its scripts.

A browser takes about a second before Streamlit runs the page. Meanwhile the page's module is
imported, and what its first chart shows is counted: by the module's ``count_ahead(studio)``, where
it has one. The page finds the counts in the cache, or waits for the rest of them.
"""

from __future__ import annotations

import logging
import threading
from importlib import import_module
from itertools import chain

from starlette.types import ASGIApp, Receive, Scope, Send

from ui.navigation import MENUS, PAGES, Page
from ui.studio import current_studio

_LOG = logging.getLogger(__name__)
_PAGES = {page.address: page for page in chain(PAGES, *(menu.pages for menu in MENUS))}


class PagesAhead:
    """Wraps Streamlit's ``app``. One page is prepared at a time; others meanwhile are not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._preparing = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = page_asked_for(scope)
        if page and self._preparing.acquire(blocking=False):
            # A daemon: nobody waits for counts when the server stops.
            threading.Thread(target=self._prepare, args=(page,), daemon=True).start()
        await self._app(scope, receive, send)

    def _prepare(self, page: Page) -> None:
        try:
            count_ahead = getattr(import_module(page.module), "count_ahead", None)
            if count_ahead:
                count_ahead(current_studio())
        except Exception:  # the page itself will meet the same and show it
            _LOG.debug("%s could not be prepared", page.path, exc_info=True)
        finally:
            self._preparing.release()


def page_asked_for(scope: Scope) -> Page | None:
    """The page that a person opens as it is: without choices in its address, which it would count
    instead, and not as a picture on somebody else's page."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    if dict(scope["headers"]).get(b"sec-fetch-dest", b"document") != b"document":
        return None
    return _PAGES.get(scope["path"])
