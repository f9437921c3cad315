"""What the train and models pages show and do, free of any toolkit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.database import connect
from db.errors import StudioError
from db.filters import FaceFilter
from db.label_changes import LabelChanges, changes_since
from db.models import (
    AliasChange,
    Model,
    alias_history,
    aliases,
    list_models,
    model_in_use,
    promote,
    roll_back,
)
from db.review_queue import count
from db.runs import Run, get_run, list_runs, metric_names, metrics
from db.settings import get_setting, set_setting
from trainer.jobs.devices import Device, find_devices
from trainer.jobs.local import LocalJobs, tend
from trainer.jobs.run_files import RunFiles
from ui.studio import Studio

#: What a preset is for, in the order the page offers them.
PRESETS: Mapping[str, str] = {
    "quick": "2 gentle epochs from the champion: after a round of corrections",
    "standard": "4 epochs from the champion: after many new pictures",
    "full": "7 epochs from fresh weights: when the data have changed altogether",
}
ACTIVE = ("queued", "running")
_EVER = "0000"
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What a press of the button would be about."""

    champion: str | None
    changes: Sequence[LabelChanges]
    devices: Sequence[Device]

    @property
    def changed(self) -> int:
        return sum(change.new + change.corrected for change in self.changes)


def overview(studio: Studio) -> Overview:
    """Labels since the champion's training began, and where one could train now."""
    with connect(studio.home, read_only=True) as db:
        champion = model_in_use(db, "champion")
        run = get_run(db, champion.run_id) if champion and champion.run_id else None
        changes = changes_since(db, (run and run.started_at) or _EVER)
    return Overview(
        champion=champion.name if champion else None, changes=changes, devices=find_devices()
    )


def start(
    studio: Studio,
    preset: str,
    device: str,
    *,
    replay: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
) -> Run:
    """Queue a training. Raises StudioError, one line, when it cannot begin."""
    from trainer.redistill import RetrainingConfig, prepare

    for folder in (*replay, *benchmarks):
        if not (Path(folder).expanduser() / "labels.csv").is_file():
            raise StudioError(f"{folder}: no labels.csv in it; give a pose-csv or mask-csv folder")
    config = RetrainingConfig(
        preset=preset,
        changes=dict(changes or {}),
        replay=[str(Path(folder).expanduser().resolve()) for folder in replay],
        benchmarks=[str(Path(folder).expanduser().resolve()) for folder in benchmarks],
    )
    prepared = prepare(studio.home, config).to_json()
    _refuse_twice(studio, prepared, device)
    return LocalJobs(studio.home).submit(prepared, device=device)


def _refuse_twice(studio: Studio, config: Mapping[str, Any], device: str) -> None:
    """A second click on the button is no second run."""
    for run in runs(studio):
        if run.status in ACTIVE and run.device == device and run.config == _as_stored(config):
            raise StudioError(f"run {run.id} does the same and is {run.status}: wait for its end")


def _as_stored(config: Mapping[str, Any]) -> Any:
    """The config as it comes back from the database: tuples have become lists."""
    return json.loads(json.dumps(config))


def runs(studio: Studio, limit: int = 20) -> list[Run]:
    """The latest runs, newest first; those that nobody works on are taken care of on the way."""
    tend(studio.home)
    with connect(studio.home, read_only=True) as db:
        return list_runs(db, limit=limit)


def queue_place(run: Run, all_runs: Sequence[Run]) -> int:
    """How many runs of the same device come before this one."""
    return sum(
        other.id < run.id and other.status in ACTIVE and other.device == run.device
        for other in all_runs
    )


def duration_text(studio: Studio, preset: str, device: str, replay: bool) -> str | None:
    """How long a run would take, from the measured speed; None where it was not measured yet."""
    from trainer.annotated_faces import HELD_OUT_SHARE
    from trainer.redistill import PRESETS as RECIPES
    from trainer.redistill import RetrainingConfig

    with connect(studio.home, read_only=True) as db:
        speed = get_setting(db, _speed_key(preset, device))
        labelled = count(db, FaceFilter(status="labelled"))
    if speed is None:
        return None
    faces = (1 - HELD_OUT_SHARE) * labelled + (RetrainingConfig().max_replay if replay else 0)
    minutes = faces * RECIPES[preset].epochs / speed / 60
    return f"about {max(1, round(minutes))} min of training at {speed:.0f} images/s"


def measure_speed(studio: Studio, preset: str, device: str) -> None:
    """Some seconds of real training steps on the device, kept for ``duration_text``."""
    command = [sys.executable, "-m", "trainer.speed", str(studio.home.root), device, preset]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=_ROOT)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason was given").splitlines()[-1]
        raise StudioError(f"{device} could not be measured: {last}")
    with connect(studio.home) as db:
        set_setting(db, _speed_key(preset, device), float(done.stdout))


def _speed_key(preset: str, device: str) -> str:
    return f"images_per_s/{device}/{preset}"


def curves(studio: Studio, run_id: int, names: Sequence[str]) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of each of these curves that the run has."""
    with connect(studio.home, read_only=True) as db:
        known = set(metric_names(db, run_id))
        return {
            name: [(step, value) for step, value in metrics(db, run_id, name) if value is not None]
            for name in names
            if name in known
        }


def last_value(studio: Studio, run_id: int, name: str) -> float | None:
    points = curves(studio, run_id, [name]).get(name)
    return points[-1][1] if points else None


def jobs(studio: Studio) -> LocalJobs:
    return LocalJobs(studio.home)


@dataclass(frozen=True, kw_only=True)
class Registry:
    """All students, who serves, and how it came to that."""

    students: Sequence[Model]
    in_use: Mapping[str, Model]
    history: Sequence[AliasChange]

    def alias_of(self, model: Model) -> str:
        return next((str(a) for a, used in self.in_use.items() if used.id == model.id), "")


def registry(studio: Studio) -> Registry:
    with connect(studio.home, read_only=True) as db:
        return Registry(
            students=list_models(db, "student"), in_use=aliases(db), history=alias_history(db)
        )


def promote_model(studio: Studio, name: str, who: str) -> None:
    """A person makes this student the champion, whatever the figures say."""
    with connect(studio.home) as db:
        promote(db, name, reason="a person decided", changed_by=who)


def roll_back_champion(studio: Studio, who: str) -> Model:
    """The previous champion answers again, for everyone, from the next answer on."""
    with connect(studio.home) as db:
        return roll_back(db, reason="a person rolled back", changed_by=who)


def changed_faces(studio: Studio, model: Model, kind: str) -> list[tuple[bytes, str]]:
    """PNG crops with captions of faces that became ``better`` or ``worse``."""
    report = model.metrics.get("report")
    if report is None or model.run_id is None:
        return []
    folder = RunFiles.of(studio.home, model.run_id).changed
    return [
        (
            (folder / face["file"]).read_bytes(),
            f"{face['label']}: {face['before']} → {face['after']}",
        )
        for face in report["faces"][kind]
        if (folder / face["file"]).is_file()
    ]
