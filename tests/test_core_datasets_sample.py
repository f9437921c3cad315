"""Samples, their crops, and the report of what was skipped."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from dataset_files import draw_face

from core.datasets import (
    DATASET_KINDS,
    DatasetError,
    FaceSample,
    Reading,
    Skipped,
    load_crop,
    read_dataset,
)
from core.datasets.sample import crop_square_px
from core.faces import FaceBox
from core.images import ImageError, encode_png


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """80 px of black with a white square in the middle that is half as wide."""
    image = np.zeros((80, 80, 3), np.uint8)
    image[20:60, 20:60] = 255
    path = tmp_path / "target.png"
    path.write_bytes(encode_png(image))
    return path


def white_fraction(crop_rgb: np.ndarray) -> float:
    return float((crop_rgb > 127).mean())


def test_a_file_that_is_the_crop_is_used_whole(target: Path) -> None:
    crop = load_crop(FaceSample(image_path=target, name="t"), 40)
    assert crop.shape == (40, 40, 3) and crop.dtype == np.uint8
    assert white_fraction(crop) == pytest.approx(0.25, abs=0.01)


def test_a_smaller_factor_cuts_the_inner_part_of_a_ready_made_crop(target: Path) -> None:
    sample = FaceSample(image_path=target, name="t", crop_factor=1.4)
    assert white_fraction(load_crop(sample, 40, factor=0.7)) > 0.95
    assert white_fraction(load_crop(sample, 40, factor=1.4)) == pytest.approx(0.25, abs=0.01)


def test_a_larger_factor_adds_black_around_a_ready_made_crop(target: Path) -> None:
    sample = FaceSample(image_path=target, name="t", crop_factor=1.4)
    assert white_fraction(load_crop(sample, 80, factor=2.8)) == pytest.approx(1 / 16, abs=0.01)


def test_the_factor_rescales_the_square_in_a_photo(target: Path) -> None:
    square = FaceBox(20, 20, 40, 40)
    sample = FaceSample(image_path=target, name="t", crop_square=square, crop_factor=1.0)
    assert white_fraction(load_crop(sample, 40)) == 1.0
    assert white_fraction(load_crop(sample, 40, factor=2.0)) == pytest.approx(0.25, abs=0.01)


def test_the_factor_is_ignored_where_the_crops_own_factor_is_unknown(target: Path) -> None:
    sample = FaceSample(image_path=target, name="t")
    assert np.array_equal(load_crop(sample, 40, factor=0.7), load_crop(sample, 40))


def test_an_oblong_file_is_padded_never_stretched() -> None:
    sample = FaceSample(image_path=Path("x.png"), name="t")
    assert crop_square_px(sample, 100, 60) == FaceBox(0, -20, 100, 100)


def test_a_pose_crop_that_is_not_square_has_the_wrong_size(tmp_path: Path) -> None:
    path = draw_face(tmp_path / "a.png", 120, 100)
    with pytest.raises(ImageError, match=r"a: the picture has 120 × 100 px; expected a square"):
        load_crop(FaceSample(image_path=path, name="a", crop_factor=1.43), 40)


def test_a_box_outside_the_picture_is_an_error_that_names_the_sample(tmp_path: Path) -> None:
    path = draw_face(tmp_path / "a.png", 50, 50)
    box = FaceBox(60, 10, 20, 20)
    sample = FaceSample(image_path=path, name="a#1", box=box, crop_square=box.square(1.3))
    with pytest.raises(ImageError, match=r"a#1.*outside"):
        load_crop(sample, 40)


def test_a_label_of_the_picture_before_it_was_turned_is_said_to_be_that(tmp_path: Path) -> None:
    path = draw_face(tmp_path / "a.png", 50, 40)
    sample = FaceSample(image_path=path, name="a#1", picture_size_px=(40, 50))
    says = r"50 × 40 px upright.* for 40 × 50, perhaps before .* turned upright as its EXIF says"
    with pytest.raises(ImageError, match=says):
        load_crop(sample, 40)
    other = FaceSample(image_path=path, name="a#1", picture_size_px=(40, 60))
    with pytest.raises(ImageError, match=r"for 40 × 60; restore the original file"):
        load_crop(other, 40)


def test_samples_travel_to_worker_processes(target: Path) -> None:
    sample = FaceSample(image_path=target, name="t", rotation=np.eye(3), attributes={"a": "b"})
    copy = pickle.loads(pickle.dumps(sample))
    assert copy.name == "t" and copy.attributes == {"a": "b"}
    assert np.array_equal(copy.rotation, np.eye(3))


def test_the_report_counts_each_reason_and_names_the_first_entries() -> None:
    skipped = tuple(Skipped(f"{n}.jpg", "image is missing") for n in range(5))
    reading = Reading((), (Skipped("x.jpg", "unknown label", "'hat'"), *skipped), ("all frames",))
    assert reading.report().splitlines() == [
        "0 faces read, 6 entries skipped",
        "  5 × image is missing: 0.jpg, 1.jpg, 2.jpg, …",
        "  1 × unknown label: x.jpg ('hat')",
        "  note: all frames",
    ]


def test_a_report_is_safe_to_print_in_a_terminal() -> None:
    skipped = Skipped("a\n\x1b[2J\u202e.jpg", "unknown label", "x" * 500)
    lines = Reading((), (skipped,)).report().splitlines()
    assert len(lines) == 2 and all(line.isprintable() and len(line) < 200 for line in lines)
    assert "a\\n\\x1b[2J" in lines[1]


def test_an_unknown_kind_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'coco'.*aflw2000.*folder"):
        read_dataset("coco", tmp_path)


@pytest.mark.parametrize("kind", DATASET_KINDS)
def test_a_folder_of_something_else_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(DatasetError) as error:
        read_dataset(kind, tmp_path)
    assert "expected" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", DATASET_KINDS)
def test_a_path_that_is_no_folder_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is nothing; expected a folder"):
        read_dataset(kind, tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="is a file; expected a folder"):
        read_dataset(kind, tmp_path / "file")
