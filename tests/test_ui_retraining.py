"""The train and models pages: what they say and what their buttons do. No training, no browser."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from streamlit.testing.v1 import AppTest

from core.checkpoint import ModelCard, save_checkpoint
from core.faces import MaskLabel
from db.database import connect
from db.errors import StudioError
from db.home import Home
from db.models import model_in_use, promote, register_model
from db.runs import Run, add_metrics, claim_run, get_run, set_status, submit_run
from launch import main
from tests.retraining_files import add_labelled, make_home, say
from tests.training_files import write_mask_set
from trainer.jobs.device_lock import device_lock
from ui import retraining
from ui.api import add_api
from ui.model_shelf import ModelShelf
from ui.studio import Studio, use_studio


@pytest.fixture
def studio(tmp_path) -> Studio:
    home = make_home(tmp_path / "home", faces=6)
    studio = Studio(home=home, models=ModelShelf(home), annotator="ann")
    use_studio(studio)
    yield studio
    use_studio(None)


def page(name: str) -> AppTest:
    script = f"from ui.views import {name}\n{name}.show()\n"
    return AppTest.from_string(script, default_timeout=60).run()


def add_model(home: Home, name: str, **given) -> None:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    (home.root / f"{name}.x").write_text(name)
    with connect(home) as db:
        register_model(
            db, name=name, sha256=sha256, path=f"{name}.x", kind="student", recipe="r", **given
        )


def crown(home: Home, name: str) -> None:
    with connect(home) as db:
        promote(db, name, reason="test", changed_by="test")


def empty_student(home: Home) -> Path:
    """A checkpoint that says what it is and holds nothing."""
    checkpoint = home.root / "student.safetensors"
    save_checkpoint(checkpoint, ModelCard(network="mhpnet"), {})
    return checkpoint


def queue(home: Home) -> Run:
    with connect(home) as db:
        return submit_run(db, recipe="quick", config={"preset": "quick"}, device="cpu")


def claim(home: Home) -> Run | None:
    with connect(home) as db:
        return claim_run(db, device="cpu", host="here", pid=1)


def test_the_overview_counts_what_the_champion_has_not_seen(studio):
    add_model(studio.home, "first")
    crown(studio.home, "first")
    assert [c.new for c in retraining.overview(studio).changes] == [2, 2, 2]
    run = queue(studio.home)
    claim(studio.home)
    add_model(studio.home, "second", run_id=run.id)
    crown(studio.home, "second")
    assert retraining.overview(studio).changed == 0
    ids = add_labelled(studio.home, 3, seed=1)
    say(studio.home, {1: MaskLabel.MASKED}, version=1)
    seen = {c.label: (c.new, c.corrected) for c in retraining.overview(studio).changes}
    assert len(ids) == 3
    assert sum(new for new, _ in seen.values()) == 3 and seen[MaskLabel.MASKED][1] == 1


def test_the_train_page_shows_changes_devices_and_the_button(studio):
    app = page("train")
    assert not app.exception
    assert app.dataframe[0].value["new"].tolist() == [2, 2, 2]
    assert any(option.startswith("cpu") for option in app.selectbox(key="device").options)
    assert "Retrain" in [button.label for button in app.button]


def test_without_a_student_the_button_says_what_is_missing(studio, monkeypatch):
    monkeypatch.setattr("trainer.redistill.STUDENT", Path("nowhere.safetensors"))
    app = page("train")
    next(button for button in app.button if button.label == "Retrain").click()
    assert "train a student" in app.run().error[0].value


def test_a_second_click_is_no_second_run(studio, monkeypatch):
    monkeypatch.setattr("trainer.redistill.STUDENT", empty_student(studio.home))
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)
    first = retraining.start(studio, "quick", "cpu")
    with pytest.raises(StudioError, match=f"run {first.id} does the same"):
        retraining.start(studio, "quick", "cpu")
    assert (
        retraining.queue_place(retraining.start(studio, "full", "cpu"), retraining.runs(studio))
        == 1
    )


def test_a_running_run_shows_its_phase_curves_and_can_be_cancelled(studio):
    run = queue(studio.home)
    with device_lock(studio.home, "cpu"), connect(studio.home) as db:
        claim(studio.home)
        for step in (20, 40):
            add_metrics(db, run.id, step, {"loss": 1 / step, "images_per_s": 123.0})
        app = page("train")
        assert not app.exception and any("Running" in text.value for text in app.markdown)
        assert any("123 images/s" in caption.value for caption in app.caption)
        next(button for button in app.button if button.label == "Cancel").click()
        app.run()
        assert get_run(db, run.id).request == "cancel"


def test_a_run_whose_worker_died_is_found_and_offered_for_resuming(studio, monkeypatch):
    started = []
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: started.append(place))
    run = queue(studio.home)
    claim(studio.home)
    app = page("train")
    assert "its worker or the machine stopped" in app.error[0].value
    next(button for button in app.button if button.label == "Resume").click()
    app.run()
    with connect(studio.home) as db:
        assert get_run(db, run.id).status == "queued"
    assert started == [(studio.home, "cpu")]


def test_a_person_promotes_and_rolls_back_with_one_click_each(studio):
    add_model(studio.home, "old")
    add_model(studio.home, "new")
    crown(studio.home, "old")
    app = page("models")
    next(button for button in app.button if button.label == "Promote new").click()
    app.run()
    with connect(studio.home) as db:
        assert model_in_use(db, "champion").name == "new"
        next(button for button in app.button if button.label == "Roll back to old").click()
        app.run()
        assert not app.exception and model_in_use(db, "champion").name == "old"


def test_the_models_page_shows_why_a_challenger_waits(studio):
    report = {
        "champion": "old",
        "decision": {"verdict": "person", "reasons": ["too few faces"]},
        "comparisons": [
            {
                "benchmark": "held-out annotations",
                "figure": "mask error",
                "part": "",
                "n": 7,
                "champion": 0.25,
                "challenger": 0.125,
                "worse": -0.125,
                "worse_ci95": [-0.2, 0.01],
            }
        ],
        "faces": {"better": [], "worse": []},
    }
    run = queue(studio.home)
    claim(studio.home)
    with connect(studio.home) as db:
        set_status(db, run.id, "finished")
    add_model(studio.home, "new", run_id=run.id, metrics={"report": report})
    app = page("models")
    assert not app.exception
    assert any("too few faces" in text.value for text in app.markdown)
    assert app.dataframe[1].value["change"].tolist() == [-12.5]


# --- the same by REST and from the command line -------------------------------------------------


@pytest.fixture
def client(studio) -> TestClient:
    app = FastAPI()
    add_api(app, studio)
    return TestClient(app)


def test_a_run_is_started_watched_and_cancelled_by_rest(studio, client, monkeypatch):
    monkeypatch.setattr("trainer.redistill.STUDENT", empty_student(studio.home))
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)
    started = client.post("/api/v1/runs", json={"preset": "standard"})
    assert started.status_code == 202 and started.json()["status"] == "queued"
    again = client.post("/api/v1/runs", json={"preset": "standard"})
    assert again.status_code == 409 and "does the same" in again.json()["title"]
    run = started.json()["id"]
    assert client.get(f"/api/v1/runs/{run}/log").json() == []
    assert client.post(f"/api/v1/runs/{run}/cancel").json()["status"] == "cancelled"
    assert client.post(f"/api/v1/runs/{run}/cancel").status_code == 409
    assert client.post(f"/api/v1/runs/{run}/resume").json()["status"] == "queued"
    assert client.post("/api/v1/runs/99/cancel").status_code == 404


def test_models_are_promoted_and_rolled_back_by_rest(studio, client):
    assert client.post("/api/v1/roll-back").status_code == 409
    for name in ("old", "new"):
        add_model(studio.home, name)
        assert client.post(f"/api/v1/models/{name}/promote").json() == {"champion": name}
    assert client.post("/api/v1/roll-back").json() == {"champion": "old"}
    assert client.post("/api/v1/models/nobody/promote").status_code == 404


def test_runs_are_looked_after_from_the_command_line(studio, capsys, monkeypatch):
    monkeypatch.setattr("trainer.redistill.STUDENT", empty_student(studio.home))
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)
    home = ["--home", str(studio.home.root)]
    assert main(["retrain", *home]) == 0
    assert main(["runs", "1", "--cancel", *home]) == 0
    assert main(["runs", *home]) == 0
    assert capsys.readouterr().out.endswith("run 1: quick on cpu, cancelled\n")
    assert main(["runs", "2", *home]) == 2
    assert main(["retrain", "--replay", str(studio.home.root), *home]) == 2
    assert "no labels.csv" in capsys.readouterr().err


def test_data_that_a_run_could_not_use_are_refused_before_it_is_queued(
    studio, client, capsys, monkeypatch, tmp_path
):
    """A benchmark without a split to judge by failed after hours of training, at every attempt."""
    monkeypatch.setattr("trainer.redistill.STUDENT", empty_student(studio.home))
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)
    folder = str(write_mask_set(tmp_path / "mask", val=0))
    with pytest.raises(StudioError, match="no usable face to measure on; expected a split test"):
        retraining.start(studio, "quick", "cpu", benchmarks=[folder])
    refused = client.post("/api/v1/runs", json={"benchmarks": [folder]})
    assert refused.status_code == 409 and "expected a split test" in refused.json()["title"]
    command = ["retrain", "--home", str(studio.home.root)]
    assert main([*command, "--benchmark", folder]) == 2
    assert "no usable face to measure on" in capsys.readouterr().err
    foreign = replace(ModelCard(network="mhpnet"), channel_order="bgr", decode="left-edges")
    save_checkpoint(empty_student(studio.home), foreign, {})
    assert main([*command, "--replay", folder]) == 2
    assert "cannot be retrained, it has channel_order 'bgr'" in capsys.readouterr().err
    assert not retraining.runs(studio) and not retraining.overview(studio).champion


def test_folders_that_cannot_be_read_are_refused_in_one_line(studio, client, monkeypatch, tmp_path):
    """The button broke: UnicodeDecodeError for a table from a spreadsheet, OSError for others."""
    monkeypatch.setattr("trainer.redistill.STUDENT", empty_student(studio.home))
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)
    unreadable = tmp_path / "unreadable"
    unreadable.mkdir()
    (unreadable / "labels.csv").symlink_to("/proc/self/mem")  # a file whose reading fails
    for broken, why in (
        (str(unreadable), "cannot be read: Input/output error"),
        ("x" * 5000, "File name too long"),
        ("~nobody-at-all/set", "no labels.csv in it"),
    ):
        for use in ("replay", "benchmarks"):
            refused = client.post("/api/v1/runs", json={use: [broken]})
            assert refused.status_code == 409 and why in refused.json()["title"], refused.text
    latin = write_mask_set(tmp_path / "mask")
    table = (latin / "labels.csv").read_text().replace("drawn", "M\xfcller")
    (latin / "labels.csv").write_text(table, encoding="latin-1")
    assert client.post("/api/v1/runs", json={"replay": [str(latin)]}).status_code == 202
