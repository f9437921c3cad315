"""Trainings on this machine: a queue in the database, and a worker process for each device.

The worker is started on demand and outlives whoever started it, so the server may be killed or
restarted while a training goes on. A Ray cluster is one more device (``trainer.jobs.ray_cluster``).
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from db.database import connect
from db.home import Home
from db.runs import Run, get_run, list_runs, request_run, set_status, submit_run
from trainer.jobs.device_lock import device_lock
from trainer.jobs.devices import backend_of
from trainer.jobs.run_files import RunFiles

LOST = "its worker or the machine stopped; resume it: it goes on from its last checkpoint"
#: A worker needs as long to take its device; until then no other one is started for it.
START_PAUSE_S = 15.0
_started: dict[tuple[Home, str], float] = {}
_ROOT = Path(__file__).resolve().parents[2]


class LocalJobs:
    """A ``JobBackend``. Thread-safe: every call opens its own connection."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def submit(self, config: Mapping[str, Any], *, device: str, recipe: str | None = None) -> Run:
        recipe, backend = recipe or str(config["preset"]), backend_of(device)
        with connect(self.home) as db:
            run = submit_run(db, recipe=recipe, config=config, device=device, backend=backend)
        _call_worker(self.home, device)
        return run

    def status(self, run_id: int) -> Run:
        with connect(self.home, read_only=True) as db:
            return get_run(db, run_id)

    def cancel(self, run_id: int) -> Run:
        with connect(self.home) as db:
            return request_run(db, run_id, "cancel")

    def pause(self, run_id: int) -> Run:
        with connect(self.home) as db:
            return request_run(db, run_id, "pause")

    def resume(self, run_id: int) -> Run:
        with connect(self.home) as db:
            run = set_status(db, run_id, "queued")
        _call_worker(self.home, run.device)
        return run

    def logs(self, run_id: int, lines: int = 50) -> str:
        return RunFiles.of(self.home, run_id).log_tail(lines)


def _call_worker(home: Home, device: str) -> None:
    """Start a worker, and remember it for the time in which nobody can see it at work yet."""
    _started[home, device] = time.monotonic()
    start_worker(home, device)


def start_worker(home: Home, device: str) -> None:
    """A worker for this device; where one is at work already, the new one ends at once."""
    log = home.root / "runs" / f"worker-{device.replace(':', '-')}.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "trainer.worker", "--home", str(home.root), "--device", device],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=_ROOT,
            start_new_session=True,
        )
    # collects its exit code when it ends before us, so that no zombie stays
    threading.Thread(target=process.wait, name="worker-exit", daemon=True).start()


def start_workers(home: Home) -> None:
    """A worker for every device that a run waits for and nobody works on."""
    with connect(home, read_only=True) as db:
        devices = {run.device for run in list_runs(db, status="queued")}
    for device in sorted(devices):
        with device_lock(home, device) as locks:
            is_free = locks is not None
        recently = time.monotonic() - _started.get((home, device), -math.inf) < START_PAUSE_S
        if is_free and not recently:
            _call_worker(home, device)


def tend(home: Home) -> None:
    """Whatever died meanwhile: lost runs can be resumed after this, waiting ones have a worker."""
    find_lost_runs(home)
    start_workers(home)


def find_lost_runs(home: Home) -> list[Run]:
    """Runs said to be running that nobody works on any more: now failed, and to be resumed."""
    with connect(home, read_only=True) as db:
        devices = {run.device for run in list_runs(db, status="running")}
    lost = []
    for device in devices:
        with device_lock(home, device) as locks:
            if locks is not None:
                lost += mark_lost(home, device)
    return lost


def forget_trainings(home: Home) -> None:
    """Free what finished runs no longer need, where a worker died just before it would have.

    Of the last hundred only, as every worker begins with this.
    """
    with connect(home, read_only=True) as db:
        finished = list_runs(db, status="finished")
    for run in finished:
        with contextlib.suppress(OSError):  # a file that stays is no reason not to train
            RunFiles.of(home, run.id).forget_training()


def mark_lost(home: Home, device: str) -> list[Run]:
    """Fail the runs of a device whose lock the caller holds: whoever led them is dead."""
    with connect(home) as db:
        return [
            set_status(db, run.id, "failed", LOST)
            for run in list_runs(db, status="running")
            if run.device == device
        ]
