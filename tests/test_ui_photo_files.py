"""Answering photos on disk: which files are found, what happens to bad ones, where drawings go."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from core.faces import FaceBox, FacePrediction, HeadPose, MaskLabel, MaskPrediction
from core.images import encode_jpeg, encode_png, read_image
from ui.photo_files import Answer, answer_photos, find_photos

FACE = FacePrediction(
    box=FaceBox(10, 12, 30, 36, score=0.9),
    mask=MaskPrediction(
        {MaskLabel.UNMASKED: 0.1, MaskLabel.MASKED: 0.85, MaskLabel.INCORRECT: 0.05}
    ),
    pose=HeadPose(yaw_deg=20, pitch_deg=-5, roll_deg=3),
    model_id="always the same",
)


def one_face() -> Answer:
    return lambda image_rgb: [FACE]


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encode_jpeg(np.full((64, 96, 3), 90, np.uint8))


def put(folder: Path, names: list[str], photo: bytes) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(photo)


def test_folders_are_searched_at_all_levels_in_natural_order(tmp_path: Path, photo: bytes) -> None:
    put(tmp_path, ["img10.jpg", "img2.JPG", "b/1.png", "a/3.webp", ".hidden.jpg", "x.txt"], photo)
    put(tmp_path, [".thumbnails/1.jpg"], photo)
    failures: list[str] = []
    found = [str(path.relative_to(tmp_path)) for path in find_photos([tmp_path], failures)]
    assert found == ["a/3.webp", "b/1.png", "img2.JPG", "img10.jpg"]
    assert not failures


def test_a_folder_without_photos_is_a_failure(tmp_path: Path) -> None:
    failures: list[str] = []
    assert not list(find_photos([tmp_path], failures))
    assert len(failures) == 1
    assert "no photos" in failures[0]


def test_a_bad_photo_does_not_stop_the_others(tmp_path: Path, photo: bytes) -> None:
    put(tmp_path, ["1.jpg", "3.jpg"], photo)
    (tmp_path / "2.jpg").write_bytes(photo[:200])
    answers = answer_photos([tmp_path, tmp_path / "absent.jpg"], one_face)
    assert [Path(row["image"]).name for row in answers.rows] == ["1.jpg", "3.jpg"]
    assert len(answers.failures) == 2
    assert "2.jpg" in answers.failures[0]
    assert "absent.jpg" in answers.failures[1]


def test_the_model_is_loaded_once_and_only_when_a_photo_was_read(
    tmp_path: Path, photo: bytes
) -> None:
    loaded = []

    def load() -> Answer:
        loaded.append(True)
        return one_face()

    answer_photos([tmp_path / "absent.jpg"], load)
    assert not loaded
    put(tmp_path, ["1.jpg", "2.jpg", "3.jpg"], photo)
    answer_photos([tmp_path], load)
    assert len(loaded) == 1


def test_rows_tell_name_size_and_faces(tmp_path: Path, photo: bytes) -> None:
    put(tmp_path, ["1.jpg"], photo)
    (row,) = answer_photos([tmp_path / "1.jpg"], one_face).rows
    assert (row["image"], row["width"], row["height"]) == (str(tmp_path / "1.jpg"), 96, 64)
    assert row["faces"] == [
        {
            "box": [10, 12, 30, 36],
            "score": 0.9,
            "mask": {
                "label": "masked",
                "probabilities": {"unmasked": 0.1, "masked": 0.85, "incorrect": 0.05},
            },
            "pose": {"yaw_deg": 20, "pitch_deg": -5, "roll_deg": 3},
            "model": "always the same",
        }
    ]


def test_drawings_never_replace_a_file(tmp_path: Path, photo: bytes) -> None:
    put(tmp_path, ["a/face.jpg", "b/face.png", "a/face-faces.jpg"], photo)
    drawings = tmp_path / "a"
    inputs = [tmp_path / "a/face.jpg", tmp_path / "b/face.png"]
    for _ in range(2):
        assert not answer_photos(inputs, one_face, drawings).failures
    assert sorted(path.name for path in drawings.iterdir()) == [
        *("face-faces-2.jpg", "face-faces-3.jpg", "face-faces-4.jpg", "face-faces-5.jpg"),
        *("face-faces.jpg", "face.jpg"),
    ]
    assert (tmp_path / "a/face.jpg").read_bytes() == photo
    assert (tmp_path / "a/face-faces.jpg").read_bytes() == photo
    drawn = read_image(drawings / "face-faces-2.jpg")
    assert drawn.shape == (64, 96, 3)
    assert np.ptp(drawn) > 50  # something was drawn on the even grey


def test_a_panorama_too_long_for_a_jpeg_keeps_its_answer_and_the_others(
    tmp_path: Path, photo: bytes
) -> None:
    put(tmp_path, ["1.jpg", "3.jpg"], photo)
    (tmp_path / "2.png").write_bytes(encode_png(np.zeros((60, 70_000, 3), np.uint8)))
    answers = answer_photos([tmp_path], one_face, tmp_path / "drawn")
    assert [row["width"] for row in answers.rows] == [96, 70_000, 96]
    (failure,) = answers.failures
    assert failure.startswith(f"{tmp_path / '2.png'}: answered but not drawn: ")
    assert "70000 × 60" in failure and "65,500" in failure
    drawn = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {"1-faces.jpg", "3-faces.jpg"}


def test_a_folder_that_drawings_cannot_be_written_to_keeps_the_answers(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, ["1.jpg", "2.jpg"], photo)

    def full_disk(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ui.photo_files.write_whole", full_disk)
    answers = answer_photos([tmp_path], one_face, tmp_path / "drawn")
    assert len(answers.rows) == 2
    assert len(answers.failures) == 2 and "No space left" in answers.failures[0]


def test_drawings_inside_the_searched_folder_are_not_answered_again(
    tmp_path: Path, photo: bytes
) -> None:
    put(tmp_path, ["1.jpg"], photo)
    for _ in range(2):
        answers = answer_photos([tmp_path], one_face, tmp_path / "drawn")
        assert len(answers.rows) == 1


def test_odd_names_are_answered_and_drawn_under_plain_ones(tmp_path: Path, photo: bytes) -> None:
    names = ["two words.jpg", "line\nbreak.jpg", "Müller 脸.jpg", "-v.jpg", "a;rm *.jpg"]
    put(tmp_path, names, photo)
    undecodable = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jpg")
    Path(undecodable).write_bytes(photo)
    answers = answer_photos([tmp_path], one_face, tmp_path / "drawn")
    assert len(answers.rows) == len(names) + 1
    assert not answers.failures
    drawn = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {
        *("two_words-faces.jpg", "line_break-faces.jpg", "Müller_脸-faces.jpg", "-v-faces.jpg"),
        *("a_rm_-faces.jpg", "_-faces.jpg"),
    }
