"""Leads the training of a run on a Ray cluster from this machine.

A worker starts this as ``python -m trainer.jobs.ray_stage HOME RUN`` in place of
``trainer.redistill``. Only this machine opens the database: the nodes of the cluster see the run's
folder (on storage that all share) and what this process leaves there.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import shlex
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.whole_files import write_whole
from db.database import connect
from db.errors import StudioError
from db.home import Home
from db.runs import Run, get_run
from trainer.jobs.lifeline import GRACE_S, watch_lifeline
from trainer.jobs.ray_cluster import NoCluster, open_client
from trainer.jobs.run_files import RunFiles
from trainer.loop import TrainingStopped
from trainer.redistill import (
    config_of,
    guarded,
    request_of,
    require_labels,
    require_same_recipe,
    serving_model,
)

if TYPE_CHECKING:
    from ray.job_submission import JobStatus, JobSubmissionClient

POLL_S = 2.0
#: The cluster may be out of reach for so long before the run fails.
SILENCE_S = 120.0
#: What Ray's client raises then: errors of ``requests``, which are OSErrors, and status codes.
_NO_ANSWER = (OSError, RuntimeError)
#: In the message where the cluster answers that it has no such job; any other code is trouble.
UNKNOWN = "status code 404"
#: What no node needs of the program's folder; the rest is sent to each of them.
LEFT_OUT = [".*_cache", ".hypothesis", ".ci", "runs", "tests", "docs", "benchmarks", "__pycache__"]
_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Have the run trained to its end; on a failure leave word for the worker."""
    home, run_id = Home.at(Path(arguments[0])), int(arguments[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files, stop = RunFiles.of(home, run_id), watch_lifeline()
    with connect(home, read_only=True) as db:
        run = get_run(db, run_id)
    return guarded(files, lambda: lead(home, run, stop))


def lead(home: Home, run: Run, stop: threading.Event) -> None:
    """Submit the Ray job, or find the one that goes on, and follow it to its end."""
    files = RunFiles.of(home, run.id)
    describe(home, run)
    client, beats = open_client(), itertools.count(time.time_ns())
    logging.getLogger("ray").setLevel(logging.WARNING)  # or it tells of every file it packs
    write_whole(files.leader, str(next(beats)).encode())
    job = _running_job(client, files) or _submit(client, home, run)
    for status in _follow(client, job):
        if status is not None and status.is_terminal():
            return _require_success(status.value, files)
        if stop.is_set():
            _stop(client, job, files)
            raise TrainingStopped("stopped; what the cluster saved is kept")
        write_whole(files.leader, str(next(beats)).encode())
        time.sleep(POLL_S)


def describe(home: Home, run: Run) -> None:
    """Leave in the run's folder all that the nodes need to know. Raises StudioError."""
    files, config = RunFiles.of(home, run.id), config_of(run)
    name, path = config.champion or ("champion", str(serving_model(home)))
    if not Path(path).resolve().is_relative_to(home.root):  # the shipped one lies with the program
        shared = files.root / "champion.safetensors"
        if not shared.exists():
            write_whole(shared, Path(path).read_bytes())
        path = str(shared)
    config = replace(config, champion=(name, path))
    run = replace(run, config=config.to_json())
    request = request_of(home, run)  # takes the snapshot of the labels
    require_labels(files)
    require_same_recipe(request)
    write_whole(files.description, json.dumps(asdict(run)).encode())


def _running_job(client: JobSubmissionClient, files: RunFiles) -> str | None:
    """The job of an earlier leader of this run that went on when that one died. Raises NoCluster
    where nobody says: a second job must not write the same checkpoint."""
    if not files.ray_job.exists():
        return None
    job = files.ray_job.read_text()
    try:
        if not client.get_job_status(job).is_terminal():
            return job
    except _NO_ANSWER as error:
        if UNKNOWN not in str(error):
            raise NoCluster(f"the cluster does not say whether {job} goes on: {error}") from error
        return None  # it never arrived, or the cluster was started anew
    files.ray_job.unlink()
    return None


def _submit(client: JobSubmissionClient, home: Home, run: Run) -> str:
    """Its id is written down before the cluster hears of it, so that whoever leads the run next
    asks for this job. Where it is unknown it is sent again with the same id: should the first one
    arrive after all, Ray refuses the second. Raises NoCluster."""
    files = RunFiles.of(home, run.id)
    if not files.ray_job.exists():
        write_whole(files.ray_job, f"maskpose-run-{run.id}-{os.urandom(8).hex()}".encode())
    job = files.ray_job.read_text()
    words = ["python", "-m", "trainer.cluster_job", str(home.root), str(run.id)]
    try:
        return client.submit_job(
            entrypoint=shlex.join(words),
            submission_id=job,
            runtime_env={
                "working_dir": str(_ROOT),
                "excludes": LEFT_OUT,
                "env_vars": {"RAY_COLOR_PREFIX": "0"},  # the page shows the log as it is
            },
            metadata={"run": str(run.id), "recipe": run.recipe},
        )
    except _NO_ANSWER as error:
        raise NoCluster(f"the cluster did not take {job}: {error}; resume the run") from error


def _follow(client: JobSubmissionClient, job: str) -> Iterator[JobStatus | None]:
    """The job's status again and again, None while nobody answers; what it prints goes to our log.

    Raises NoCluster after ``SILENCE_S`` without an answer.
    """
    shown, answered_at = 0, time.monotonic()
    while True:
        try:
            status, log = client.get_job_status(job), client.get_job_logs(job)
        except _NO_ANSWER as error:
            if time.monotonic() - answered_at > SILENCE_S:
                raise NoCluster(f"the cluster does not answer any more: {error}") from error
            yield None
            continue
        answered_at = time.monotonic()
        print(log[shown:], end="", flush=True)
        shown = len(log)
        yield status


def _require_success(status: str, files: RunFiles) -> None:
    files.leader.unlink(missing_ok=True)
    if status == "STOPPED":
        raise StudioError("somebody stopped the job on the cluster; resume the run to go on")
    if status != "SUCCEEDED":  # the job left word of why; where not, it was killed
        sys.exit(1)


def _stop(client: JobSubmissionClient, job: str, files: RunFiles) -> None:
    """Ask the job to save and end; end it where that takes too long."""
    files.leader.unlink(missing_ok=True)
    deadline = time.monotonic() + GRACE_S / 2
    while time.monotonic() < deadline:
        with contextlib.suppress(*_NO_ANSWER):
            if client.get_job_status(job).is_terminal():
                return
        time.sleep(0.5)
    with contextlib.suppress(*_NO_ANSWER):  # without a leader it ends by itself
        client.stop_job(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
