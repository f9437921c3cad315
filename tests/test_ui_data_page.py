"""The data page and the grid's page logic, run by Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from db_support import add_face, add_model, label, mask, predict
from streamlit.testing.v1 import AppTest
from waiting import wait_for

from core.faces import MaskLabel
from db.annotations import current_annotations
from db.database import connect
from db.models import promote
from trainer.dataset_import import IMPORT_FORMATS
from ui.data_jobs import Progress
from ui.plain import plain
from ui.studio import Studio, open_studio, use_studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """Four faces; the second is labelled as the student does not see it."""
    studio = open_studio(tmp_path / "home")
    with connect(studio.home) as db:
        add_model(db, "student-1")
        promote(db, "student-1", reason="a test", changed_by="ann")
        ids = [add_face(db, studio.home, n, name=f"photo-{n}.png") for n in range(1, 5)]
        predict(db, "student-1", {id: mask(0.1, 0.8, 0.1) for id in ids})
        label(db, ids[1], MaskLabel.UNMASKED, annotator="ben")
    yield studio
    use_studio(None)


def open_page(view: str, **query: str) -> AppTest:
    page = AppTest.from_string(f"from ui.views import {view}\n{view}.show()\n", default_timeout=300)
    page.session_state["pages"] = {}
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def photos(page: AppTest) -> list[str]:
    return page.dataframe[0].value["photo"].tolist() if page.dataframe else []


def press(page: AppTest, title: str) -> None:
    next(button for button in page.button if button.label == title).click().run()
    assert not page.exception


def toast(page: AppTest) -> str:
    return page.toast[0].value


def masks(studio: Studio) -> dict[int, MaskLabel | None]:
    with connect(studio.home, read_only=True) as db:
        return {id: one.label.mask for id, one in current_annotations(db, [1, 2, 3, 4]).items()}


def test_the_table_shows_the_faces_of_the_address(studio: Studio) -> None:
    assert len(photos(open_page("data"))) == 4
    assert photos(open_page("data", wrong="true")) == ["photo-2.png"]
    assert photos(open_page("data", name="TO-3", status="unlabelled")) == ["photo-3.png"]


def test_a_widget_writes_the_address(studio: Studio) -> None:
    page = open_page("data")
    page.text_input(key="faces-name").set_value("photo-4").run()
    page.selectbox(key="faces-status").set_value("unlabelled").run()
    assert page.query_params["name"] == "photo-4"
    assert page.query_params["status"] == "unlabelled"
    assert photos(page) == ["photo-4.png"]
    press(page, "All faces")
    assert len(photos(page)) == 4 and "name" not in page.query_params


def test_a_condition_without_a_widget_can_be_taken_away(studio: Studio) -> None:
    page = open_page("data", face_ids="1,2")
    assert len(photos(page)) == 2
    press(page, "face ids: 1,2")
    assert len(photos(page)) == 4


def test_an_address_that_is_not_understood_is_explained(studio: Studio) -> None:
    page = open_page("data", predicted="mask")
    assert "predicted=mask" in page.error[0].value
    press(page, "Show all faces")
    assert len(photos(page)) == 4


def test_all_found_faces_are_labelled_flagged_and_undone_as_one(studio: Studio) -> None:
    page = open_page("data", status="unlabelled")
    page.toggle[0].set_value(True).run()
    press(page, "Flag")
    press(page, "Label unmasked")
    assert masks(studio) == dict.fromkeys([1, 2, 3, 4], MaskLabel.UNMASKED)
    assert len(photos(open_page("data", flagged="true"))) == 3
    press(page, "Undo")
    assert {id: one for id, one in masks(studio).items() if one} == {2: MaskLabel.UNMASKED}


def test_a_press_before_the_button_names_the_verdict_that_was_chosen_does_nothing(
    studio: Studio,
) -> None:
    page = open_page("data", status="unlabelled")
    page.toggle[0].set_value(True).run()
    before = masks(studio)
    page.selectbox(key="data-verdict").set_value(MaskLabel.INCORRECT)
    press(page, "Label unmasked")  # in the same moment
    assert "had not caught up yet: press again" in toast(page)
    assert masks(studio) == before
    press(page, "Label incorrect")
    assert masks(studio) == dict.fromkeys([1, 3, 4], MaskLabel.INCORRECT) | before


def test_a_label_that_somebody_gave_since_the_page_was_read_is_not_overwritten(
    studio: Studio,
) -> None:
    page = open_page("data", status="unlabelled")
    page.toggle[0].set_value(True).run()
    with connect(studio.home) as db:
        label(db, 3, MaskLabel.INCORRECT, annotator="bob")
    before = masks(studio)
    press(page, "Label unmasked")
    assert plain("face 3 has changed since version 0: it is 'incorrect' by bob") in toast(page)
    assert masks(studio) == before
    page.toggle[0].set_value(True).run()  # it was about other faces
    press(page, "Label unmasked")
    unmasked = MaskLabel.UNMASKED
    assert masks(studio) == {1: unmasked, 2: unmasked, 3: MaskLabel.INCORRECT, 4: unmasked}


def test_a_folder_is_imported_from_the_page(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "masked"
    folder.mkdir(parents=True)
    with connect(studio.home, read_only=True) as db:
        row = db.execute("SELECT path FROM images WHERE id = 1").fetchone()
    (folder / "again.png").write_bytes((studio.home.root / row[0]).read_bytes())
    page = open_page("data")
    page.text_input[1].set_value(str(folder.parent))
    press(page, "Import the folder")
    assert studio.jobs.wait(300).title == "Import of new"


def test_a_path_that_is_not_there_is_told(studio: Studio) -> None:
    page = open_page("data")
    press(page, "Import the folder")
    assert any("does not exist" in error.value for error in page.error)


def test_an_upload_of_nothing_is_told(studio: Studio) -> None:
    page = open_page("data")
    press(page, "Import the upload")
    assert any("no file was chosen" in error.value for error in page.error)


def test_names_of_uploads_and_people_are_read_as_they_are(studio: Studio) -> None:
    name = "![a](http://evil.example/b_c_d)"
    shown = plain(name)
    page = open_page("data")
    for _ in range(2):
        page.file_uploader[0].upload(f"{name}.csv", b"file,mask\n")
    press(page, "Import the upload")
    (refused,) = [error.value for error in page.error]
    assert plain(f"{name}.csv is a second list of labels") in refused

    go_on = Event()

    def work(progress: Progress) -> str:
        progress(1, 2, "reading entries")
        go_on.wait(300)
        return "done"

    studio.jobs.start(f"Import of {name}", work)
    wait_for(lambda: studio.jobs.state.done)
    (bar,) = open_page("data").get("progress")
    assert bar.text.startswith(f"**Import of {shown}**")
    go_on.set()
    studio.jobs.wait(300)
    (end,) = open_page("data").success
    assert end.value == f"**Import of {shown}** is finished."

    page = open_page("data", face_ids="1")
    page.toggle[0].set_value(True).run()
    with connect(studio.home) as db:
        label(db, 1, MaskLabel.MASKED, annotator=name)
    press(page, "Label unmasked")
    assert f"by {shown} now" in toast(page)


def test_a_folder_is_read_in_the_format_that_is_chosen(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "masked").mkdir()
    page = open_page("data")
    assert set(IMPORT_FORMATS) < set(page.selectbox(key="import-upload-format").options)
    page.text_input[1].set_value(str(tmp_path))
    page.selectbox(key="import-folder-format").set_value("aflw2000")
    press(page, "Import the folder")
    assert "expected imageNNNNN.mat" in studio.jobs.wait(300).report


def test_the_grid_gets_the_filter_of_the_address(studio: Studio) -> None:
    page = open_page("grid", wrong="true", order="label_error")
    assert not page.info
    assert open_page("grid", name="nobody").info
    assert open_page("grid", order="best").error


def test_an_empty_studio_says_how_faces_come_in(tmp_path: Path) -> None:
    open_studio(tmp_path / "empty")
    try:
        assert "import photos or labels" in open_page("data").info[0].value
        assert open_page("data", source="nowhere").info[0].value.startswith("No face fulfils")
    finally:
        use_studio(None)
