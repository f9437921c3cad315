"""Export and backup over REST: whole files that can be brought back in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from db_support import add_face, label
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.faces import MaskLabel
from db.backup import restore
from db.database import connect
from db.export import EXPORT_FORMATS
from db.filters import FaceFilter
from db.home import Home
from db.review_queue import count
from trainer.dataset_import import import_path
from ui.api import add_api
from ui.guard import Guard
from ui.studio import Studio, open_studio, use_studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """Three faces: masked, incorrect and without a label."""
    studio = open_studio(tmp_path / "home")
    with connect(studio.home) as db:
        ids = [add_face(db, studio.home, seed, name=f"{seed}.png") for seed in range(3)]
        label(db, ids[0], MaskLabel.MASKED)
        label(db, ids[1], MaskLabel.INCORRECT)
    yield studio
    use_studio(None)


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    app = FastAPI()
    add_api(app, studio)
    with TestClient(Guard(app), base_url="http://127.0.0.1:8000") as client:
        yield client


def take(client: TestClient, address: str, folder: Path) -> Path:
    """The downloaded file, unpacked where it is a zip; checks the name that browsers see."""
    reply = client.get(f"/api/v1/{address}")
    assert reply.status_code == 200, reply.text
    name = reply.headers["content-disposition"].split('filename="')[1].rstrip('"')
    assert name.startswith("maskpose-")
    if not name.endswith(".zip"):
        (folder / name).write_bytes(reply.content)
        return folder / name
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        archive.extractall(folder)
    return folder / name.removesuffix(".zip")


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_an_export_with_pictures_can_be_imported_elsewhere(
    client: TestClient, studio: Studio, tmp_path: Path, format: str
) -> None:
    folder = take(client, f"export?format={format}&images=true", tmp_path)
    other = open_studio(tmp_path / "other").home
    import_path(other, folder)
    assert labels_in(other) == {MaskLabel.MASKED: 1, MaskLabel.INCORRECT: 1}
    assert not list(studio.home.work_dir.iterdir()), "nothing is left behind"


def labels_in(home: Home) -> dict[MaskLabel, int]:
    with connect(home, read_only=True) as db:
        found = {one: count(db, FaceFilter(labels=(one,))) for one in MaskLabel}
    return {one: n for one, n in found.items() if n}


@pytest.mark.parametrize(("format", "suffix"), [("csv", ".csv"), ("coco", ".json")])
def test_labels_alone_are_one_file(
    client: TestClient, tmp_path: Path, format: str, suffix: str
) -> None:
    file = take(client, f"export?format={format}", tmp_path)
    assert file.suffix == suffix and "incorrect" in file.read_text()


def test_a_filter_says_what_is_exported(client: TestClient, tmp_path: Path) -> None:
    text = take(client, 'export?filter={"labels": ["masked"]}', tmp_path).read_text()
    assert "masked" in text and "incorrect" not in text


@pytest.mark.parametrize("pictures", ["false", "true"])
def test_a_backup_brings_the_labels_back(client: TestClient, tmp_path: Path, pictures: str) -> None:
    file = take(client, f"backup?pictures={pictures}", tmp_path)
    restore(tmp_path / "new", file)
    assert labels_in(Home.at(tmp_path / "new")) == {MaskLabel.MASKED: 1, MaskLabel.INCORRECT: 1}


@pytest.mark.parametrize("query", ["format=xls", "filter={", 'filter={"colour":1}'])
def test_what_is_not_understood_is_problem_json(client: TestClient, query: str) -> None:
    reply = client.get(f"/api/v1/export?{query}")
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
