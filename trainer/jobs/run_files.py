"""Where a run keeps its files: ``HOME/runs/ID/``.

labels.jsonl      the labels as they were when the run began
training/         the trainer's own folder (trainer.run_folder)
log.txt           what its processes printed
failure.json      why a process gave up, in its own words
batch_size        smaller than the recipe's, after the memory did not suffice
comparison.json   challenger against champion
progress.json     how far a job that is no training is
survey.npz        what a survey of the faces found (trainer.survey_file)
changed/          crops of faces on which the two differ
run.json          on a Ray cluster: what the database says about the run, which nodes cannot ask
ray_job           its id as a Ray job
leader            rewritten by whoever leads that job: it ends when this stands still
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.whole_files import write_whole
from db.home import Home


@dataclass(frozen=True)
class RunFiles:
    """The paths of one run. What is written here appears whole or not at all."""

    root: Path

    @classmethod
    def of(cls, home: Home, run_id: int) -> RunFiles:
        return cls(home.root / "runs" / str(run_id))

    @property
    def training(self) -> Path:
        return self.root / "training"

    @property
    def model(self) -> Path:
        return self.training / "model.safetensors"

    @property
    def has_trained(self) -> bool:
        """Whether the network has seen a batch: its picture is written just before."""
        return any((self.training / name).exists() for name in ("batch.png", "state.pt"))

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def comparison(self) -> Path:
        return self.root / "comparison.json"

    @property
    def changed(self) -> Path:
        return self.root / "changed"

    @property
    def survey(self) -> Path:
        return self.root / "survey.npz"

    @property
    def _progress(self) -> Path:
        return self.root / "progress.json"

    @property
    def description(self) -> Path:
        return self.root / "run.json"

    @property
    def ray_job(self) -> Path:
        return self.root / "ray_job"

    @property
    def leader(self) -> Path:
        return self.root / "leader"

    @property
    def _failure(self) -> Path:
        return self.root / "failure.json"

    @property
    def _batch_size(self) -> Path:
        return self.root / "batch_size"

    def forget_training(self) -> None:
        """Free what a finished run needs no more, five times the model's size: what it would resume
        from, and the model itself, which is registered with a file of its own."""
        (self.training / "state.pt").unlink(missing_ok=True)
        self.model.unlink(missing_ok=True)

    def batch_size(self) -> int | None:
        """The batch size after halvings; None: the recipe's own."""
        return int(self._batch_size.read_text()) if self._batch_size.exists() else None

    def set_batch_size(self, size: int) -> None:
        write_whole(self._batch_size, str(size).encode())

    def fail(self, **failure: Any) -> None:
        """Leave word of why this process gives up. Of several, the first knows the reason; who
        only misses another process (``killed``) does not, and is overruled."""
        if not self._failure.exists() or self._read_failure()["kind"] == "killed":
            write_whole(self._failure, json.dumps(failure).encode())

    def take_failure(self) -> Mapping[str, Any] | None:
        """The word that was left, once."""
        if not self._failure.exists():
            return None
        failure = self._read_failure()
        self._failure.unlink()
        return failure

    def _read_failure(self) -> Mapping[str, Any]:
        failure: Mapping[str, Any] = json.loads(self._failure.read_text())
        return failure

    def say_progress(self, done: float, phase: str) -> None:
        """Tell the worker how far this process is, 0 … 1, and what it does."""
        write_whole(self._progress, json.dumps([done, phase]).encode())

    def said_progress(self) -> tuple[float, str] | None:
        """What the process said last; trainings say nothing here."""
        if not self._progress.exists():
            return None
        done, phase = json.loads(self._progress.read_text())
        return float(done), str(phase)

    def log_tail(self, lines: int) -> str:
        """The last lines of the log; progress bars show their last state only."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 400 * lines))
            text = file.read().decode(errors="replace")
        shown = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]
        return "\n".join(shown[-lines - 1 :]).strip("\n")
