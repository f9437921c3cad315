"""Leads one run from its claim to its end: starts its processes, watches and stops them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.database import connect
from db.home import Home
from db.runs import Request, Run, beat, set_status
from trainer.jobs.devices import RAY, missing_devices
from trainer.jobs.lifeline import GRACE_S
from trainer.jobs.metrics_tail import MetricsTail
from trainer.jobs.run_files import RunFiles

BEAT_S = 1.0
#: A killed training goes on from its checkpoint as often; then a person has to look.
RESTARTS = 2
SMALLEST_BATCH = 4
_ROOT = Path(__file__).resolve().parents[2]

#: The two stages of a training, each a module that is run as a process.
TRAINING, COMPARISON = "trainer.redistill", "trainer.challenge"
#: In place of the first where a Ray cluster trains: leads it from here.
CLUSTER_TRAINING = "trainer.jobs.ray_stage"
#: Runs that are no training, by their recipe: one process each.
JOBS: Mapping[str, str] = {
    "answer": "trainer.answer_faces",
    "measure": "trainer.measure",
    "survey": "trainer.survey",
    "check_labels": "trainer.label_check",
}
#: (module, home, run) → the command of one stage.
Command = Callable[[str, Home, Run], Sequence[str]]


class StageFailed(Exception):
    """The run cannot go on; the message is one line for a person."""


class ProcessFailed(StageFailed):
    """A process ended badly; ``kind`` is that of its failure.json, or ``killed``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Stopped(Exception):
    """A person asked the run to stop."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.request = request


def stage_command(module: str, home: Home, run: Run) -> Sequence[str]:
    """One process for one device; for trainings ``torchrun`` for several, or a cluster's."""
    devices = run.device.split(",")
    if run.device == RAY and module == TRAINING:
        module = CLUSTER_TRAINING
    words = ["-m", module, str(home.root), str(run.id)]
    if len(devices) == 1 or module != TRAINING:
        return [sys.executable, *words]
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={len(devices)}"]
    return [sys.executable, *several, *words]


@dataclass
class Supervisor:
    """``locks`` are file descriptors that the processes inherit: they hold the device, too."""

    home: Home
    run: Run
    locks: Sequence[int] = ()
    command: Command = stage_command

    def __post_init__(self) -> None:
        self.files = RunFiles.of(self.home, self.run.id)
        self.files.root.mkdir(parents=True, exist_ok=True)
        self.tail = MetricsTail(self.files.training, self.run.id)

    def lead(self) -> None:
        """Do what is left of the run, and write down how it ended."""
        try:
            if self.run.recipe in JOBS:
                self._do(JOBS[self.run.recipe], lambda: "starting", 0.0)
            else:
                self._teach()
            self._end("finished")
            self.files.forget_training()  # not before: without a model the run would begin anew
        except Stopped as stopped:
            self._end("cancelled" if stopped.request == "cancel" else "paused")
        except StageFailed as failure:
            self._end("failed", str(failure))

    def _teach(self) -> None:
        """The training, where it is not done yet, and its comparison with the champion."""
        if not self.files.model.exists():
            self._do(TRAINING, lambda: self.tail.phase(), 0.0)
        self._do(COMPARISON, lambda: "comparing with the champion", 0.95)

    def _do(self, module: str, phase: Callable[[], str], floor: float) -> None:
        """One stage, started again when it was killed and when its batch did not fit."""
        killed = 0
        while True:
            self._require_devices()
            try:
                return self._stage(module, phase, floor)
            except ProcessFailed as failed:
                if failed.kind == "out of memory" and module == TRAINING:
                    self._halve_batch()
                elif failed.kind == "killed" and killed < RESTARTS:
                    killed += 1
                    self._say(f"{failed}; going on from what is saved")
                    self._wait_for_ranks()
                else:
                    raise

    def _require_devices(self) -> None:
        missing = missing_devices(self.run.device) if "cuda" in self.run.device else []
        if missing:
            raise StageFailed(
                f"{', '.join(missing)} is not there any more: see `nvidia-smi`, then resume the run"
            )

    def _wait_for_ranks(self) -> None:
        """The ranks of a killed ``torchrun`` are not in its group: the lifeline ends them."""
        if "," in self.run.device:
            time.sleep(GRACE_S + 1)

    def _halve_batch(self) -> None:
        """Begin anew with half the batch: the steps of the old one no longer fit."""
        if not self.files.has_trained:  # smaller batches would not help
            raise StageFailed(
                "the memory did not suffice to read the faces and to ask the teachers: free some, "
                "or choose another device"
            )
        config = self.files.training / "config.json"
        size = self.files.batch_size() or _recipe_batch_size(config)
        if size is None or size // 2 < SMALLEST_BATCH:
            raise StageFailed(
                "the memory of the device does not suffice, not even for small batches: free some, "
                "or choose another device"
            )
        shutil.rmtree(self.files.training, ignore_errors=True)
        self.files.set_batch_size(size // 2)
        self.tail = MetricsTail(self.files.training, self.run.id)
        self._say(f"out of memory with batches of {size}: going on with {size // 2}")

    def _stage(self, module: str, phase: Callable[[], str], floor: float) -> None:
        """Run one process group to its end, or stop it when a person asks."""
        self.files.take_failure()
        with self.files.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(module, self.home, self.run),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
                env=device_environment(self.run.device),
                start_new_session=True,
                pass_fds=self.locks,
            )
        try:
            while process.poll() is None:
                self._beat(phase(), floor)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(BEAT_S)
        finally:
            stop_group(process)
        self._beat(phase(), floor)
        if process.returncode != 0:
            raise self._failed(process.returncode)

    def _beat(self, phase: str, floor: float) -> None:
        """Say that the run is alive, pass its metrics on, and hear what a person wants."""
        with connect(self.home) as db:
            self.tail.copy(db)
            progress = max(floor, 0.9 * self.tail.progress())
            progress, phase = self.files.said_progress() or (progress, phase)
            request = beat(db, self.run.id, progress=progress, phase=phase)
        if request is not None:
            raise Stopped(request)

    def _failed(self, code: int) -> ProcessFailed:
        failure = self.files.take_failure()
        if failure is not None:
            return ProcessFailed(failure["kind"], failure["message"])
        if code < 0:
            return ProcessFailed(
                "killed",
                f"the process was killed by {signal.Signals(-code).name} (SIGKILL often means "
                "that the machine ran out of memory)",
            )
        last = self.files.log_tail(1)[:200]
        return ProcessFailed("killed", f"the process ended with code {code}: {last}")

    def _end(self, status: str, error: str | None = None) -> None:
        with connect(self.home) as db:
            set_status(db, self.run.id, status, error)  # type: ignore[arg-type]

    def _say(self, text: str) -> None:
        with self.files.log.open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} worker: {text}\n")


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all its children: by the lifeline, after the grace by SIGKILL."""
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S + 2)
    with contextlib.suppress(ProcessLookupError):  # loader processes may outlive their trainer
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def device_environment(device: str) -> dict[str, str]:
    """Only the run's own CUDA devices are visible, numbered as ``nvidia-smi`` does."""
    environment = dict(os.environ)
    if "cuda" in device:
        numbers = [name.partition(":")[2] for name in device.split(",")]
        environment |= {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES": ",".join(numbers),
        }
    return environment


def _recipe_batch_size(config: Path) -> int | None:
    if not config.exists():
        return None
    return int(json.loads(config.read_text())["recipe"]["batch_size"])
