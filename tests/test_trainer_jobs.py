"""Trainings as jobs: queued, led by a worker, stopped, killed, found again. Real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.checkpoint import load_checkpoint
from db.database import connect
from db.home import Home
from db.models import list_models
from db.runs import Run, get_run, metric_names, submit_run
from tests.retraining_files import TINY, crown, make_home, train_champion
from trainer.jobs.run_files import RunFiles
from trainer.redistill import RetrainingConfig, prepare
from trainer.worker import work


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def champion(tmp_path_factory) -> Path:
    return train_champion(tmp_path_factory.mktemp("champion"))


@pytest.fixture
def home(tmp_path, champion) -> Home:
    home = make_home(tmp_path / "home")
    crown(home, champion)
    return home


def queue(home: Home, **changes) -> Run:
    """A run that waits for a worker."""
    config = prepare(home, RetrainingConfig(changes=TINY | changes, loader_processes=0))
    with connect(home) as db:
        return submit_run(db, recipe="quick", config=config.to_json(), device="cpu")


def now(home: Home, run: Run) -> Run:
    with connect(home) as db:
        return get_run(db, run.id)


def test_labels_become_a_registered_model_by_one_run(home):
    run = queue(home)
    assert work(home, "cpu") == 1
    done = now(home, run)
    assert (done.status, done.error, done.progress) == ("finished", None, 1.0), RunFiles.of(
        home, run.id
    ).log_tail(30)
    with connect(home) as db:
        model, champion = list_models(db)
        names = metric_names(db, run.id)
    assert model.run_id == run.id and champion.run_id is None
    assert load_checkpoint(home.root / model.path).model_id == model.name
    assert {"accuracy", "epoch"} <= set(names)
