"""The studio's pages, run by Streamlit's own test runner (no browser)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from studio_files import start_studio

from core.images import encode_jpeg
from ui import actions
from ui.navigation import HOME, PAGES, Page
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_listed_page_has_something_to_show(page: Page) -> None:
    assert callable(import_module(page.module).show)
    assert page is HOME or page.does.endswith(".")


def test_the_data_page_lists_what_is_kept(studio: Studio, face_id: int) -> None:
    page = show("data")
    assert not page.exception
    assert page.dataframe[0].value["photo"].tolist() == ["anna.jpg"]
