"""How models come to serve: loaded beside the pages, replaced when promoted, failures in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from streamlit.testing.v1 import AppTest
from studio_files import write_network
from waiting import wait_for

from core.detector import FaceDetector
from core.runtime import Runtime
from core.runtime.onnx_runtime import exported_path
from db.database import connect
from db.migrations import open_home
from db.models import PromotionRefused, aliases, model_in_use, promote, register_model
from ui.api import add_api
from ui.model_shelf import ModelShelf, ModelsNotReady
from ui.plain import plain
from ui.registry import promote_model, roll_back_champion, who_answers
from ui.served_models import ShelfModel, loaded, quickened
from ui.studio import Studio, open_studio, use_studio


@pytest.fixture(autouse=True)
def no_studio_is_left_open() -> Iterator[None]:
    yield
    use_studio(None)


def test_before_anything_is_loaded_a_sentence_says_so(tmp_path: Path) -> None:
    studio = open_studio(tmp_path / "home", None, [], "cpu")
    with pytest.raises(ModelsNotReady, match="loading"):
        studio.models.student()


def test_where_nothing_can_be_loaded_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise OSError("the detector's file is damaged")

    monkeypatch.setattr("core.detector.FaceDetector", broken)
    shelf = ModelShelf(open_home(tmp_path / "home"), None, [], "cpu")
    shelf.start()
    assert shelf.wait(60) and not shelf.is_ready
    shelf.stop()
    with pytest.raises(ModelsNotReady, match="the detector's file is damaged"):
        shelf.student()
    assert "cannot load the models" in caplog.text


def test_a_model_answers_at_once_and_soon_in_the_fastest_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ShelfModel(name="m", role="student", path=write_network(tmp_path, "mhpnet"))
    slow = loaded(open_home(tmp_path / "home"), model, "cpu", FaceDetector())
    assert slow.predictor.runtime.name == "torch"
    assert quickened(slow, "cpu") is slow, "nothing was exported: nothing to choose from"

    def choose(path: Path, device: str, names: list[str], load: Callable[[str], Runtime]):
        assert names == ["torch", "onnx"]
        runtime = load("torch")
        runtime.name = "the fastest"
        return runtime

    monkeypatch.setattr("core.runtime.loading.load_fastest", choose)
    exported_path(slow.path, "fp32").touch()
    quick = quickened(slow, "cpu")
    assert (quick.predictor.runtime.name, quick.name) == ("the fastest", slow.name)
    assert quick.predictor.detector is slow.predictor.detector


def test_a_promoted_student_that_cannot_be_loaded_leaves_the_old_one_answering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ui.model_shelf._LOOK_FOR_PROMOTIONS_S", 0.05)
    monkeypatch.setattr("core.predictor.STUDENT", write_network(tmp_path, "mhpnet"))
    studio = open_studio(tmp_path / "home", None, [], "cpu")
    studio.models.start()
    assert studio.models.wait(60)
    old = studio.models.student()
    damaged = studio.home.root / "damaged.safetensors"
    damaged.write_bytes(b"not a checkpoint")
    with connect(studio.home) as db:
        register_model(
            db, name="new", sha256="0" * 64, path=damaged.name, kind="student", recipe="r"
        )
        promote(db, "new", reason="better", changed_by="ann")
    wait_for(lambda: "promoted student could not be loaded" in studio.models.status())
    assert not studio.models.is_ready and studio.models.student() is old
    said = answers_by(studio)
    assert said.startswith(f"**`{old.name}`** answers here, though `new` is the champion: The")
    assert plain("promoted student could not be loaded: ") in said
    roll_back_champion(studio, "ann")
    wait_for(lambda: studio.models.is_ready)
    studio.models.stop()
    assert answers_by(studio) == f"**`{old.name}`** answers now."
    assert caplog.text.count("cannot load") == 1


def test_a_promoted_student_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.model_shelf._LOOK_FOR_PROMOTIONS_S", 0.05)
    monkeypatch.setattr("core.predictor.STUDENT", write_network(tmp_path / "old", "mhpnet"))
    studio = open_studio(tmp_path / "home", None, [], "cpu")
    studio.models.start()
    assert studio.models.wait(60)
    old = studio.models.student()
    shelf = ModelShelf(studio.home, write_network(tmp_path / "new", "mhpnet"), [], "cpu")
    shelf.start()  # registers the newcomer
    assert shelf.wait(60)
    new = shelf.student()
    with connect(studio.home) as db:
        assert model_in_use(db, "champion").name == old.name != new.name
        promote(db, new.name, reason="better", changed_by="ann")
    wait_for(lambda: studio.models.student().name == new.name)
    studio.models.stop()
    assert studio.models.versions() == [new.name, old.name]
    assert studio.models.student(version=old.name).name == old.name


@pytest.fixture
def updated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio whose shipped student was replaced before it started, as an update does."""
    shipped = write_network(tmp_path / "old", "mhpnet")
    monkeypatch.setattr("core.predictor.STUDENT", shipped)
    open_and_load(tmp_path / "home")
    shipped.write_bytes(write_network(tmp_path / "new", "mhpnet").read_bytes())
    return open_and_load(tmp_path / "home")


def test_a_shipped_student_that_an_update_replaced_is_the_champion(updated: Studio) -> None:
    with connect(updated.home) as db:
        in_use = aliases(db)
    assert in_use["champion"].name == updated.models.student().name != in_use["previous"].name
    assert answers_by(updated) == f"**`{in_use['champion'].name}`** answers now."


def test_a_student_whose_file_was_replaced_is_neither_offered_nor_promoted(updated: Studio) -> None:
    """The queue followed a student whose file held another, and that answers no face."""
    with connect(updated.home) as db:
        before = aliases(db)
    old, new = before["previous"].name, before["champion"].name
    reason = f"{old} cannot serve: its file .* holds another model now"
    with pytest.raises(PromotionRefused, match=reason):
        roll_back_champion(updated, "ann")
    with pytest.raises(PromotionRefused, match=reason):
        promote_model(updated, old, "ann")
    with pytest.raises(ModelsNotReady, match=reason):
        updated.models.student(version=old)
    assert updated.models.versions() == [new]

    app = FastAPI()
    add_api(app, updated)
    with TestClient(app) as client:
        for path in ("roll-back", f"models/{old}/promote"):
            refused = client.post(f"/api/v1/{path}")
            assert refused.status_code == 409 and "another model now" in refused.json()["title"]

    page = AppTest.from_string("from ui.views import models\nmodels.show()\n", default_timeout=300)
    page.session_state["models"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()
    assert not page.exception and page.subheader[0].value == old
    assert not page.button and "cannot serve" in page.caption[0].value
    with connect(updated.home) as db:
        assert aliases(db) == before


def test_looking_at_a_student_promotes_nobody(updated: Studio, tmp_path: Path) -> None:
    with connect(updated.home) as db:
        in_use = aliases(db)
        promote(db, in_use["previous"].name, reason="by an earlier program", changed_by="ann")
    other = open_studio(updated.home.root, write_network(tmp_path / "given", "mhpnet"), [], "cpu")
    other.models.start()
    assert other.models.wait(60)
    assert other.models.student(version=in_use["champion"].name).predictor
    with connect(updated.home) as db:
        assert model_in_use(db, "champion") == in_use["previous"]


def test_where_the_champion_cannot_be_loaded_nobody_is_said_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = write_network(tmp_path, "mhpnet")
    monkeypatch.setattr("core.predictor.STUDENT", shipped)
    open_and_load(tmp_path / "home")
    shipped.write_bytes(b"not a checkpoint")
    said = answers_by(open_and_load(tmp_path / "home"))
    assert said.startswith("**Nobody answers now.** The student could not be loaded")
    assert "cannot load" in caplog.text


def test_the_models_page_says_when_another_than_the_champion_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.predictor.STUDENT", write_network(tmp_path / "old", "mhpnet"))
    champion = open_and_load(tmp_path / "home").models.student().name
    other = open_and_load(tmp_path / "home", write_network(tmp_path / "other", "mhpnet"))
    said = answers_by(other)
    assert said.startswith(f"**`{other.models.student().name}`** answers here")
    assert said.endswith(f"`{champion}` is the champion: this studio was started with it.")


def answers_by(studio: Studio) -> str:
    """What the models page says."""
    with connect(studio.home) as db:
        return who_answers(studio, model_in_use(db, "champion"))


def open_and_load(home: Path, student: Path | None = None) -> Studio:
    studio = open_studio(home, student, [], "cpu")
    studio.models.start()
    assert studio.models.wait(60)
    studio.models.stop()
    return studio
