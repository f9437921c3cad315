"""What all screens do, without any of their toolkits: answer, keep, correct, undo, draw a box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studio_files import start_studio

from core.faces import MaskLabel
from core.images import ImageError, encode_jpeg
from db.database import connect
from db.errors import NothingToUndo, NotTheLast
from db.events import StaleVersion
from db.predictions import predictions_of_face
from ui import actions
from ui.answers import AnsweredPhoto, difference, shown_faces
from ui.exports import photo_csv, photo_json
from ui.model_shelf import ModelsNotReady
from ui.photo_view import photo_html
from ui.studio import Studio, open_studio, use_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    yield start_studio(tmp_path_factory.mktemp("actions"), teachers=("resnet18-pose",))
    use_studio(None)


@pytest.fixture(scope="module")
def portrait(astronaut_rgb: np.ndarray) -> bytes:
    return encode_jpeg(astronaut_rgb)


@pytest.fixture(scope="module")
def answered(studio: Studio, portrait: bytes) -> AnsweredPhoto:
    *_, photo = actions.answer_photo(studio, portrait, "anna.jpg")
    return photo


def test_the_student_answers_first_then_each_teacher(studio: Studio, portrait: bytes) -> None:
    first, second = actions.answer_photo(studio, portrait, "anna.jpg")
    assert [len(first.faces[0].answers), len(second.faces[0].answers)] == [1, 2]
    assert (len(first.waiting), second.waiting) == (1, ())
    assert [answer.role for answer in second.faces[0].answers] == ["student", "teacher"]
    assert second.faces[0].answers[0].latency_ms > 0


def test_a_photo_without_faces_is_an_answer_too(studio: Studio) -> None:
    grey = encode_jpeg(np.full((200, 300, 3), 127, np.uint8))
    (photo,) = actions.answer_photo(studio, grey, "wall.jpg")
    assert photo.faces == () and "No face found in wall.jpg" in photo_html(photo)


def test_bytes_that_are_no_picture_are_refused_in_a_sentence(studio: Studio) -> None:
    with pytest.raises(ImageError, match=r"notes\.txt: is not a picture"):
        list(actions.answer_photo(studio, b"hello", "notes.txt"))


def test_keeping_twice_changes_nothing(studio: Studio, answered: AnsweredPhoto) -> None:
    once = actions.keep_photo(studio, answered)
    assert actions.keep_photo(studio, once) == once
    with connect(studio.home) as db:
        said = predictions_of_face(db, once.faces[0].stored.face_id)
    assert {one.model for one in said} == {model.name for model in studio.models.models}


def test_a_correction_is_stored_and_can_be_undone(studio: Studio, answered: AnsweredPhoto) -> None:
    photo = actions.keep_photo(studio, answered)
    before = photo.faces[0].stored
    masked = actions.correct_face(studio, photo, 0, MaskLabel.MASKED, annotator="ann")
    rejected = actions.correct_face(
        studio, masked, 0, actions.NOT_A_FACE, annotator="ann", op_id="not a face"
    )
    assert (masked.faces[0].stored.label.mask, rejected.faces[0].stored.label.rejected) == (
        MaskLabel.MASKED,
        True,
    )
    assert actions.last_gesture(studio, annotator="ann") == "not a face"
    actions.undo_last(studio, annotator="ann", gesture="not a face")
    back = actions.with_present_labels(studio, rejected)
    assert back.faces[0].stored.label.mask is MaskLabel.MASKED
    with pytest.raises(NotTheLast):
        actions.undo_last(studio, annotator="ann", gesture="not a face")
    (event,) = actions.undo_last(studio, annotator="ann")
    assert event.label == before.label
    assert actions.last_gesture(studio, annotator="ann") is None
    with pytest.raises(NothingToUndo):
        actions.undo_last(studio, annotator="ann")


def test_the_label_of_somebody_faster_is_not_overwritten(
    studio: Studio, answered: AnsweredPhoto
) -> None:
    photo = actions.keep_photo(studio, answered)
    actions.correct_face(studio, photo, 0, MaskLabel.INCORRECT, annotator="bob")
    with pytest.raises(StaleVersion, match="bob"):
        actions.correct_face(studio, photo, 0, MaskLabel.MASKED, annotator="ann")
    present = actions.with_present_labels(studio, photo)
    assert present.faces[0].stored.label.mask is MaskLabel.INCORRECT


def test_faces_below_the_wished_score_are_hidden_but_not_those_drawn_by_hand(
    answered: AnsweredPhoto,
) -> None:
    face = answered.faces[0]
    boxes = [replace(face.box, score=score) for score in (0.9, 0.5, None)]
    photo = replace(answered, faces=tuple(replace(face, box=box) for box in boxes))
    assert [index for index, _ in shown_faces(photo, 0.8)] == [0, 2]


def test_many_faces_come_in_pages(answered: AnsweredPhoto) -> None:
    crowd = replace(answered, faces=answered.faces * 30)
    first, last = photo_html(crowd), photo_html(crowd, page=2)
    assert first.count('class="mp-card"') == 12 and last.count('class="mp-card"') == 6
    assert "Faces 25–30 of 30" in last


def test_names_cannot_smuggle_markup_into_the_page(studio: Studio, portrait: bytes) -> None:
    name = '"><img src=x onerror=alert(1)>.jpg'
    *_, photo = actions.answer_photo(studio, portrait, name)
    assert "<img src=x" not in photo_html(photo, key=f"/uploads/{name}")


def test_json_and_csv_say_the_same(answered: AnsweredPhoto) -> None:
    said = photo_json(answered)
    rows = [line.split(",") for line in photo_csv(answered).splitlines()]
    assert rows[0][:4] == ["image", "face", "role", "model"] and len(rows) == 3
    assert rows[1][3] == said["faces"][0]["model"]
    assert float(rows[1][12]) == said["faces"][0]["pose"]["yaw_deg"]
    assert rows[2][8] == "" and said["faces"][0]["teachers"][0]["mask"] is None


def test_the_difference_of_a_model_to_itself_is_none(answered: AnsweredPhoto) -> None:
    same = difference(answered.faces[0].student, answered.faces[0].student)
    assert (same.mask, same.is_notable) == (0, False) and same.pose_deg < 1e-5


def test_without_a_student_a_sentence_says_what_to_do(tmp_path: Path, portrait: bytes) -> None:
    studio = open_studio(tmp_path / "home", tmp_path / "missing.safetensors", [], "cpu")
    studio.models.start()
    assert studio.models.wait(60) and not studio.models.is_ready
    with pytest.raises(ModelsNotReady, match=r"missing\.safetensors: no such model file"):
        list(actions.answer_photo(studio, portrait, "anna.jpg"))
