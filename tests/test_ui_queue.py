"""The review queue over REST: taking, holding, skipping, blindness, undo of what is meant."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from many_faces import STUDENT, add_many_faces
from PIL import Image

from ui.api import add_api
from ui.guard import USER_HEADER
from ui.studio import Studio, open_studio, use_studio

QUEUE = {"order": "newest", "filter": {"status": "unlabelled"}}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A home with thirty faces, the first six labelled by ann; no model is loaded."""
    studio = open_studio(tmp_path / "home")
    add_many_faces(studio.home, tmp_path, 30, labelled=6)
    yield studio
    use_studio(None)


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    """Without the guard, so that a test can say who asks."""
    app = FastAPI(openapi_url="/api/openapi.json")
    add_api(app, studio)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def take(client: TestClient, count: int, who: str = "bob", **queue: object) -> list[dict]:
    body = {"queue": QUEUE | queue, "count": count}
    reply = client.post("/api/v1/queue/take", json=body, headers={USER_HEADER: who})
    assert reply.status_code == 200, reply.text
    return reply.json()


def post(client: TestClient, path: str, body: dict, who: str = "bob"):
    return client.post(f"/api/v1{path}", json=body, headers={USER_HEADER: who})


def label(client: TestClient, face_id: int, base_version: int = 0, **label: object) -> str:
    op_id = str(uuid.uuid4())
    changes = [{"face_id": face_id, "base_version": base_version, **label}]
    reply = post(client, "/annotations", {"client_op_id": op_id, "changes": changes})
    assert reply.status_code == 200, reply.text
    return op_id


def ids(faces: list[dict]) -> list[int]:
    return [face["face_id"] for face in faces]


def test_two_people_never_get_the_same_face(client: TestClient) -> None:
    first, second = take(client, 5), take(client, 5, who="cleo")
    assert ids(first) == [30, 29, 28, 27, 26] and ids(second) == [25, 24, 23, 22, 21]
    post(client, "/queue/release", {"face_ids": ids(first)[:2]})
    assert ids(take(client, 3, who="cleo")) == [30, 29, 20]
    assert post(client, "/queue/hold", {"face_ids": ids(first)}).status_code == 204


def test_a_face_comes_with_every_opinion(client: TestClient) -> None:
    (face,) = take(client, 1)
    (student,) = face["opinions"]
    assert (student["role"], student["model"]) == ("student", STUDENT)
    assert student["mask"]["label"] == face["predicted"] and student["pose"] == face["pose"]
    assert (face["said"], face["version"], face["image_width_px"]) == (None, 0, 320)


def test_a_blind_queue_says_nothing_that_could_sway(client: TestClient) -> None:
    (face,) = take(client, 1, filter={"face_ids": [1]}, blind=True)
    hidden = ("predicted", "confidence", "pose", "entropy", "label", "annotator", "said")
    assert [face[name] for name in hidden] == [None] * len(hidden)
    assert (face["opinions"], face["is_labelled"], face["version"]) == ([], False, 1)
    (known,) = client.get("/api/v1/queue/faces?face_id=1").json()
    assert known["opinions"] and known["said"]["mask"] == known["label"]


def test_a_skipped_face_is_left_to_others(client: TestClient) -> None:
    (face,) = take(client, 1)
    assert post(client, f"/faces/{face['face_id']}/skip", {}).status_code == 204
    assert face["face_id"] not in ids(take(client, 30))
    assert ids(take(client, 1, who="cleo")) == [face["face_id"]]
    post(client, "/queue/release", {"face_ids": [face["face_id"]]}, who="cleo")
    post(client, f"/faces/{face['face_id']}/unskip", {})
    assert ids(take(client, 1)) == [face["face_id"]]


@pytest.mark.parametrize("mark", ["skip", "flag"])
def test_a_mark_on_a_face_that_is_not_there_is_refused_for_good(
    client: TestClient, mark: str
) -> None:
    reply = post(client, f"/faces/999/{mark}", {})
    assert (reply.status_code, reply.json()["title"]) == (404, "there is no face 999")


def test_a_flag_stays_with_the_face(client: TestClient) -> None:
    post(client, "/faces/7/flag", {})
    assert ids(take(client, 9, filter={"flagged": True})) == [7]
    post(client, "/faces/7/unflag", {})
    (face,) = client.get("/api/v1/queue/faces?face_id=7").json()
    assert not face["is_flagged"]


def test_progress_counts_what_is_left_and_what_is_done(client: TestClient) -> None:
    label(client, 30, mask="masked")
    reply = client.get('/api/v1/queue/progress?queue={"filter": {"status": "unlabelled"},'
                       ' "order": "newest"}')  # fmt: skip
    assert reply.json() == {"left": 23, "done": 7}


def test_a_pose_is_kept_like_a_label(client: TestClient) -> None:
    pose = {"yaw_deg": 12.5, "pitch_deg": -3.0, "roll_deg": 4.0}
    label(client, 30, mask="masked", pose=pose)
    (face,) = client.get("/api/v1/queue/faces?face_id=30").json()
    assert face["said"] == {"mask": "masked", "pose": pose, "rejected": False, "note": None}


def test_undo_takes_back_what_is_meant_and_says_what_it_was(client: TestClient) -> None:
    first, second = label(client, 30, mask="masked"), label(client, 29, mask="unmasked")
    refused = post(client, "/annotations/undo", {"client_op_id": "u" * 8, "gesture": first})
    assert refused.status_code == 409 and "face 29: unmasked" in refused.json()["title"]
    (step,) = post(client, "/annotations/undo", {"client_op_id": "v" * 8, "gesture": second}).json()
    assert (step["face_id"], step["before"]["mask"], step["label"]["mask"]) == (
        29,
        "unmasked",
        None,
    )
    (again,) = post(client, "/annotations/redo", {"client_op_id": "w" * 8}).json()
    assert (again["before"]["mask"], again["label"]["mask"]) == (None, "unmasked")


def test_a_conflict_says_who_said_what(client: TestClient) -> None:
    changes = [{"face_id": 1, "base_version": 0, "mask": "masked"}]
    reply = post(client, "/annotations", {"client_op_id": "x" * 8, "changes": changes})
    (conflict,) = reply.json()["conflicts"]
    assert reply.status_code == 409
    assert (conflict["annotator"], conflict["version"], conflict["pose"]) == ("ann", 1, None)
    assert conflict["client_op_id"] == "labels of ann"


@pytest.mark.parametrize(
    ("queue", "says"),
    [
        ({"order": "best"}, "no order is called 'best'"),
        ({"filter": {"colour": 1}}, "no filter is called 'colour'"),
        ({"sise": 3}, "sise"),
    ],
)
def test_a_queue_that_is_not_understood_is_refused(
    client: TestClient, queue: dict, says: str
) -> None:
    reply = post(client, "/queue/take", {"queue": queue, "count": 1})
    assert reply.status_code == 422 and says in reply.json()["title"]


def test_a_photo_is_shown_upright_and_not_larger_than_asked(client: TestClient) -> None:
    reply = client.get("/api/v1/images/1/view?max_px=100")
    assert reply.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(reply.content)).size) == 100
