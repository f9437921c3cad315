"""The pages of errors: on an empty studio, on a filled one, and what their widgets do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from db_support import add_face, add_model, mask, predict
from streamlit.testing.v1 import AppTest

from core.faces import MASK_CLASSES, MaskLabel
from db.backup import back_up, restore
from db.database import connect
from db.home import Home
from db.image_files import store_file
from db.images import get_image
from db.migrations import open_home
from db.models import promote
from db.runs import list_runs, submit_run
from tests.comparison_files import FACES, NEW, OLD, make_compared_home
from tests.retraining_files import add_labelled, crown, make_home
from tests.studio_files import write_network
from trainer.answer_faces import answer_faces
from trainer.jobs.job import Progress
from trainer.jobs.run_files import RunFiles
from ui.dashboard import HAS_DRAWN
from ui.face_measuring import measure_some
from ui.sample_evaluation import SAMPLE, sample_home
from ui.studio import open_studio, use_studio

TITLES = {
    "overview": ("Students over time", "Labels", "Labels over time"),
    "mask_errors": (
        "what people said against what the student said",
        "Calibration",
        "Mask errors by source",
        "Mask errors by face size",
        "Mask errors by sharpness",
        "What the threshold decides",
        "ROC",
        "Precision against recall",
    ),
    "pose_errors": (
        "Pose error by yaw",
        "Pose error over yaw and pitch",
        "Pose error with and without a mask",
        "Bias",
        "The student's roll against people's",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = make_compared_home(tmp_path_factory.mktemp("errors") / "home")
    measure_some(home, FACES)
    return home


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)


@pytest.fixture
def filled(home: Home) -> Iterator[Home]:
    open_studio(home.root)
    yield home
    use_studio(None)


def show(view: str, *, has_drawn: bool = True, **address: str) -> AppTest:
    """A page at an address, without the shell; as soon as the browser has drawn a chart, or not."""
    page = AppTest.from_string(f"from ui.views import {view}\n{view}.show()\n", default_timeout=300)
    page.session_state["pages"] = {}
    if has_drawn:
        page.session_state[HAS_DRAWN] = True
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


@pytest.mark.parametrize("view", ["mask_errors", "pose_errors"])
def test_the_rest_of_a_page_waits_for_the_first_chart(view: str, filled: Home) -> None:
    page = show(view, has_drawn=False)
    begun = words(page)
    page.session_state[HAS_DRAWN] = True
    page.run()
    assert not page.exception
    shown = [(title in begun, title in words(page)) for title in TITLES[view]]
    assert (False, True) in shown and all(complete for _, complete in shown)


def words(page: AppTest) -> str:
    kinds = (page.subheader, page.markdown, page.caption, page.info)
    return "\n".join(element.value for kind in kinds for element in kind)


@pytest.mark.parametrize("view", TITLES)
def test_an_empty_studio_is_explained_on_the_sample(view: str, tmp_path: Path) -> None:
    open_studio(tmp_path)
    text = words(show(view))
    use_studio(None)
    assert "A sample, to show what this page will tell" in text
    for title in TITLES[view]:
        assert title in text


def test_the_sample_holds_numbers_alone() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 4000 and ".jpg" not in "".join(lines)
    home = sample_home()
    assert list(home.images_dir.iterdir()) == []
    with connect(home, read_only=True) as db:
        assert db.execute("SELECT count(*) FROM faces").fetchone()[0] == len(lines) - 1


@pytest.mark.parametrize("view", TITLES)
def test_a_filled_studio_shows_its_own_numbers(filled: Home, view: str) -> None:
    text = words(show(view))
    assert "A sample" not in text
    for title in TITLES[view]:
        assert title in text
    if view == "overview":
        assert OLD in text and "What to do next" in text
    else:
        assert f"{FACES} faces" in text or f"n = {FACES}" in text


def test_the_address_brings_back_the_faces_of_a_cell(filled: Home) -> None:
    address = {"chart": "confusion", "labels": "masked", "predicted": "masked"}
    page = show("mask_errors", status="labelled", **address)
    assert "faces** · status labelled · labels masked · predicted masked" in words(page)
    close = next(button for button in page.button if button.label == "Close")
    close.click().run()
    assert "labels masked" not in words(page) and "chart" not in page.query_params


def test_a_mistyped_address_is_said_not_obeyed(filled: Home) -> None:
    page = show("mask_errors", chart="confusion", labels="maskd")
    assert "expected some of" in page.warning[0].value


def test_the_threshold_moves_the_curves(filled: Home) -> None:
    page = show("mask_errors")
    assert "at 0.50" in words(page)
    page.slider(key="threshold").set_value(0.8).run()
    assert not page.exception
    assert "at 0.80" in words(page) and "at 0.50" not in words(page)


def test_a_source_narrows_every_figure(filled: Home) -> None:
    page = show("mask_errors")
    page.selectbox(key="of-source").set_value("camera").run()
    assert not page.exception
    assert f"n = {FACES // 2} labelled faces" in words(page)


def test_the_students_of_a_split_are_counted_on_it(filled: Home) -> None:
    page = show("overview", **{"of-split": "test"})
    assert f"n = up to {FACES // 2} labelled faces" in words(page)


@pytest.fixture
def agreed(tmp_path: Path) -> Iterator[Home]:
    """Four faces of one source, without a split, and a champion that agrees with every label."""
    home = make_home(tmp_path / "home", 4, source="upload")
    with connect(home) as db:
        add_model(db, OLD)
        promote(db, OLD, reason="a test", changed_by="test")
    agree_with_all(home)
    open_studio(home.root)
    yield home
    use_studio(None)


def agree_with_all(home: Home) -> None:
    sure = {one: mask(*(0.8 if one is it else 0.1 for it in MASK_CLASSES)) for one in MASK_CLASSES}
    with connect(home) as db:
        labels = db.execute("SELECT face_id, mask_label FROM face_states").fetchall()
        predict(db, OLD, {face: sure[MaskLabel(said)] for face, said in labels})


def test_one_source_has_its_splits_all_the_same(agreed: Home) -> None:
    add_labelled(agreed, 2, seed=5, source="upload", split="test")
    agree_with_all(agreed)
    page = show("overview", **{"of-split": "test"})
    assert not page.selectbox and page.segmented_control(key="of-split").value == "test"
    assert page.metric[0].value == "100.0%" and "n = 2" in words(page)
    assert "*test* and *val* above" in words(page)


def test_where_no_picture_has_a_split_none_is_offered_or_advised(agreed: Home) -> None:
    page = show("overview", **{"of-split": "test"})
    assert not page.selectbox and not page.segmented_control
    assert page.metric[0].value == "100.0%" and "*test*" not in words(page)
    assert "trainings here learn from four labelled pictures in five" in words(page)


def test_numbers_that_another_student_gave_are_said_to_be_its_own(agreed: Home) -> None:
    """Overview showed the former champion's figures under the name of one never asked."""
    assert not show("overview").warning
    with connect(agreed) as db:
        add_model(db, NEW)
        promote(db, NEW, reason="a test", changed_by="test")
    for view in ("mask_errors", "overview"):
        page = show(view)
        assert f"4 of 4 labelled faces here are still answered by `{OLD}`" in page.warning[0].value
    next(one for one in page.button if one.key == "champion-answers").click().run()
    with connect(agreed, read_only=True) as db:
        (job,) = list_runs(db)
    assert job.config == {"models": [NEW], "labelled_only": True}


@pytest.mark.usefixtures("one_thread")
def test_faces_whose_pictures_cannot_be_read_are_told_apart(agreed: Home, tmp_path: Path) -> None:
    """Their warning stayed for ever, with a button that could not help."""
    add_labelled(agreed, 2, seed=5, source="camera")
    agree_with_all(agreed)
    new = crown(agreed, write_network(tmp_path, "mhpnet"))
    with connect(agreed, read_only=True) as db:
        gone, damaged = (agreed.root / get_image(db, number).path for number in (1, 2))
    picture = gone.read_bytes()
    gone.unlink()
    damaged.write_bytes(b"no picture any more")
    assert "6 of 6 labelled faces" in show("overview").warning[0].value

    let_answer(agreed, new)
    page = show("overview")
    assert not page.warning and "champion-answers" not in [button.key for button in page.button]
    said = "labelled faces keep the answer of `student-1`: their pictures cannot be read."
    assert words(page).count(f"2 {said}") == 1
    assert said not in words(show("overview", **{"of-source": "camera"}))

    store_file(agreed, picture)
    page = show("overview")
    assert "1 of 6 labelled faces here are still answered by" in page.warning[0].value
    assert "1 labelled face keeps the answer" in words(page)
    let_answer(agreed, new)
    page = show("overview")
    assert not page.warning and "1 labelled face keeps the answer" in words(page)

    crown(agreed, write_network(tmp_path / "other", "mhpnet"))  # has not been asked, nor need be
    page = show("overview")
    assert "5 of 6 labelled faces here" in page.warning[0].value
    assert "1 labelled face keeps the answer of `student-1`" in words(page)


def let_answer(home: Home, model: str) -> None:
    """The job of the button, done at once."""
    with connect(home) as db:
        config = {"models": [model], "labelled_only": True}
        run = submit_run(db, recipe="answer", config=config, device="cpu")
    answer_faces(home, run, Progress(RunFiles.of(home, run.id), threading.Event()))


def test_a_person_chooses_where_the_champion_answers_and_the_driver_is_asked_once(
    agreed: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the first GPU unasked, and asked ``nvidia-smi`` whenever the page was touched."""
    listing = "0, GPU-aaaa, 81000, 81559, 0, NVIDIA H200"
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\necho '{listing}'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(driver.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("ui.face_jobs.time", SimpleNamespace(monotonic=lambda: 0.0))
    with connect(agreed) as db:
        add_model(db, NEW)
        promote(db, NEW, reason="a test", changed_by="test")
    page = show("overview")
    assert page.selectbox(key="champion-device").options == ["cuda:0", "cpu"]
    page.selectbox(key="champion-device").set_value("cpu").run()
    next(one for one in page.button if one.key == "champion-answers").click().run()
    assert not page.exception
    with connect(agreed, read_only=True) as db:
        (job,) = list_runs(db)
    assert job.device == "cpu"
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_the_labelled_faces_are_said_to_be_no_sample_of_all(agreed: Home) -> None:
    assert "the nearer these figures are to those of all faces" in words(show("overview"))
    with connect(agreed) as db:
        add_face(db, agreed, seed=1)
    assert "Of 4 labelled faces in all, the student was wrong on **0 in 100**" in words(
        show("overview")
    )


def test_a_picture_that_is_gone_takes_no_page_with_it(tmp_path: Path) -> None:
    home = make_compared_home(tmp_path / "home")
    with connect(home, read_only=True) as db:
        pictures = [get_image(db, number) for number in range(1, FACES + 1)]
    for picture in pictures:
        (home.root / picture.path).unlink()
    st.cache_data.clear()  # the homes of other tests have the same pictures
    open_studio(home.root)
    text = words(show("mask_errors")) + words(show("pose_errors"))
    story = words(show("face", id="1"))
    use_studio(None)
    assert "its picture is gone" in text
    assert "No picture: the file of" in story and "Box 72" in story


def test_what_is_counted_is_kept_until_the_database_changes(tmp_path: Path) -> None:
    from db.settings import set_setting
    from ui.dashboard_source import counted

    asked: list[str] = []

    def read(db: object, what: str) -> int:
        asked.append(what)
        return len(asked)

    home = open_home(tmp_path)
    assert [counted(read, home, "a"), counted(read, home, "a")] == [1, 1]
    assert counted(read, home, "b") == 2
    with connect(home) as db:
        set_setting(db, "anything", 1)
    assert counted(read, home, "a") == 3


_FACE_AND_POSES = """
from core.faces import HeadPose
from db.filters import FaceFilter
from ui import dashboard, stored_faces
from ui.pose_mistakes import PoseMistake
from ui.studio import current_studio
from ui.views import pose_errors

studio = current_studio()
(face,) = stored_faces.page_of_faces(studio, "newest", FaceFilter()).items
dashboard.show_faces(studio, [face])
people, student = (HeadPose(yaw_deg=yaw, pitch_deg=0, roll_deg=0) for yaw in (0, 30))
mistake = PoseMistake(item=face, people=people, student=student, geodesic_deg=30)
pose_errors._pair(mistake)
"""


def test_after_a_restore_pages_show_the_faces_of_what_was_restored(tmp_path: Path) -> None:
    """Crops were kept by the number of the picture, which is another one's in another home."""
    for name in ("one", "other"):
        home = open_home(tmp_path / name)
        with connect(home) as db:
            add_face(db, home, seed=len(name))
        back_up(home, tmp_path / f"{name}.tar")
    open_studio(tmp_path / "home")

    def pictures_of(name: str) -> list[str]:
        restore(tmp_path / "home", tmp_path / f"{name}.tar")
        page = AppTest.from_string(_FACE_AND_POSES, default_timeout=300).run()
        assert not page.exception, page.exception
        return [url for picture in page.get("image") for url in picture.value]

    one = pictures_of("one")
    assert len(one) == len(set(one)) == 3  # a crop, and two poses drawn
    assert not set(pictures_of("other")) & set(one)
    assert pictures_of("one") == one
    use_studio(None)
