"""A server of the app in a process of its own, and its REST interface without a library."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
#: For a start, and for a training, also on a busy machine.
PATIENCE_S = 3600.0
_ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class StudioClient:
    """``api`` is the address below which the routes lie."""

    api: str

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.api}/{path}", timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the route answers. Raises RuntimeError with its explanation."""
        request = urllib.request.Request(
            f"{self.api}/{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.read().decode()}") from error

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """The items of all pages of a list."""
        while path:
            page = self.get(path)
            yield from page["items"]
            path = (page["next"] or "").rpartition("/api/v1/")[2]

    def train(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One click on *Retrain*, and the model that came of it."""
        run = self.post("runs", body)["id"]
        self.await_end(run)
        return next(m for m in self.get("models") if m["run_id"] == run)

    def await_end(self, run: int) -> None:
        """Until a run is over. Raises RuntimeError where it did not finish well."""
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.get(f"runs/{run}"))["status"] in _ACTIVE:
            if time.monotonic() > deadline:
                raise RuntimeError(f"run {run} is still {state['status']}: {state['phase']}")
            time.sleep(2)
        if state["status"] != "finished":
            raise RuntimeError(f"run {run} {state['status']}: {state['error']}")


@contextmanager
def serving(home: Path) -> Iterator[StudioClient]:
    """``launch.py serve`` over this home folder, its models loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "launch.py", "serve", "--no-browser", f"--port={port}"]
    process = subprocess.Popen([*command, f"--home={home}"], cwd=ROOT, stdout=sys.stderr)
    try:
        client = StudioClient(f"http://127.0.0.1:{port}/api/v1")
        _await_models(client, process)
        yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _await_models(client: StudioClient, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        with contextlib.suppress(OSError, ValueError):
            if client.get("health")["status"] == "ready":
                return
        time.sleep(1)
    raise RuntimeError("the models did not load")
