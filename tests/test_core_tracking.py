"""core.tracking: faces of made videos, whose boxes are known, are followed and not lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from core.detector import FaceDetector
from core.faces import FaceBox
from core.tracking import DETECT_EVERY, FaceTracker

#: The astronaut's face, drawn by hand.
FACE = FaceBox(183, 65, 84, 110)
HEIGHT_PX, WIDTH_PX = 360, 640


def scene(seed: int = 0) -> np.ndarray:
    """A picture without faces but with something to see everywhere, uint8 (360, 640, 3)."""
    noise = np.random.default_rng(seed).integers(0, 256, (45, 80, 3), np.uint8)
    return cv2.resize(noise, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)


def with_face(
    background: np.ndarray, portrait: np.ndarray, x: float, y: float, scale: float
) -> tuple[np.ndarray, FaceBox]:
    """The portrait's face and what surrounds it, its centre at x, y; and the face's box."""
    center_x, center_y = FACE.center_px
    frame_from_portrait = np.array(
        [[scale, 0, x - scale * center_x], [0, scale, y - scale * center_y]]
    )
    head = np.zeros(portrait.shape[:2], np.uint8)
    cv2.ellipse(head, (225, 115), (75, 105), 0, 0, 360, 255, -1)
    size = WIDTH_PX, HEIGHT_PX
    moved = cv2.warpAffine(portrait, frame_from_portrait, size)
    mask = cv2.warpAffine(head, frame_from_portrait, size)[..., np.newaxis] > 127
    width_px, height_px = scale * FACE.width_px, scale * FACE.height_px
    box = FaceBox(x - width_px / 2, y - height_px / 2, width_px, height_px)
    return np.where(mask, moved, background), box


def video(portrait: np.ndarray, frames: int = 20) -> Iterator[tuple[np.ndarray, list[FaceBox]]]:
    """A face that comes nearer on a curve: 4 to 8 px and up to 1.5 % of its size a frame."""
    background = scene()
    for index in range(frames):
        frame, box = with_face(
            background,
            portrait,
            x=200 + 6 * index,
            y=180 + 40 * np.sin(index / 8),
            scale=0.7 * 1.015**index,
        )
        yield frame, [box]


class Looks:
    """A detector that knows the truth and counts how often it is asked."""

    def __init__(self, boxes: Sequence[FaceBox] = ()) -> None:
        self.boxes = boxes
        self.count = 0

    def __call__(self, frame_rgb: np.ndarray) -> Sequence[FaceBox]:
        self.count += 1
        return self.boxes


def test_a_moving_face_is_followed_between_looks(astronaut_rgb) -> None:
    tracker, looks, overlaps = FaceTracker(), Looks(), []
    for frame, boxes in video(astronaut_rgb):
        looks.boxes = boxes
        tracker = tracker.step(frame, looks)
        overlaps.append(tracker.boxes[0].intersection_over_union(boxes[0]))
    assert looks.count == 20 / DETECT_EVERY
    assert min(overlaps) > 0.85


def test_faces_keep_their_order_and_scores(astronaut_rgb) -> None:
    tracker, looks = FaceTracker(), Looks()
    for index in range(4):
        frame, left = with_face(scene(), astronaut_rgb, 150 + 4 * index, 150, 0.6)
        frame, right = with_face(frame, astronaut_rgb, 450 - 4 * index, 200, 0.8)
        scored = [
            FaceBox(box.left_px, box.top_px, box.width_px, box.height_px, score)
            for box, score in ((left, 0.5), (right, 0.9))
        ]
        looks.boxes = scored
        tracker = tracker.step(frame, looks)
    assert looks.count == 1 and tracker.age == 3
    assert [box.score for box in tracker.boxes] == [0.5, 0.9]
    for box, truth in zip(tracker.boxes, scored, strict=True):
        assert box.intersection_over_union(truth) > 0.85


def test_a_cut_to_another_scene_is_noticed(astronaut_rgb) -> None:
    frame, box = with_face(scene(), astronaut_rgb, 200, 180, 0.8)
    other, elsewhere = with_face(scene(seed=1), astronaut_rgb, 450, 150, 0.6)
    tracker = FaceTracker().step(frame, Looks([box]))
    looks = Looks([elsewhere])
    tracker = tracker.step(other, looks)
    assert looks.count == 1 and tracker.boxes == (elsewhere,) and tracker.age == 0


def test_a_face_that_is_covered_is_not_claimed_any_longer(astronaut_rgb) -> None:
    frame, box = with_face(scene(), astronaut_rgb, 200, 180, 0.8)
    tracker = FaceTracker().step(frame, Looks([box]))
    assert tracker.step(scene(), Looks()).boxes == ()


def test_a_face_that_leaves_the_picture_is_looked_for(astronaut_rgb) -> None:
    tracker, looks = FaceTracker(detect_every=100), Looks()
    for x in range(60, -60, -8):
        frame, box = with_face(scene(), astronaut_rgb, x, 180, 0.8)
        looks.boxes = [box] if x > 0 else []
        tracker = tracker.step(frame, looks)
    assert tracker.boxes == () and looks.count > 1


def test_a_new_face_is_seen_at_the_next_look(astronaut_rgb) -> None:
    tracker = FaceTracker().step(scene(), Looks())
    frame, box = with_face(scene(), astronaut_rgb, 200, 180, 0.8)
    for _ in range(DETECT_EVERY):
        tracker = tracker.step(frame, Looks([box]))
    assert tracker.boxes == (box,)


def test_a_frame_of_another_size_is_looked_at(astronaut_rgb) -> None:
    tracker = FaceTracker().step(scene(), Looks())
    looks = Looks()
    tracker.step(scene()[:300], looks)
    assert looks.count == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (2000, 3)])
def test_odd_frames_are_no_error(shape) -> None:
    frame = np.zeros((*shape, 3), np.uint8)
    tracker = FaceTracker().step(frame, Looks([FaceBox(0, 0, 1, 1)]))
    assert len(tracker.step(frame, Looks()).boxes) <= 1


def test_with_the_real_detector_boxes_stay_on_the_face(astronaut_rgb) -> None:
    detector, tracker = FaceDetector(threads=1), FaceTracker()
    for frame, (truth,) in video(astronaut_rgb, frames=10):
        tracker = tracker.step(frame, detector.detect)
        assert max(box.intersection_over_union(truth) for box in tracker.boxes) > 0.6
