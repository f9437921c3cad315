"""Second opinions over the REST interface: asked blindly, kept beside the label."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from db_support import add_face, add_model, label, mask, predict
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.faces import MaskLabel
from db.annotations import history
from db.database import connect
from ui.api import add_api
from ui.guard import Guard
from ui.studio import Studio, open_studio, use_studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A home with two faces that ann labelled; no model is loaded."""
    studio = open_studio(tmp_path / "home", device="cpu")
    with connect(studio.home) as db:
        faces = [add_face(db, studio.home, seed) for seed in (1, 2)]
        add_model(db, "student")
        predict(db, "student", {face: mask(0.1, 0.8, 0.1) for face in faces})
        for face in faces:
            label(db, face, MaskLabel.MASKED)
    yield studio
    use_studio(None)


@pytest.fixture
def as_bob(studio: Studio) -> Iterator[TestClient]:
    app = FastAPI()
    add_api(app, studio)
    guard = Guard(app, users={"bob": "a long password", "ann": "another password"})
    with TestClient(guard, base_url="http://127.0.0.1") as client:
        client.auth = ("bob", "a long password")
        yield client


def say(client: TestClient, face_id: int, op: str = "first opinion", version: int = 1, **said):
    change = {"face_id": face_id, "base_version": version, **said}
    return client.post("/api/v1/opinions", json={"client_op_id": op, "changes": [change]})


def asked(client: TestClient, **query: object) -> list[dict]:
    text = json.dumps({"order": "newest", **query})
    return client.get("/api/v1/opinions/queue", params={"queue": text}).json()["items"]


def test_the_queue_hides_what_others_said(as_bob: TestClient) -> None:
    faces = asked(as_bob)
    assert [(face["face_id"], face["version"]) for face in faces] == [(2, 1), (1, 1)]
    for name in ("label", "annotator", "annotated_at", "label_error", "label_error_reason"):
        assert [face[name] for face in faces] == [None, None]
    assert faces[0]["predicted"] == "masked"  # the page hides it where the session is blind
    as_bob.auth = ("ann", "another password")
    assert asked(as_bob) == []


def test_pages_of_the_queue_follow_each_other(as_bob: TestClient) -> None:
    first = {"queue": '{"order": "random"}', "limit": 1}
    page = as_bob.get("/api/v1/opinions/queue", params=first).json()
    following = as_bob.get(page["next"]).json()
    assert {page["items"][0]["face_id"], following["items"][0]["face_id"]} == {1, 2}


def test_an_opinion_is_a_review_and_the_label_stays(studio: Studio, as_bob: TestClient) -> None:
    (kept,) = say(as_bob, 1, mask="unmasked").json()
    assert (kept["verdict"], kept["reviewer"], kept["blind"]) == ("disagree", "bob", True)
    assert say(as_bob, 1, mask="unmasked").json() == [kept]  # sent twice
    assert as_bob.get("/api/v1/faces/1/opinions").json() == [kept]
    assert [face["face_id"] for face in asked(as_bob)] == [2]
    with connect(studio.home) as db:
        assert [event.version for event in history(db, 1)] == [1]


def test_not_a_face_and_unsure_are_opinions_too(as_bob: TestClient) -> None:
    assert say(as_bob, 1, op="not a face", rejected=True).json()[0]["opinion"]["rejected"]
    assert say(as_bob, 2, op="no idea at all").json()[0]["verdict"] == "unsure"


def test_a_label_that_changed_meanwhile_is_a_conflict(studio: Studio, as_bob: TestClient) -> None:
    with connect(studio.home) as db:
        label(db, 1, MaskLabel.UNMASKED, base_version=1)
    reply = say(as_bob, 1, mask="masked")
    assert reply.status_code == 409
    assert reply.json()["conflicts"][0]["version"] == 2


def test_nobody_judges_an_own_label(as_bob: TestClient) -> None:
    as_bob.auth = ("ann", "another password")
    reply = say(as_bob, 1, mask="masked")
    assert (reply.status_code, reply.json()["title"]) == (
        409,
        "the label of face 1 is ann's own: ask somebody else",
    )


def test_a_queue_that_is_none_is_refused_with_a_sentence(as_bob: TestClient) -> None:
    for queue in ("nonsense", '{"order": "best"}', '{"colour": 1}', "[]"):
        reply = as_bob.get("/api/v1/opinions/queue", params={"queue": queue})
        assert (reply.status_code, reply.json()["title"][:6]) == (422, "queue:")


def test_somebody_else_takes_over_the_browser_by_name(studio: Studio) -> None:
    app = FastAPI()
    add_api(app, studio)
    with TestClient(Guard(app), base_url="http://127.0.0.1", follow_redirects=False) as client:
        assert client.get("/api/v1/me").json() == {"name": studio.annotator}
        form = {"annotator": " Jürgen; B ", "back": "/agreement?pair=1"}
        reply = client.post("/api/v1/me", data=form)
        assert (reply.status_code, reply.headers["location"]) == (303, "/agreement?pair=1")
        assert client.get("/api/v1/me").json() == {"name": "Jürgen; B"}
        (kept,) = say(client, 1, mask="masked").json()
        assert kept["reviewer"] == "Jürgen; B"


@pytest.mark.parametrize("back", ["https://evil.example/x", "//evil.example/x", "/\\evil.example"])
def test_the_way_back_is_a_page_of_ours(studio: Studio, back: str) -> None:
    app = FastAPI()
    add_api(app, studio)
    with TestClient(Guard(app), base_url="http://127.0.0.1", follow_redirects=False) as client:
        reply = client.post("/api/v1/me", data={"annotator": "bob", "back": back})
        assert reply.headers["location"].startswith("/")
        assert not reply.headers["location"].startswith(("//", "/\\"))
