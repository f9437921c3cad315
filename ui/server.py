"""The app on one port: the studio's pages at ``/``, the demo at ``/demo/``, REST at ``/api/``.

Gradio and Streamlit take seconds to import, so a front door opens the port at once, shows a page
that says so, and hands over to the pages, then to the demo, when they are built. Models load later
still, beside the pages.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import uvicorn

from db.errors import StudioError
from db.work_folders import remove_left_behind
from ui.face_measuring import start_measuring
from ui.front_door import FrontDoor, Part
from ui.guard import LOCAL_HOSTS, Guard
from ui.navigation import entries
from ui.studio import Studio, open_studio
from ui.theme import TITLE, gradio_theme, streamlit_options

if TYPE_CHECKING:
    from fastapi import FastAPI

_LOG = logging.getLogger(__name__)
Only = Literal["all", "demo"]

_SHELL = Path(__file__).parent / "streamlit_shell.py"
#: Enforced while an upload arrives; ``core.images`` refuses larger files anyway.
_MAX_UPLOAD_MB = 64
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


class ServeError(ValueError):
    """The app cannot start as asked; the message is one clear line."""


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    home: Path | None = None,
    model: Path | None = None,
    teachers: Sequence[Path] | None = None,
    device: str = "auto",
    auth: Sequence[str] = (),
    only: Only = "all",
    open_browser: bool = True,
) -> None:
    """Run the app until it is stopped. Raises ServeError before anything is opened.

    ``auth`` is ``NAME:PASSWORD`` for each person; without it only this machine may be served.
    """
    users = _users(auth)
    hosts = _hosts(host, logged_in=bool(users))
    if model is not None and not model.is_file():
        raise ServeError(f"--model {model}: no such file")
    _check_port(host, port)
    os.environ.update(_QUIET)
    studio = open_studio(home, model, teachers, device)
    remove_left_behind(studio.home)

    def last() -> FastAPI:
        demo = build_demo_app(studio, in_shell=only == "all")
        studio.models.start()  # after the pages: both would only slow each other down
        if only == "all":
            _tend(studio)
            start_measuring(studio.home)
        return demo

    pages = Part(prefix="/", build=lambda: build_pages(studio, only))
    app = Guard(FrontDoor(pages, Part(prefix="/demo", build=last)), hosts, users)
    address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"
    print(f"{TITLE}: {address}   (data: {studio.home.root}; stop with Ctrl+C)", flush=True)
    if open_browser:
        threading.Thread(target=_open_when_up, args=(address,), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="maskpose-") as private:
        tempfile.tempdir = private  # of uploads and results too: nobody else's, gone at the end
        signal.signal(signal.SIGTERM, _end)  # so that the temporary files go
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    _end()


def _end(*_: object) -> NoReturn:
    """End well, whatever our daemon threads are at: the interpreter would end them under way, and
    in the midst of C++ (torch, OpenCV) that aborts the process."""
    atexit.register(os._exit, 0)
    sys.exit(0)


def build_pages(studio: Studio, only: Only = "all") -> FastAPI:
    """All but the demo: Streamlit's pages at ``/``, components, REST. Imports Streamlit: 1–2 s."""
    from fastapi import FastAPI
    from starlette.responses import RedirectResponse

    from ui.api import add_api
    from ui.page_components import add_component_files
    from ui.pages_ahead import PagesAhead

    streamlit_app = _streamlit_app() if only == "all" else None
    app = FastAPI(
        title=TITLE,
        lifespan=streamlit_app.lifespan() if streamlit_app else None,
        docs_url=None,  # would fetch scripts from the internet; /api/ shows the same
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    add_api(app, studio, only_demo=only == "demo")
    add_component_files(app)
    if streamlit_app:
        app.mount("/", PagesAhead(streamlit_app))
    else:
        app.add_route("/", lambda request: RedirectResponse("/demo/"))
    return app


def build_demo_app(studio: Studio, *, in_shell: bool = True) -> FastAPI:
    """The Gradio demo at ``/demo/``, with the shell's menu or alone. Imports Gradio: seconds."""
    import gradio as gr
    from fastapi import FastAPI
    from starlette.responses import RedirectResponse

    from ui.gradio_demo import build_demo, page_head
    from ui.photo_view import view_css

    app = FastAPI(openapi_url=None)
    app.add_route("/demo", lambda request: RedirectResponse("/demo/"))
    return gr.mount_gradio_app(
        app,
        build_demo(studio, entries() if in_shell else ()),
        path="/demo",
        theme=gradio_theme(),
        head=page_head(),
        css=view_css(),
        max_file_size=f"{_MAX_UPLOAD_MB}mb",
        allowed_paths=[],
        blocked_paths=[str(studio.home.root)],
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        ssr_mode=False,
        pwa=False,
        mcp_server=True,
    )


def _streamlit_app():
    import streamlit as st
    from streamlit import config

    for name, value in streamlit_options().items():
        config.set_option(name, value)
    config.set_option("server.maxUploadSize", _MAX_UPLOAD_MB)
    for name in ("uvicorn.access", "uvicorn.error"):  # Streamlit has just made them talkative
        logging.getLogger(name).setLevel(logging.WARNING)
    return st.App(_SHELL)


def _tend(studio: Studio) -> None:
    """Trainings that waited, or died, while nobody was there to see it."""
    from trainer.jobs.local import tend

    try:
        tend(studio.home)
    except (StudioError, OSError):  # the Train page looks again whenever somebody visits it
        _LOG.exception("cannot look after the trainings")


def _users(auth: Sequence[str]) -> dict[str, str]:
    """Name → password."""
    users = {}
    for one in auth:
        name, _, password = one.partition(":")
        if not name or len(password) < 8:
            raise ServeError(
                "--auth: expected NAME:PASSWORD with a password of at least 8 characters"
            )
        users[name] = password
    return users


def _hosts(host: str, *, logged_in: bool) -> frozenset[str] | None:
    """The host names to answer for. Only with a login may other machines come."""
    if host in LOCAL_HOSTS:
        return LOCAL_HOSTS
    if not logged_in:
        raise ServeError(
            f"--host {host} would let other machines in: add --auth NAME:PASSWORD, or leave the "
            "host at 127.0.0.1"
        )
    return None


def _check_port(host: str, port: int) -> None:
    """Say that the port is taken before models are loaded for nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "there is no such port"
            raise ServeError(
                f"cannot listen on {host}:{port} ({reason}); choose another --port"
            ) from None


def _open_when_up(address: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(address, timeout=1)
        except OSError:
            time.sleep(0.1)
        else:
            webbrowser.open(address)
            return
