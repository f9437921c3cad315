"""The dashboards of models and data, run by Streamlit's own test runner: full and empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import wraps
from types import ModuleType

import pytest
import streamlit as st
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from core.faces import MASK_CLASSES
from db import (
    data_statistics,
    mask_statistics,
    paired_answers,
    pose_statistics,
    statistics,
)
from db.database import connect
from db.runs import list_runs
from tests.comparison_files import (
    FACES,
    MASK_TEACHER,
    NEW,
    OLD,
    POSE_TEACHER,
    make_compared_home,
)
from tests.studio_files import write_network
from tests.waiting import wait_for
from ui.dashboard import HAS_DRAWN
from ui.figures.published import TABLES
from ui.pages_ahead import page_asked_for
from ui.server import build_pages
from ui.studio import Studio, open_studio, use_studio
from ui.views import face_map

PATIENCE_S = 240


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("dashboards")
    make_compared_home(folder / "home")
    for name in (OLD, NEW):
        write_network(folder / "home" / "checkpoints", "mhpnet").rename(
            folder / "home" / "checkpoints" / f"{name}.safetensors"
        )
    yield open_studio(folder / "home")
    use_studio(None)


@pytest.fixture
def empty_studio(studio: Studio, tmp_path) -> Iterator[Studio]:
    yield open_studio(tmp_path / "home")
    use_studio(studio)


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: None)


def show(view: str, **address: str) -> AppTest:
    """One page alone, at an address, as after the first drawn chart."""
    code = f"from ui.views import {view}\n{view}.show()\n"
    page = AppTest.from_string(code, default_timeout=PATIENCE_S)
    page.session_state["pages"] = {}
    page.session_state[HAS_DRAWN] = True
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def words(page: AppTest) -> str:
    """Everything a page says, as a person reads it: Markdown's escapes are not seen, what is
    escaped twice is."""
    said = (element.value for kind in (page.markdown, page.caption, page.info) for element in kind)
    return re.sub(r"\\([!-/:-@[-`{-~])", r"\1", "\n".join(said))


def button(page: AppTest, key: str):
    return next(one for one in page.button if one.key == key)


def jobs(studio: Studio, recipe: str) -> list:
    with connect(studio.home) as db:
        return [run for run in list_runs(db) if run.recipe == recipe and run.status == "queued"]


def test_teacher_and_student_are_shown_in_matrix_histogram_verdict_and_scatter(
    studio: Studio,
) -> None:
    said = words(show("teachers", teacher=MASK_TEACHER))
    assert f"What the student says against what {MASK_TEACHER} says" in said
    assert f"n = {FACES} faces that both answered" in said
    assert "Who was right where people decided" in said
    assert "probability of masked by the student" in said


def test_a_pose_teacher_is_judged_by_degrees(studio: Studio) -> None:
    page = show("teachers", teacher=POSE_TEACHER)
    assert f"Head pose: {POSE_TEACHER} compared with {OLD}" in words(page)
    assert "The teacher is nearer to the people's pose on" in words(page)


def test_a_mark_of_a_matrix_in_the_address_shows_its_faces(studio: Studio) -> None:
    page = show(
        "teachers",
        teacher=MASK_TEACHER,
        chart="agreement",
        predicted="masked",
        also=f"{MASK_TEACHER}:masked",
    )
    assert "also mask-teacher:masked" in words(page)
    assert "student: masked" in words(page)


def test_two_models_are_compared_with_intervals_and_flipped_faces(studio: Studio) -> None:
    page = show("compare")
    said = words(page)
    assert f"Mask: {NEW} compared with {OLD}, on the same faces" in said
    assert f"Head pose: {NEW} compared with {OLD}" in said
    assert "What accuracy costs" in said
    assert f"Now right with {NEW}: " in said and f"Now wrong with {NEW}: " in said


def test_two_models_are_compared_on_a_split(studio: Studio) -> None:
    """Of all labelled faces, a retrained student knows four in five."""
    assert f"n = {FACES} labelled faces that both answered" in words(show("compare"))
    page = show("compare", **{"of-split": "test"})
    said = words(page)
    assert said.count(f"n = {FACES // 2} labelled faces that both answered") == 2
    assert f"intervals · n = {FACES // 2}" in said, "what accuracy costs"
    assert "*test* and *val* above are those that no training here learned from" in said


def test_letting_models_answer_is_a_job_and_the_second_click_no_second_one(
    studio: Studio,
) -> None:
    page = show("compare")
    button(page, "answer-start").click().run()
    assert not page.exception
    (job,) = jobs(studio, "answer")
    assert job.config == {"models": [NEW, OLD], "labelled_only": True}
    button(page, "answer-start").click().run()
    assert "does the same" in page.error[0].value
    assert len(jobs(studio, "answer")) == 1


@pytest.mark.parametrize("color", ["label", "error", "source"])
def test_the_map_shows_every_face_in_three_colourings(studio: Studio, color: str) -> None:
    said = words(show("face_map", color=color))
    assert f"n = {FACES} faces drawn by chance" in said
    assert "(at most 100 were asked for)" in said


def test_a_new_map_is_a_job(studio: Studio) -> None:
    page = show("face_map")
    button(page, "map-start").click().run()
    (job,) = jobs(studio, "survey")
    assert job.config == {"model": NEW, "faces": 5000}


def test_the_data_page_shows_balance_doubts_and_duplicates(studio: Studio) -> None:
    page = show("data_quality")
    said = words(page)
    assert f"faces · n = {FACES}" in said
    assert "Suspected label errors by the day" in said
    kinds = next(one for one in page.segmented_control if one.key == "pairs").options
    assert kinds == ["labelled differently (1)", "in different splits (1)", "all (2)"]


def test_a_measurement_stands_beside_the_published_tables(studio: Studio) -> None:
    page = show("benchmarks")
    said = words(page)
    for table in TABLES.values():
        assert f"{table.title}: {table.figure}, published and ours" in said
    assert "n = 1,969" in said
    measured = next(one.value for one in page.dataframe if "data set" in one.value)
    assert measured["mae_deg"].tolist() == ["3.7 (3.6 to 3.8)"]


def test_measuring_is_a_job_that_names_its_data(studio: Studio) -> None:
    page = show("benchmarks")
    button(page, "measure-start").click().run()
    (job,) = jobs(studio, "measure")
    assert job.config["model"] == NEW
    assert job.config["benchmark"]["source"] == "camera"
    page = show("benchmarks")
    assert any("waits for its turn" in (bar.text or "") for bar in page.get("progress"))


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ("teachers", "where a teacher and the student differ"),
        ("compare", "compared on the very same faces"),
        ("face_map", "every dot is a face"),
        ("data_quality", "A sample, to show what this page will tell"),
        ("benchmarks", "Nothing is measured here yet"),
    ],
)
def test_an_empty_page_explains_itself(empty_studio: Studio, view: str, says: str) -> None:
    assert says in words(show(view))


def test_labels_are_what_the_home_says(studio: Studio) -> None:
    with connect(studio.home) as db:
        found = dict(db.execute("SELECT mask_label, count(*) FROM face_states GROUP BY 1"))
    assert found == dict.fromkeys(map(str, MASK_CLASSES), FACES // 3)


@pytest.mark.parametrize(
    ("path", "module", "count"),
    [
        ("overview", statistics, "overview"),
        ("mask-errors", mask_statistics, "confusion"),
        ("pose-errors", pose_statistics, "said_against_true"),
        ("compare", paired_answers, "mask_answers"),
        ("teachers", paired_answers, "pose_answers"),
        ("map", face_map, "_numbers"),
        ("data-quality", data_statistics, "balance_by_source"),
    ],
)
def test_what_a_page_shows_first_is_counted_once_and_when_its_address_is_asked_for(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, path: str, module: ModuleType, count: str
) -> None:
    counts, real = [], getattr(module, count)

    @wraps(real)
    def noted(*given, **named):
        counts.append(path)
        return real(*given, **named)

    monkeypatch.setattr(module, count, noted)
    view = "face_map" if path == "map" else path.replace("-", "_")
    st.cache_data.clear()
    show(view)
    assert counts == [path]  # by the page itself
    st.cache_data.clear()
    TestClient(build_pages(studio), raise_server_exceptions=False).get(f"/{path}")
    wait_for(lambda: len(counts) > 1)
    show(view)
    assert counts == [path, path]


def test_only_a_page_opened_as_it_is_is_counted_ahead() -> None:
    def asked_for(path: str, query: bytes = b"", method: str = "GET", **headers: bytes):
        named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": query}
        page = page_asked_for({**scope, "headers": named})
        return page and page.path

    assert asked_for("/map") == asked_for("/map", sec_fetch_dest=b"document") == "map"
    assert asked_for("/api/v1/health") is None
    assert asked_for("/map", method="POST") is None
    assert asked_for("/map", b"color=error") is None  # the default would be counted, for nobody
    assert asked_for("/map", sec_fetch_dest=b"image") is None  # on somebody else's page
