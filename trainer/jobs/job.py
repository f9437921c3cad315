"""The frame of a run that is one process: opens it, lets it be stopped, tells how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.database import connect
from db.home import Home
from db.runs import Run, get_run
from trainer.jobs.lifeline import watch_lifeline
from trainer.jobs.run_files import RunFiles
from trainer.loop import TrainingStopped
from trainer.redistill import guarded

_SAY_EVERY_S = 0.5


@dataclass
class Progress:
    """Passed to the work, which calls it often: it also is where a stopped job ends."""

    files: RunFiles
    stop: threading.Event
    said_at: float = 0.0

    def __call__(self, done: float, phase: str) -> None:
        """``done`` 0 … 1. Raises TrainingStopped where somebody asked for a stop."""
        if self.stop.is_set():
            raise TrainingStopped(f"stopped while {phase}")
        now = time.monotonic()
        if now - self.said_at >= _SAY_EVERY_S:
            self.files.say_progress(done, phase)
            self.said_at = now


#: (home, run, progress) → the work of a job; the run is the only thing that says what to do.
Work = Callable[[Home, Run, Progress], None]


def main(arguments: Sequence[str], work: Work) -> int:
    """Do a job to its end (``HOME RUN``); on a failure leave word for the worker."""
    home, run_id = Home.at(Path(arguments[0])), int(arguments[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files = RunFiles.of(home, run_id)
    progress = Progress(files, watch_lifeline())
    with connect(home, read_only=True) as db:
        run = get_run(db, run_id)
    return guarded(files, lambda: work(home, run, progress))
