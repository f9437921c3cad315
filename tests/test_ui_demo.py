"""The demo's photo tab without a browser: what clicks do while other photos are still answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from studio_files import start_studio, write_network

from core.checkpoint import load_checkpoint
from core.faces import MaskLabel
from core.images import encode_jpeg
from db.database import connect
from db.images import find_image
from db.labels import Label
from db.models import register_model
from ui import actions, stored_faces
from ui.demo_callbacks import PhotoCallbacks
from ui.demo_session import DemoSession
from ui.photo_view import EMPTY
from ui.studio import Studio, use_studio

REQUEST = gr.Request(headers={})


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    yield start_studio(tmp_path_factory.mktemp("demo"), teachers=("resnet18-pose",))
    use_studio(None)


@pytest.fixture
def does(studio: Studio) -> PhotoCallbacks:
    return PhotoCallbacks(studio)


@pytest.fixture
def uploads(astronaut_rgb: np.ndarray, tmp_path: Path) -> list[str]:
    """Three photos with one face each, which no other test has."""
    paths = [tmp_path / f"{name}.jpg" for name in ("anna", "berta", "carla")]
    for path in paths:
        path.write_bytes(encode_jpeg(astronaut_rgb) + str(path).encode())
    return [str(path) for path in paths]


def put(does: PhotoCallbacks, session: DemoSession, paths: list[str]) -> None:
    does.note_uploads([(path, None) for path in paths], session)


def answer_all(does: PhotoCallbacks, session: DemoSession, paths: list[str]) -> None:
    put(does, session, paths)
    list(does.answer(session, None))


def answer_until(pages: Iterator[str], reached: Callable[[], bool]) -> None:
    while not reached():
        next(pages)


def press(does: PhotoCallbacks, session: DemoSession, key: str, **what: object) -> str:
    """A click on something that belongs to the photo ``key``."""
    return does.act(gr.EventData(None, {"key": key, **what}), REQUEST, session)


def label(does: PhotoCallbacks, session: DemoSession, key: str, verdict: str) -> None:
    press(does, session, key, act="label", face="0", verdict=verdict)


def label_of(session: DemoSession, key: str) -> Label:
    return session.photos[key].faces[0].stored.label


def draw_box(does: PhotoCallbacks, session: DemoSession, key: str, left_px: int) -> None:
    sides = {"left_px": left_px, "top_px": 20, "width_px": 100, "height_px": 120}
    press(does, session, key, act="box", **sides)


def register_student(studio: Studio, folder: Path) -> str:
    """The name of one more student that a person can choose."""
    checkpoint = load_checkpoint(write_network(folder, "mhpnet"))
    with connect(studio.home) as db:
        register_model(
            db,
            name=checkpoint.model_id,
            sha256=checkpoint.sha256,
            path=str(folder / "mhpnet.safetensors"),
            kind="student",
            recipe="default",
        )
    return checkpoint.model_id


def are_kept(studio: Studio, paths: list[str]) -> list[bool]:
    digests = [sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    with connect(studio.home, read_only=True) as db:
        return [find_image(db, digest) is not None for digest in digests]


@pytest.mark.parametrize("keep", [False, True])
def test_a_box_drawn_while_teachers_answer_becomes_a_face(
    studio: Studio, does: PhotoCallbacks, uploads: list[str], keep: bool
) -> None:
    path, session = uploads[0], DemoSession(keep=keep)
    put(does, session, [path])
    pages = does.answer(session, None)
    answer_until(pages, lambda: path in session.photos)
    assert session.photos[path].waiting
    draw_box(does, session, path, 20)
    list(pages)
    assert [len(face.answers) for face in session.photos[path].faces] == [2, 2]
    draw_box(does, session, path, 60)
    if keep:
        stored = stored_faces.stored_photo(studio, session.photos[path].image_id)
        detectors = [face.detector for face in stored.faces]
        assert detectors == [actions.DETECTOR, "person", "person"]


def test_a_click_counts_for_the_photo_that_was_on_the_screen(
    does: PhotoCallbacks, uploads: list[str]
) -> None:
    """On its way to the server, the first answer of the next photo takes the screen."""
    session = DemoSession(keep=True)
    anna, berta, _ = uploads
    put(does, session, [anna, berta])
    pages = does.answer(session, None)
    answer_until(pages, lambda: session.shown == berta)
    label(does, session, anna, "masked")
    draw_box(does, session, anna, 20)
    assert session.shown == anna
    list(pages)
    assert label_of(session, anna).mask is MaskLabel.MASKED
    assert label_of(session, berta) == Label()
    assert [len(session.photos[key].faces) for key in (anna, berta)] == [2, 1]


def test_the_view_follows_the_answers_until_somebody_pages(
    does: PhotoCallbacks, uploads: list[str]
) -> None:
    session = DemoSession()
    anna, berta, carla = uploads
    put(does, session, uploads)
    pages = does.answer(session, None)
    answer_until(pages, lambda: session.shown == berta)
    press(does, session, berta, act="photo", photo=anna)
    assert all(f'data-key="{anna}"' in page for page in pages)
    put(does, session, [anna, berta])
    assert session.shown == anna
    answer_all(does, session, uploads)
    assert session.shown == carla  # a new upload: the person waits for its answer


def test_a_label_for_a_photo_that_is_being_answered_is_refused_in_a_sentence(
    does: PhotoCallbacks, uploads: list[str]
) -> None:
    path, session = uploads[0], DemoSession(keep=True)
    put(does, session, [path])
    pages = does.answer(session, None)
    answer_until(pages, lambda: path in session.photos)
    with pytest.warns(UserWarning, match=r"anna\.jpg is still being answered"):
        label(does, session, path, "masked")
    list(pages)
    assert label_of(session, path) == Label()


@pytest.mark.parametrize("keep", [True, False])
def test_a_kept_photo_stays_one_while_another_student_answers_it(
    does: PhotoCallbacks, uploads: list[str], keep: bool
) -> None:
    path, session = uploads[0], DemoSession(keep=True)
    answer_all(does, session, [path])
    draw_box(does, session, path, 20)
    kept = session.photos[path]
    session.keep = keep
    pages = does.answer_anew(session, None)
    next(pages)
    label(does, session, path, "masked")
    list(pages)
    assert label_of(session, path) == Label(mask=MaskLabel.MASKED)
    after = session.photos[path]
    assert after.image_id == kept.image_id is not None
    assert [face.stored.face_id for face in after.faces] == [
        face.stored.face_id for face in kept.faces
    ]


def test_photos_taken_off_the_page_before_they_are_answered_are_not_kept(
    studio: Studio, does: PhotoCallbacks, uploads: list[str]
) -> None:
    session = DemoSession(keep=True)
    anna, berta, carla = uploads
    put(does, session, uploads)
    pages = does.answer(session, None)
    answer_until(pages, lambda: berta in session.photos)  # by the student, not by the teacher
    put(does, session, [anna])
    does.keep(True, session)
    press(does, session, berta, act="photo", photo=carla)  # the screen still had its buttons
    list(pages)
    assert list(session.photos) == [anna] and session.shown == anna
    assert are_kept(studio, uploads) == [True, False, False]


def test_a_page_that_is_cleared_while_photos_are_answered_stays_empty(
    studio: Studio, does: PhotoCallbacks, uploads: list[str]
) -> None:
    session = DemoSession(keep=True)
    put(does, session, uploads)
    pages = does.answer(session, None)
    answer_until(pages, lambda: bool(session.photos))
    does.note_uploads(None, session)
    assert set(pages) <= {EMPTY} and session.photos == {}
    assert not any(are_kept(studio, uploads))


def test_undo_takes_back_corrections_of_this_page_alone(
    studio: Studio, does: PhotoCallbacks, uploads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    session, elsewhere = DemoSession(keep=True), DemoSession(keep=True)
    anna, berta, carla = uploads
    answer_all(does, session, [anna, berta])
    answer_all(does, elsewhere, [carla])
    label(does, elsewhere, carla, "masked")
    does.undo(REQUEST, session)
    assert "No correction of this page is left to undo." in capsys.readouterr().out
    label(does, session, anna, "masked")
    label(does, session, anna, "incorrect")
    label(does, session, berta, "masked")

    does.undo(REQUEST, session)
    assert "Undone on face 1 of berta.jpg, now: no label" in capsys.readouterr().out
    press(does, session, berta, act="photo", photo=berta)
    does.undo(REQUEST, session)
    assert "Undone on face 1 of anna.jpg, now: masked" in capsys.readouterr().out
    assert session.shown == anna and label_of(session, anna).mask is MaskLabel.MASKED

    label(does, elsewhere, carla, "incorrect")
    does.undo(REQUEST, session)
    assert "Your last label was given on another page" in capsys.readouterr().out
    does.undo(REQUEST, elsewhere)
    does.undo(REQUEST, session)
    does.undo(REQUEST, session)
    said = capsys.readouterr().out
    assert "face 1 of anna.jpg, now: no label" in said and "No correction of this page" in said
    assert label_of(elsewhere, carla).mask is MaskLabel.MASKED


def test_another_student_answers_photos_whose_files_are_gone(
    does: PhotoCallbacks, uploads: list[str]
) -> None:
    """Gradio deletes uploads after a while; the page shows them still."""
    session = DemoSession()
    anna, berta, _ = uploads
    answer_all(does, session, [anna, berta])
    press(does, session, berta, act="photo", photo=anna)
    draw_box(does, session, anna, 20)
    before = session.photos[anna]
    Path(anna).unlink(), Path(berta).unlink()
    pages = list(does.answer_anew(session, None))
    assert all(f'data-key="{anna}"' in page for page in pages)
    after = session.photos[anna]
    assert [len(face.answers) for face in after.faces] == [2, 2] and after.waiting == ()
    for now, then in zip(after.faces, before.faces, strict=True):  # the drawn one too
        assert now.answers[0] is not then.answers[0]
    assert list(session.photos) == [anna, berta]


def test_all_faces_of_a_photo_are_answered_by_the_student_that_was_chosen(
    studio: Studio, does: PhotoCallbacks, uploads: list[str], tmp_path: Path
) -> None:
    path, session = uploads[0], DemoSession()
    answer_all(does, session, [path])
    draw_box(does, session, path, 20)
    other = register_student(studio, tmp_path / "other")
    list(does.answer_anew(session, other))
    draw_box(does, session, path, 60)
    students = [face.student.model_id for face in session.photos[path].faces]
    assert students == [other] * 3


def test_an_upload_that_is_gone_before_it_was_answered_gets_a_sentence(
    does: PhotoCallbacks, uploads: list[str]
) -> None:
    session = DemoSession()
    Path(uploads[0]).unlink()
    with pytest.warns(UserWarning, match=r"anna\.jpg was forgotten after 15 minutes: drop it"):
        answer_all(does, session, uploads)
    assert list(session.photos) == uploads[1:]


def test_a_slow_answer_finds_its_photo_though_another_is_shown(
    does: PhotoCallbacks, uploads: list[str]
) -> None:
    session = DemoSession()
    anna, berta, _ = uploads
    answer_all(does, session, [anna, berta])
    slow = replace(session.photos[anna], detection_ms=7.0)
    session.update(anna, slow)
    session.update("taken off the page", slow)
    session.update_answers("taken off the page", slow)
    assert session.shown == berta and list(session.photos) == [anna, berta]
    assert session.photos[anna].detection_ms == 7.0
