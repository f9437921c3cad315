"""Who is let in, what the port says while the app is built, and when it refuses to start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from waiting import wait_for

from ui import server
from ui.front_door import FrontDoor, Part
from ui.guard import NAME_COOKIE, PAGE_HEADER, USER_HEADER, Guard


def small_app() -> FastAPI:
    """Says who asks, over http and websocket."""
    app = FastAPI()

    @app.api_route("/who", methods=["GET", "POST"])
    def who(request: Request) -> dict[str, str | None]:
        return {"who": request.headers.get(USER_HEADER)}

    @app.websocket("/socket")
    async def socket_(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.headers.get(USER_HEADER, "nobody"))

    return app


def client_of(guard: Guard, host: str = "127.0.0.1:8000") -> TestClient:
    return TestClient(guard, base_url=f"http://{host}")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_this_machine_is_let_in(host: str) -> None:
    assert client_of(Guard(small_app()), host).get("/who").json() == {"who": None}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[bad"])
def test_other_host_names_are_not_answered(host: str) -> None:
    reply = client_of(Guard(small_app())).get("/who", headers={"host": host})
    assert reply.status_code == 421


def test_pages_of_other_sites_can_neither_post_nor_open_a_socket() -> None:
    client = client_of(Guard(small_app()))
    foreign = {"origin": "http://evil.example"}
    assert client.get("/who", headers=foreign).status_code == 200
    assert client.post("/who", headers=foreign).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers=foreign):
        pass
    own = {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}
    assert client.post("/who", headers=own).status_code == 200
    with client.websocket_connect("/socket", headers=own) as socket_:
        assert socket_.receive_text() == "nobody"


def test_with_a_login_everybody_must_give_it_and_is_known_by_name() -> None:
    client = client_of(Guard(small_app(), None, {"ann": "a long password"}), "studio.lan")
    assert client.get("/who").status_code == 401
    assert client.get("/who", auth=("ann", "wrong")).status_code == 401
    assert client.get("/who", auth=("bob", "a long password")).status_code == 401
    assert client.get("/who", auth=("ann", "a long password")).json() == {"who": "ann"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket"):
        pass


def test_nobody_can_claim_to_be_somebody() -> None:
    reply = client_of(Guard(small_app())).get("/who", headers={USER_HEADER: "ann"})
    assert reply.json() == {"who": None}


def test_without_a_login_people_say_who_they_are() -> None:
    cookies = {"cookie": f"{NAME_COOKIE}=J%C3%BCrgen%20B; other=1"}
    assert client_of(Guard(small_app())).get("/who", headers=cookies).json() == {
        "who": "J%C3%BCrgen%20B"
    }
    with_login = client_of(Guard(small_app(), users={"ann": "a long password"}))
    reply = with_login.get("/who", auth=("ann", "a long password"), headers=cookies)
    assert reply.json() == {"who": "ann"}  # a login is not outdone by a cookie


def test_a_page_keeps_its_own_name_and_cannot_outdo_a_login() -> None:
    named = {"cookie": f"{NAME_COOKIE}=dora", PAGE_HEADER: "J%C3%BCrgen"}
    assert client_of(Guard(small_app())).get("/who", headers=named).json() == {"who": "J%C3%BCrgen"}
    with_login = client_of(Guard(small_app(), users={"ann": "a long password"}))
    assert with_login.post("/who", headers=named).status_code == 401
    login = ("ann", "a long password")
    refused = with_login.post("/who", auth=login, headers=named)
    assert refused.status_code == 401 and "Jürgen opened this page, not ann" in refused.text
    assert "www-authenticate" not in refused.headers  # the browser must not ask for a password
    assert with_login.post("/who", auth=login, headers={PAGE_HEADER: "ann"}).json() == {
        "who": "ann"
    }


@pytest.mark.parametrize("name", ["", "%20", "x" * 201])
def test_a_name_that_is_none_is_nobodys(name: str) -> None:
    cookies = {"cookie": f"{NAME_COOKIE}={name}"}
    assert client_of(Guard(small_app())).get("/who", headers=cookies).json() == {"who": None}


def test_pages_say_that_other_sites_may_not_frame_them() -> None:
    headers = client_of(Guard(small_app())).get("/who").headers
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == (
        "SAMEORIGIN",
        "nosniff",
    )
    assert "img-src 'self' data: blob:" in headers["content-security-policy"]


@pytest.fixture
def slow_door() -> Iterator[tuple[FrontDoor, threading.Event, list[str]]]:
    """A front door whose app is built when the event is set."""
    go, story = threading.Event(), list[str]()

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        story.append("started")
        yield
        story.append("stopped")

    def build() -> FastAPI:
        go.wait(30)
        app = FastAPI(lifespan=lifespan)
        app.add_api_route("/", lambda: "the app")
        return app

    yield FrontDoor(Part(prefix="/", build=build)), go, story
    go.set()


def test_the_port_answers_while_the_app_is_built(slow_door) -> None:
    door, go, story = slow_door
    with TestClient(door) as client:
        page = client.get("/")
        assert page.status_code == 503 and "Starting" in page.text
        assert client.get("/api/v1/health").headers["content-type"] == "application/problem+json"
        go.set()
        wait_for(lambda: client.get("/").status_code == 200)
        assert client.get("/").json() == "the app"
    assert story == ["started", "stopped"]


def test_the_pages_do_not_wait_for_the_demo(slow_door) -> None:
    _, go, _ = slow_door
    pages, demo = FastAPI(), FastAPI()
    pages.add_api_route("/home", lambda: "the pages")
    demo.add_api_route("/demo/", lambda: "the demo")

    def build_demo() -> FastAPI:
        go.wait(30)
        return demo

    door = FrontDoor(Part(prefix="/", build=lambda: pages), Part(prefix="/demo", build=build_demo))
    with TestClient(door) as client:
        wait_for(lambda: client.get("/home").status_code == 200)
        waiting = ThreadPoolExecutor(1).submit(client.get, "/demo/")
        assert client.get("/home").json() == "the pages" and not waiting.done()
        go.set()
        assert waiting.result(30).json() == "the demo"


def test_a_demo_that_cannot_be_built_is_told_on_every_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> FastAPI:
        raise RuntimeError("the disk is full")

    door = FrontDoor(Part(prefix="/", build=FastAPI), Part(prefix="/demo", build=fail))
    with TestClient(door) as client:
        wait_for(lambda: "the disk is full" in client.get("/").text)
        assert "the disk is full" in client.get("/demo/").text
    assert "could not be built" in caplog.text


def test_an_app_that_cannot_be_built_says_why(caplog: pytest.LogCaptureFixture) -> None:
    def build() -> FastAPI:
        raise RuntimeError("the disk is full")

    with TestClient(FrontDoor(Part(prefix="/", build=build))) as client:
        wait_for(lambda: "the disk is full" in client.get("/").text)
    assert "could not be built" in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::"])
def test_other_addresses_need_a_login(host: str) -> None:
    with pytest.raises(server.ServeError, match="--auth NAME:PASSWORD"):
        server.serve(host=host, open_browser=False)


@pytest.mark.parametrize("auth", ["ann", "ann:", "ann:short", ":a long password"])
def test_a_login_without_name_or_with_a_short_password_is_refused(auth: str) -> None:
    with pytest.raises(server.ServeError, match="at least 8 characters"):
        server.serve(auth=[auth], open_browser=False)


def test_a_port_that_is_taken_is_named_before_anything_is_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(server.ServeError, match=f"cannot listen on 127.0.0.1:{port}"):
            server.serve(port=port, open_browser=False)


def test_a_port_that_cannot_be_is_named_too() -> None:
    with pytest.raises(server.ServeError, match=r"127\.0\.0\.1:70000 \(there is no such port"):
        server.serve(port=70_000, open_browser=False)


#: The app without pages and models, but with a thread that is in C++ all the time, as those are
#: that load models, measure faces and import photos.
_BUSY_APP = """
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
from fastapi import FastAPI

from ui import server
from ui.model_shelf import ModelShelf

def blur():
    image = np.zeros((500, 500, 3), np.uint8)
    while True:
        cv2.GaussianBlur(image, (31, 31), 0)

def start(shelf):
    threading.Thread(target=blur, daemon=True).start()
    print("busy", flush=True)

ModelShelf.start = start
server.build_pages = server.build_demo_app = lambda *given, **named: FastAPI()
server.serve(home=Path(sys.argv[1]), port=0, open_browser=False)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_app_ends_well_whatever_its_threads_are_at(how: signal.Signals, tmp_path: Path) -> None:
    """It ended with ``terminate called without an active exception`` and exit status -6."""
    with subprocess.Popen(
        [sys.executable, "-c", _BUSY_APP, str(tmp_path)],
        cwd=Path(server.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as app:
        assert app.stdout
        assert "busy\n" in app.stdout, app.communicate()
        app.send_signal(how)
        assert (app.communicate(timeout=60)[1], app.returncode) == ("", 0)
