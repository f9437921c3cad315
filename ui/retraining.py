"""What the train page shows and does, free of any toolkit."""

from __future__ import annotations

import json
import os
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
from db.models import list_models, model_in_use
from db.review_queue import count
from db.runs import Run, get_run, list_runs, metric_names, metrics
from db.settings import get_setting, set_setting
from trainer.jobs.backend import JobBackend
from trainer.jobs.devices import Device, find_devices
from trainer.jobs.local import LocalJobs, tend
from trainer.jobs.ray_cluster import jobs_on
from trainer.jobs.supervisor import device_environment
from ui.studio import Studio

#: What a preset is for, in the order the page offers them.
PRESETS: Mapping[str, str] = {
    "quick": "2 gentle epochs from the champion: after a round of corrections",
    "standard": "4 epochs from the champion: after many new pictures",
    "full": "8 epochs from fresh weights: when the data have changed altogether",
}
ACTIVE = ("queued", "running")
_EVER = "0000"
_FOLDERS = "retraining/folders"
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
    cluster_workers: int = 0,
) -> Run:
    """Queue a training. Raises StudioError, one line, when it cannot begin."""
    from core.checkpoint import CheckpointError
    from core.datasets import DatasetError
    from trainer.redistill import RetrainingConfig, prepare

    config = RetrainingConfig(
        preset=preset,
        changes=dict(changes or {}),
        replay=[_table_folder(folder) for folder in replay],
        benchmarks=[_table_folder(folder) for folder in benchmarks],
        cluster_workers=cluster_workers,
    )
    try:
        prepared = prepare(studio.home, config).to_json()
    except (CheckpointError, DatasetError) as error:
        raise StudioError(str(error)) from error
    _refuse_twice(studio, prepared, device)
    run = jobs_on(studio.home, device).submit(prepared, device=device)
    with connect(studio.home) as db:
        set_setting(db, _FOLDERS, {"replay": config.replay, "benchmarks": config.benchmarks})
    return run


def _table_folder(given: str) -> str:
    """The folder of a data set, in full. Raises StudioError where there is none."""
    folder = Path(os.path.expanduser(given))
    try:
        if (folder / "labels.csv").is_file():
            return str(folder.resolve())
    except OSError as error:  # a name that is too long, a folder that this program may not enter
        raise StudioError(f"{given[:200]}: {error.strerror}; check the path") from error
    raise StudioError(f"{given}: no labels.csv in it; give a pose-csv or mask-csv folder")


def last_folders(studio: Studio) -> tuple[Sequence[str], Sequence[str]]:
    """Replay and benchmark folders of the last run: the next one most likely uses them, too."""
    with connect(studio.home, read_only=True) as db:
        folders = get_setting(db, _FOLDERS) or {"replay": [], "benchmarks": []}
    return folders["replay"], folders["benchmarks"]


def _refuse_twice(studio: Studio, config: Mapping[str, Any], device: str) -> None:
    """A second click on the button is no second run."""
    for run in runs(studio):
        if run.status in ACTIVE and run.device == device and run.config == _as_stored(config):
            raise StudioError(f"run {run.id} does the same and is {run.status}: wait for its end")


def _as_stored(config: Mapping[str, Any]) -> Any:
    """The config as it comes back from the database: tuples have become lists."""
    return json.loads(json.dumps(config))


def runs(studio: Studio, limit: int = 20) -> list[Run]:
    """The latest trainings, newest first; what nobody works on is taken care of on the way."""
    tend(studio.home)
    with connect(studio.home, read_only=True) as db:
        latest = list_runs(db, limit=10 * limit)  # other jobs are among them
    return [run for run in latest if run.recipe in PRESETS][:limit]


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
    from trainer.speed import Speed

    with connect(studio.home, read_only=True) as db:
        speed = get_setting(db, _speed_key(preset, device))
        labelled = count(db, FaceFilter(status="labelled"))
    if speed is None:
        return None
    faces = (1 - HELD_OUT_SHARE) * labelled + (RetrainingConfig().max_replay if replay else 0)
    minutes = Speed(**speed).seconds(round(faces), RECIPES[preset].epochs) / 60
    return (
        f"about {max(1, round(minutes))} min: {faces:,.0f} faces shown to the teachers, then "
        f"trained on at {speed['trained_per_s']:.0f} images/s"
    )


def measure_speed(studio: Studio, preset: str, device: str) -> None:
    """Some seconds of real work on the device, kept for ``duration_text``."""
    command = [sys.executable, "-m", "trainer.speed", str(studio.home.root), device, preset]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=_ROOT,
        env=device_environment(device),
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason was given").splitlines()[-1]
        raise StudioError(f"{device} could not be measured: {last}")
    with connect(studio.home) as db:
        set_setting(db, _speed_key(preset, device), json.loads(done.stdout))


def _speed_key(preset: str, device: str) -> str:
    return f"speed/{device}/{preset}"


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


def decision(studio: Studio, run: Run) -> tuple[str, list[str]] | None:
    """What the comparison said of a run's model: promoted, person or rejected, and why."""
    with connect(studio.home, read_only=True) as db:
        model = next((one for one in list_models(db, "student") if one.run_id == run.id), None)
    report = model.metrics.get("report") if model else None
    return (report["decision"]["verdict"], report["decision"]["reasons"]) if report else None


def jobs(studio: Studio) -> JobBackend:
    """Status, cancel, pause, resume and logs of any run."""
    return LocalJobs(studio.home)


def device_text(name: str) -> str | None:
    """Memory and use of a run's devices at this moment; None where they cannot be told."""
    found = {device.name: device for device in find_devices()}
    texts = [found[one].text() for one in name.split(",") if one in found]
    return " | ".join(texts) if texts and name != "cpu" else None
