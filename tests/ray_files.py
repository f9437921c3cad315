"""A real Ray cluster of one node with two CPUs and authentication, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trainer.jobs.devices import RAY_ADDRESS

TOKEN = "a-token-for-tests-of-at-least-32-characters"
# Ray reads these when it is imported, and never again.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
#: A head takes 8 s on an idle machine.
START_WITHIN_S = 900.0
#: Patience for a busy machine; a healthy cluster never notices.
_PATIENCE = {
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "600",
    "RAY_health_check_timeout_ms": "120000",
    "RAY_health_check_period_ms": "30000",
}


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextmanager
def ray_cluster() -> Iterator[Mapping[str, str]]:
    """Start a head node; yields the environment in which the app finds it."""
    port = free_port()
    here = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_USAGE_STATS_ENABLED": "0",
        RAY_ADDRESS: f"http://127.0.0.1:{port}",
    }
    folder = tempfile.mkdtemp(prefix="ray")  # short: sockets lie in it
    bin_folder = str(Path(sys.executable).parent)
    command = [
        *(f"{bin_folder}/ray", "start", "--head", "--block", "--num-cpus=2"),
        *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--port={free_port()}"),
        *(f"--dashboard-port={port}", f"--dashboard-agent-listen-port={free_port()}"),
        *(f"--temp-dir={folder}", "--object-store-memory=200000000", "--disable-usage-stats"),
    ]
    environment = os.environ | here | _PATIENCE
    environment["PATH"] = f"{bin_folder}{os.pathsep}{environment['PATH']}"
    environment.pop(RAY_ADDRESS)
    with (Path(folder) / "start.log").open("wb") as log:
        head = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(port, head, Path(folder) / "start.log")
        yield here
    finally:
        _end(head)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, head: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and head.poll() is None:
        if "Ray runtime started" in log.read_text(errors="replace"):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return
        time.sleep(0.5)
    raise TimeoutError(f"Ray did not start: {log.read_text(errors='replace')[-2000:]}")


def _end(head: subprocess.Popen[bytes]) -> None:
    head.send_signal(signal.SIGTERM)
    try:
        head.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()
