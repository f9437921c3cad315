"""The REST interface: forms, pages, errors, limits, and who may change what."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from db_support import add_face
from fastapi import FastAPI
from fastapi.testclient import TestClient
from studio_files import start_studio

from core.images import encode_jpeg
from db.database import connect
from db.migrations import open_home
from ui.api import add_api, limits
from ui.guard import Guard
from ui.model_shelf import ModelShelf
from ui.server import build_pages
from ui.studio import Studio, use_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    yield start_studio(tmp_path_factory.mktemp("api"), teachers=("resnet18-pose",))
    use_studio(None)


@pytest.fixture(scope="module")
def client(studio: Studio) -> Iterator[TestClient]:
    app = FastAPI(openapi_url="/api/openapi.json")
    add_api(app, studio)
    with TestClient(Guard(app), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture(scope="module")
def portrait(astronaut_rgb: np.ndarray) -> bytes:
    return encode_jpeg(astronaut_rgb)


def send(client: TestClient, data: bytes, query: str = "", name: str = "anna.jpg"):
    return client.post(f"/api/v1/predict{query}", files={"file": (name, data)})


def op_id() -> str:
    return str(uuid.uuid4())


def test_health_says_what_is_loaded(client: TestClient) -> None:
    health = client.get("/api/v1/health").json()
    assert health["status"] == "ready"
    assert client.get("/api/health").json() == health  # the address that outlives versions
    assert [(m["role"], m["state"]) for m in health["models"]] == [
        ("student", "ready"),
        ("teacher", "ready"),
    ]


def test_beside_the_demo_alone_nothing_of_the_studio_is_served(
    studio: Studio, portrait: bytes
) -> None:
    with TestClient(build_pages(studio, "demo"), base_url="http://127.0.0.1:8000") as client:
        assert send(client, portrait).status_code == 200
        assert client.get("/api/v1/health").status_code == 200
        for address in ("backup", "export", "images", "faces", "models", "runs"):
            assert client.get(f"/api/v1/{address}").status_code == 404
        # by its type, pages of the studio know that a label was not judged: it waits
        assert client.post("/api/v1/annotations").json()["type"] == "urn:maskpose:no-such-route"


def test_a_photo_is_answered_and_nothing_is_kept(client: TestClient, portrait: bytes) -> None:
    before = client.get("/api/v1/images").json()
    answer = send(client, portrait).json()
    assert (answer["image"], answer["width"], answer["height"]) == ("anna.jpg", 512, 512)
    (face,) = answer["faces"]
    assert sum(face["mask"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert set(face["pose"]) == {"yaw_deg", "pitch_deg", "roll_deg"}
    assert (answer["image_id"], face["face_id"], face["teachers"]) == (None, None, [])
    assert client.get("/api/v1/images").json() == before


def test_teachers_answer_when_asked(client: TestClient, portrait: bytes) -> None:
    (face,) = send(client, portrait, "?teachers=true").json()["faces"]
    (teacher,) = face["teachers"]
    assert teacher["mask"] is None and teacher["pose"] is not None


def test_a_kept_photo_can_be_labelled_undone_and_done_again(
    client: TestClient, portrait: bytes
) -> None:
    answer = send(client, portrait + b"\0", "?keep=true").json()
    face_id = answer["faces"][0]["face_id"]
    faces = client.get(f"/api/v1/images/{answer['image_id']}/faces").json()
    assert [(face["id"], face["version"], face["label"]) for face in faces] == [(face_id, 0, None)]
    change = {"face_id": face_id, "base_version": 0, "mask": "masked"}
    gesture = {"client_op_id": op_id(), "changes": [change]}
    (event,) = client.post("/api/v1/annotations", json=gesture).json()
    assert (event["version"], event["label"]["mask"]) == (1, "masked")
    assert client.post("/api/v1/annotations", json=gesture).json() == [event], "a retry"
    undone = client.post("/api/v1/annotations/undo", json={"client_op_id": op_id()}).json()
    assert undone[0]["label"]["mask"] is None
    redone = client.post("/api/v1/annotations/redo", json={"client_op_id": op_id()}).json()
    assert redone[0]["label"]["mask"] == "masked"
    history = client.get(f"/api/v1/faces/{face_id}/history").json()
    assert [entry["op"] for entry in history] == ["label", "undo", "redo"]


def test_a_stale_version_is_a_conflict_that_names_the_present_one(
    studio: Studio, client: TestClient, portrait: bytes
) -> None:
    answer = send(client, portrait + b"\0\0", "?keep=true").json()
    change = {"face_id": answer["faces"][0]["face_id"], "base_version": 0, "mask": "masked"}
    for status in (200, 409):
        gesture = {"client_op_id": op_id(), "changes": [change]}
        reply = client.post("/api/v1/annotations", json=gesture)
        assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    (conflict,) = reply.json()["conflicts"]
    assert conflict.pop("created_at") and conflict.pop("client_op_id")
    assert conflict == {
        "face_id": change["face_id"],
        "base_version": 0,
        "version": 1,
        "mask": "masked",
        "rejected": False,
        "pose": None,
        "label": "masked",
        "annotator": studio.annotator,
    }


def test_lists_come_in_pages(client: TestClient, portrait: bytes) -> None:
    for extra in range(3, 6):
        send(client, portrait + b"\0" * extra, "?keep=true")
    for path in ("/api/v1/images", "/api/v1/faces", "/api/v1/queue?order=random"):
        seen, address = [], f"{path}{'&' if '?' in path else '?'}limit=2"
        while address:
            page = client.get(address).json()
            seen += [item.get("id", item.get("face_id")) for item in page["items"]]
            address = page["next"]
        assert len(seen) == len(set(seen)) >= 3, path


def test_the_faces_of_a_filter_are_counted(client: TestClient, portrait: bytes) -> None:
    send(client, portrait + b"\0" * 9, "?keep=true", name="counted.jpg")
    asked = {"filter": '{"name": "counted"}', "status": "unlabelled"}
    assert client.get("/api/v1/faces/count", params=asked).json() == {"faces": 1}
    (face,) = client.get("/api/v1/faces", params=asked).json()["items"]
    assert (face["image_name"], face["is_flagged"]) == ("counted.jpg", False)


def test_many_faces_are_flagged_at_once_or_none(client: TestClient, portrait: bytes) -> None:
    send(client, portrait + b"\0" * 20, "?keep=true", name="flagged.jpg")
    asked = {"filter": '{"name": "flagged"}'}

    def face() -> dict:
        return client.get("/api/v1/faces", params=asked).json()["items"][0]

    def flag(face_ids: list[int], flagged: bool) -> int:
        body = {"client_op_id": op_id(), "face_ids": face_ids, "flagged": flagged}
        return client.post("/api/v1/flags", json=body).status_code

    face_id = face()["face_id"]
    assert flag([face_id, 999_999], True) == 404 and not face()["is_flagged"]
    assert flag([face_id], True) == flag([face_id], True) == 204 and face()["is_flagged"]
    assert flag([face_id, 999_999], False) == 404 and face()["is_flagged"]
    assert flag([face_id], False) == 204 and not face()["is_flagged"]


def test_pictures_come_back_as_they_were_sent(client: TestClient, portrait: bytes) -> None:
    answer = send(client, portrait, "?keep=true").json()
    file = client.get(f"/api/v1/images/{answer['image_id']}/file")
    assert (file.content, file.headers["content-type"]) == (portrait, "image/jpeg")
    crop = client.get(f"/api/v1/faces/{answer['faces'][0]['face_id']}/crop?side_px=64")
    assert crop.content.startswith(b"\xff\xd8")


@contextmanager
def home_with_one_face(root: Path, seed: int) -> Iterator[TestClient]:
    """What a home serves whose picture 1 holds face 1."""
    home = open_home(root)
    with connect(home) as db:
        assert add_face(db, home, seed) == 1
    app = FastAPI()
    add_api(app, Studio(home=home, models=ModelShelf(home), annotator="ann"))
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", ["faces/1/crop", "images/1/view", "images/1/file"])
def test_a_browser_asks_whether_its_picture_is_still_the_one(tmp_path: Path, path: str) -> None:
    address = f"/api/v1/{path}"
    with (
        home_with_one_face(tmp_path / "one", seed=1) as client,
        home_with_one_face(tmp_path / "other", seed=2) as other,
    ):
        first = client.get(address)
        assert first.headers["cache-control"] == "private, no-cache"
        kept = {"if-none-match": first.headers["etag"]}
        again = client.get(address, headers=kept)
        assert (again.status_code, again.content) == (304, b"")
        elsewhere = other.get(address, headers=kept)
        assert elsewhere.status_code == 200 and elsewhere.content != first.content


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/images/999999", 404),
        ("GET", "/api/v1/faces/x/crop", 422),
        ("GET", "/api/v1/faces?after=nonsense", 422),
        ("GET", '/api/v1/faces?filter={"colour":1}', 422),
        ("GET", "/api/v1/images/../../../etc/passwd", 404),
        ("POST", "/api/v1/annotations", 422),
        ("DELETE", "/api/v1/images/1", 404),
    ],
)
def test_errors_are_problem_json(client: TestClient, method: str, path: str, status: int) -> None:
    reply = client.request(method, path)
    assert (reply.status_code, reply.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert reply.json()["status"] == status and reply.json()["title"]


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7"])
def test_what_is_no_picture_is_refused_in_a_sentence(client: TestClient, data: bytes) -> None:
    reply = send(client, data, name="letter.pdf")
    assert reply.status_code == 422 and "letter.pdf" in reply.json()["title"]


def test_a_body_that_is_too_large_is_refused_while_it_arrives(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BODY_BYTES", 1000)
    assert send(client, b"x" * 2000).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from (b"x" * 500 for _ in range(10))

    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/api/v1/predict", content=chunks(), headers=kind).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_requests_from_other_sites_change_nothing(
    client: TestClient, headers: dict[str, str]
) -> None:
    body = {"client_op_id": op_id()}
    assert client.post("/api/v1/annotations/undo", json=body, headers=headers).status_code == 403


def test_another_host_name_is_not_answered(client: TestClient) -> None:
    reply = client.get("/api/v1/health", headers={"host": "rebind.example"})
    assert reply.status_code == 421


def test_fifty_photos_at_once_do_not_block_the_rest(client: TestClient, portrait: bytes) -> None:
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda: replies.append(send(client, portrait).status_code))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    while_busy = client.get("/api/v1/health")
    for thread in threads:
        thread.join()
    assert while_busy.status_code == 200 and while_busy.json()["waiting"] <= limits.MAX_WAITING
    assert replies == [200] * 50


def test_the_reference_page_lists_every_route_and_fetches_nothing(client: TestClient) -> None:
    page = client.get("/api/").text
    for path in client.get("/api/openapi.json").json().get("paths", {}):
        assert path in page
    assert "POST /api/v1/predict" in page and "<script" not in page


def test_nothing_under_the_home_folder_can_be_fetched(client: TestClient, studio: Studio) -> None:
    for path in (
        "/api/v1/images/1/../../maskpose.db",
        "/api/maskpose.db",
        f"/api{studio.home.root}",
    ):
        assert client.get(path).status_code == 404


def test_the_studio_keeps_files_where_it_says(client: TestClient, studio: Studio) -> None:
    files = [path for path in Path(studio.home.images_dir).rglob("*") if path.is_file()]
    assert len(files) == len(client.get("/api/v1/images?limit=500").json()["items"])


def test_a_server_that_is_busy_says_so(
    client: TestClient, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 0)
    reply = send(client, portrait)
    assert reply.status_code == 503 and reply.headers["retry-after"]
    assert reply.json()["title"] == "0 requests wait already; try again in a moment"
