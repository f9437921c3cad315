"""How models come to serve: loaded beside the pages, replaced when promoted, failures in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from studio_files import write_network
from waiting import wait_for

from core.detector import FaceDetector
from core.runtime import Runtime
from core.runtime.onnx_runtime import exported_path
from db.database import connect
from db.migrations import open_home
from db.models import model_in_use, promote, register_model
from ui.model_shelf import ModelShelf, ModelsNotReady
from ui.registry import who_answers
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
    studio.models.stop()
    assert not studio.models.is_ready and studio.models.student() is old
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


def test_a_shipped_student_that_an_update_replaced_is_the_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = write_network(tmp_path / "old", "mhpnet")
    monkeypatch.setattr("core.predictor.STUDENT", shipped)
    before = open_and_load(tmp_path / "home")
    shipped.write_bytes(write_network(tmp_path / "new", "mhpnet").read_bytes())
    after = open_and_load(tmp_path / "home")
    with connect(after.home) as db:
        champion = model_in_use(db, "champion")
    assert champion.name == after.models.student().name != before.models.student().name
    assert who_answers(after, champion) == f"**`{champion.name}`** answers now."


def test_the_models_page_says_when_another_than_the_champion_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.predictor.STUDENT", write_network(tmp_path / "old", "mhpnet"))
    champion = open_and_load(tmp_path / "home").models.student().name
    other = open_and_load(tmp_path / "home", write_network(tmp_path / "other", "mhpnet"))
    with connect(other.home) as db:
        said = who_answers(other, model_in_use(db, "champion"))
    assert said.startswith(f"**`{other.models.student().name}`** answers here")
    assert said.endswith(f"`{champion}` is the champion: this studio was started with it.")


def open_and_load(home: Path, student: Path | None = None) -> Studio:
    studio = open_studio(home, student, [], "cpu")
    studio.models.start()
    assert studio.models.wait(60)
    studio.models.stop()
    return studio
