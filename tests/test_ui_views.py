"""The studio's pages, run by Streamlit's own test runner (no browser)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from studio_files import start_studio

from core.faces import MaskLabel
from core.images import encode_jpeg
from ui import actions, stored_faces
from ui.studio import Studio, use_studio

SHELL = Path(__file__).resolve().parents[1] / "ui" / "streamlit_shell.py"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = start_studio(tmp_path_factory.mktemp("views"))
    yield studio
    use_studio(None)


@pytest.fixture(scope="module")
def face_id(studio: Studio, astronaut_rgb: np.ndarray) -> int:
    *_, photo = actions.answer_photo(studio, encode_jpeg(astronaut_rgb), "anna.jpg")
    return actions.keep_photo(studio, photo).faces[0].stored.face_id


def show(view: str) -> AppTest:
    """One page alone; the shell's navigation is replaced by what the pages ask of it."""
    code = f"from ui.views import {view}\n{view}.show()\n"
    page = AppTest.from_string(code, default_timeout=60)
    page.session_state["pages"] = {}
    return page.run()


def test_every_page_opens_without_an_exception(studio: Studio) -> None:
    page = AppTest.from_file(str(SHELL), default_timeout=120).run()
    assert not page.exception
    assert page.title[0].value == "MaskPose Studio"
    assert any("Ready: the student" in box.value for box in page.success)


def test_a_click_in_the_grid_writes_one_label_and_undo_takes_it_back(
    studio: Studio, face_id: int
) -> None:
    page = show("review")
    assert not page.exception
    label = page.segmented_control(key=f"label-{face_id}-0")
    label.set_value(MaskLabel.MASKED.value).run()
    assert not page.exception
    events = stored_faces.face_story(studio, face_id).events
    assert [(event.label.mask, event.annotator) for event in events] == [
        (MaskLabel.MASKED, studio.annotator)
    ]
    next(button for button in page.button if button.label == "Undo my last label").click().run()
    events = stored_faces.face_story(studio, face_id).events
    assert [event.op for event in events] == ["label", "undo"]


def test_the_data_page_lists_what_is_kept(studio: Studio, face_id: int) -> None:
    page = show("data")
    assert not page.exception
    assert page.dataframe[0].value["photo"].tolist() == ["anna.jpg"]
