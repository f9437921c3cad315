"""The dashboards' numbers, against counting by hand; and the file seen through datasette."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from db_support import add_face, label
from sqlite_utils import Database

from benchmarks.database_contents import ANNOTATORS, TEACHER, fill
from core.faces import MaskLabel
from db import statistics
from db.database import connect
from db.home import Home
from db.migrations import open_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = open_home(tmp_path_factory.mktemp("statistics"))
    with connect(home) as db:
        fill(db, faces=1500, annotations=600)
    return home


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    with connect(home, read_only=True) as db:
        yield db


@pytest.fixture
def states(db: Database) -> list[dict[str, object]]:
    return list(db.query("SELECT * FROM face_states"))


def test_the_overview_counts_everything_once(db: Database, states: list[dict[str, object]]) -> None:
    seen = statistics.overview(db)
    assert (seen.images, seen.faces, seen.unlabelled) == (1200, 1500, 900)
    assert seen.labels == Counter(s["mask_label"] for s in states if s["mask_label"])
    assert (seen.rejected, seen.disputed, seen.flagged) == (0, 0, 0)


def test_labels_per_day_add_up(db: Database) -> None:
    days = statistics.labels_per_day(db)
    assert sum(day.labels for day in days) == 600
    assert {day.annotator for day in days} == set(ANNOTATORS)
    assert days[0].day == "2026-01-01"


def test_a_teacher_agrees_with_the_student_as_the_rows_do(db: Database) -> None:
    rows = db.execute(
        "SELECT s.predicted_label, p.mask_label FROM face_states s"
        " JOIN predictions p ON p.face_id = s.face_id"
        " WHERE p.model_id = (SELECT id FROM models WHERE name = ?)",
        [TEACHER],
    )
    expected = Counter(rows.fetchall())
    assert +Counter(statistics.agreement_with_teacher(db, TEACHER)) == expected
    assert expected.total() == 1500


def test_histograms_hold_every_face(db: Database, states: list[dict[str, object]]) -> None:
    bins = statistics.score_histogram(db, "disagreement", low=0, high=1, bins=20)
    assert len(bins) == 20
    expected = Counter(min(19, int(s["disagreement"] * 20)) for s in states)
    assert bins == [expected[n] for n in range(20)]
    assert sum(statistics.score_histogram(db, "label_error", low=0, high=1, bins=5)) == 600
    with pytest.raises(ValueError, match="no score is called 'beauty'"):
        statistics.score_histogram(db, "beauty", low=0, high=1, bins=5)


def test_an_empty_database_has_numbers_too(tmp_path: Path) -> None:
    with connect(open_home(tmp_path)) as db:
        assert statistics.overview(db).unlabelled == 0
        assert statistics.score_histogram(db, "entropy", low=0, high=1.1, bins=2) == [0, 0]


def test_datasette_opens_the_file_and_follows_its_keys(tmp_path: Path) -> None:
    datasette = pytest.importorskip("datasette.app")
    home = open_home(tmp_path)
    with connect(home) as db:
        label(db, add_face(db, home, 1, name="anna.png"), MaskLabel.MASKED)

    async def visit() -> tuple[dict[str, object], str, str]:
        app = datasette.Datasette([str(home.database_path)])
        tables = (await app.client.get("/maskpose.json")).json()
        view = (await app.client.get("/maskpose/annotations.json?_shape=array")).text
        faces = (await app.client.get("/maskpose/faces")).text
        return tables, view, faces

    tables, view, faces = asyncio.run(visit())
    assert {v["name"] if isinstance(v, dict) else v for v in tables["views"]} == {
        "annotations",
        "annotation_history",
        "disputes",
        "events_beside_the_mask",
        "events_compared",
        "faces_overview",
        "models_in_use",
        "present_reviews",
    }
    assert '"mask_label": "masked"' in view and '"annotator": "ann"' in view
    # The key of the picture is shown by the picture's name, as a link.
    assert '<a href="/maskpose/images/1">anna.png</a>' in faces
