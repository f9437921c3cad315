"""Work on data that takes minutes, in a thread of its own: one job at a time, seen by every page.

A job ends with the program; what it works on (``db.imports``) goes on where it stopped when it is
started again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from db.errors import StudioError

_LOG = logging.getLogger(__name__)

Status = Literal["running", "finished", "failed", "stopped"]
#: Called with how much is done, of how much (None: not known), and what is being done.
Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A job at one moment. ``report`` is what it did, or why it failed; lines for a person."""

    title: str
    status: Status = "running"
    doing: str = "starting"
    done: int = 0
    total: int | None = None
    report: str = ""


class JobBusy(StudioError):
    "Another job is under way"


class _Stopped(Exception):
    "A person asked the job to stop"


class DataJobs:
    """The jobs of a studio. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: JobState | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> JobState | None:
        """The job that runs, else the last one; None where there was none."""
        with self._lock:
            return self._state

    def start(self, title: str, work: Callable[[Progress], str]) -> None:
        """Run ``work`` beside the pages; it returns its report. Raises JobBusy."""
        with self._lock:
            if self._state and self._state.status == "running":
                raise JobBusy(f"{self._state.title} is still running: wait for its end or stop it")
            self._state = JobState(title=title)
            self._stop.clear()
            self._thread = threading.Thread(
                target=self._run, args=(work,), name="data-job", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Ask the job to end after the step it is at."""
        self._stop.set()

    def wait(self, timeout_s: float) -> JobState | None:
        """The state once the job has ended, or after so long."""
        if self._thread:
            self._thread.join(timeout_s)
        return self.state

    def _run(self, work: Callable[[Progress], str]) -> None:
        try:
            self._update(status="finished", report=work(self._progress))
        except _Stopped:
            self._update(status="stopped", report="Stopped. What is done stays.")
        except (ValueError, OSError, RuntimeError) as error:  # what a person can do something about
            self._update(status="failed", report=str(error))
        except Exception as error:
            _LOG.exception("a data job failed")
            self._update(status="failed", report=f"A fault of the program: {error!r}")

    def _progress(self, done: int, total: int | None, doing: str) -> None:
        self._update(done=done, total=total, doing=doing)
        if self._stop.is_set():
            raise _Stopped

    def _update(self, **changes: object) -> None:
        with self._lock:
            assert self._state is not None
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
