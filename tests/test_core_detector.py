"""core.detector: faces are found where people see them, and nowhere else."""

from __future__ import annotations

import csv
import threading
from collections import defaultdict

import numpy as np
import pytest

from core.crop import cut_square
from core.detector import LANDMARK_FACTOR, LANDMARK_SHIFT_DOWN, FaceDetector, landmark_box
from core.faces import FaceBox
from core.images import read_image

#: The astronaut's face, drawn by hand.
ASTRONAUT = FaceBox(183, 65, 84, 110)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(threads=1)


def only(boxes: list[FaceBox]) -> FaceBox:
    assert len(boxes) == 1
    return boxes[0]


def test_the_portrait_has_one_face_where_it_is(
    detector: FaceDetector, astronaut_rgb: np.ndarray
) -> None:
    box = only(detector.detect(astronaut_rgb))
    assert box.intersection_over_union(ASTRONAUT) > 0.7
    assert box.score is not None and 0.5 < box.score <= 1
    assert isinstance(box.left_px, float)


@pytest.mark.parametrize("size_px", [64, 128, 400, 1500])
def test_a_face_that_fills_the_picture_is_found(
    detector: FaceDetector, astronaut_rgb: np.ndarray, size_px: int
) -> None:
    crop = cut_square(astronaut_rgb, ASTRONAUT.square(1.05), size_px)
    box = max(detector.detect(crop), key=lambda box: box.area_px2)
    assert box.intersection_over_union(FaceBox(0, 0, size_px, size_px)) > 0.5


def test_a_small_face_in_a_large_picture_is_found(
    detector: FaceDetector, astronaut_rgb: np.ndarray
) -> None:
    large = np.full((1600, 2400, 3), 120, np.uint8)
    large[100:228, 2000:2128] = cut_square(astronaut_rgb, FaceBox(0, 0, 512, 512), 128)
    box = only(detector.detect(large))
    expected = FaceBox(2000 + 183 / 4, 100 + 65 / 4, 84 / 4, 110 / 4)
    assert box.intersection_over_union(expected) > 0.5


def test_several_faces_come_largest_first(
    detector: FaceDetector, astronaut_rgb: np.ndarray
) -> None:
    portrait = cut_square(astronaut_rgb, FaceBox(100, 0, 300, 300), 300)
    row = np.zeros((300, 600, 3), np.uint8)
    row[:200, :200] = cut_square(portrait, FaceBox(0, 0, 300, 300), 200)
    row[:, 300:] = portrait
    boxes = detector.detect(row)
    assert len(boxes) == 2
    assert boxes[0].left_px > 300 > boxes[1].left_px
    assert boxes[0].area_px2 > 1.5 * boxes[1].area_px2


def test_the_mirrored_picture_gives_the_mirrored_box(
    detector: FaceDetector, astronaut_rgb: np.ndarray
) -> None:
    box = only(detector.detect(astronaut_rgb))
    mirrored = only(detector.detect(astronaut_rgb[:, ::-1]))
    back = FaceBox(512 - mirrored.right_px, mirrored.top_px, mirrored.width_px, mirrored.height_px)
    assert back.intersection_over_union(box) > 0.85


@pytest.mark.parametrize("name", ["brick", "chelsea", "coffee", "coins", "page", "rocket"])
def test_pictures_without_people_have_no_faces(detector: FaceDetector, name: str) -> None:
    from skimage import data

    pixels = np.asarray(getattr(data, name)())
    image_rgb = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
    assert detector.detect(image_rgb) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (31, 33)])
def test_odd_shapes_have_no_faces_and_no_errors(
    detector: FaceDetector, shape: tuple[int, int]
) -> None:
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


def test_the_picture_is_left_alone(detector: FaceDetector, astronaut_rgb: np.ndarray) -> None:
    before = astronaut_rgb.copy()
    detector.detect(astronaut_rgb)
    np.testing.assert_array_equal(astronaut_rgb, before)


def test_one_detector_serves_several_threads_from_the_start(astronaut_rgb: np.ndarray) -> None:
    fresh = FaceDetector(threads=1)
    found: list[list[FaceBox]] = []
    threads = [
        threading.Thread(target=lambda: found.append(fresh.detect(astronaut_rgb))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(boxes == found[0] for boxes in found)


def test_the_landmark_box_is_a_square_lower_and_smaller() -> None:
    box = FaceBox(100, 50, 80, 100, score=0.9)
    square = landmark_box(box)
    assert square.width_px == square.height_px == pytest.approx(LANDMARK_FACTOR * 100)
    assert square.center_px == pytest.approx((140, 100 + LANDMARK_SHIFT_DOWN * 100))
    assert square.score == 0.9


def test_listed_faces_of_real_photos_are_found(detector: FaceDetector, shared_data) -> None:
    """At least 0.9 of the faces in every third photo; the whole is ``benchmarks.detector``."""
    listed = defaultdict(list)
    with open(shared_data / "photos" / "boxes.csv", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sides = (float(row[key]) for key in ("x", "y", "width", "height"))
            listed[row["file"]].append(FaceBox(*sides))
    hits = []
    for name in sorted(listed)[::3]:
        boxes = detector.detect(read_image(shared_data / "photos" / name))
        hits += [max(map(face.intersection_over_union, boxes), default=0) for face in listed[name]]
    assert len(hits) >= 15
    assert np.mean(np.array(hits) >= 0.4) >= 0.9


def test_landmark_boxes_match_aflw2000(detector: FaceDetector, shared_data) -> None:
    """The constants of ``landmark_box`` hold: no bias left beyond a few hundredths."""
    from scipy.io import loadmat

    errors = []
    for file in sorted((shared_data / "aflw2000_sample").glob("*.jpg"))[::4]:
        x, y, _ = loadmat(file.with_suffix(".mat"))["pt3d_68"]
        truth = FaceBox(float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y)))
        boxes = [landmark_box(box) for box in detector.detect(read_image(file))]
        boxes = [box for box in boxes if box.intersection_over_union(truth) > 0.3]
        if boxes:
            side = max(truth.width_px, truth.height_px)
            dx, dy = np.subtract(boxes[0].center_px, truth.center_px) / side
            errors.append((dx, dy, boxes[0].width_px / side - 1))
    assert len(errors) >= 22
    assert np.abs(np.mean(errors, axis=0)).max() < 0.06
