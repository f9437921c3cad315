"""Copies what a training logs into the database, as it comes."""

from __future__ import annotations

import json
import time
from pathlib import Path

from sqlite_utils import Database

from db.database import write_transaction
from db.runs import add_metrics


class MetricsTail:
    """Follows ``metrics.jsonl``; knows how far the training is and when it will end."""

    def __init__(self, training: Path, run_id: int) -> None:
        self._metrics, self._config = training / "metrics.jsonl", training / "config.json"
        self._run_id = run_id
        self._position = 0
        self._first: tuple[float, float] | None = None  # (time, epoch) when this tail began
        self.epoch = 0.0

    def copy(self, db: Database) -> None:
        """Record the lines that were added since; one cut in the middle waits for its rest."""
        if not self._metrics.exists():
            return
        with self._metrics.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        with write_transaction(db, durable=False):
            for line in whole.splitlines():
                self._record(db, line)

    def _record(self, db: Database, line: bytes) -> None:
        try:
            values = json.loads(line)
        except json.JSONDecodeError:  # cut by a crash, and the resumed run went on after it
            return
        add_metrics(db, self._run_id, int(values.pop("step")), values)
        self.epoch = values.get("epoch", self.epoch)
        self._first = self._first or (time.monotonic(), self.epoch)

    def progress(self) -> float:
        """The part of the epochs that is done, 0 … 1."""
        return min(1.0, self.epoch / epochs) if (epochs := self._epochs()) else 0.0

    def phase(self) -> str:
        """Where the training is, in words."""
        epochs = self._epochs()
        if self._first is None or epochs is None:
            return "reading faces and asking the teachers"
        began, first_epoch = self._first
        text = f"training, epoch {self.epoch:.1f} of {epochs:g}"
        if self.epoch <= first_epoch:
            return text
        rate = (self.epoch - first_epoch) / (time.monotonic() - began)
        return f"{text}, about {_duration((epochs - self.epoch) / rate)} left"

    def _epochs(self) -> float | None:
        if not self._config.exists():
            return None
        return float(json.loads(self._config.read_text())["recipe"]["epochs"])


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
