"""Faces in a stream: followed between looks, calm at rest, quick in motion, kept apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.faces import FaceBox, FacePrediction, HeadPose, MaskLabel, MaskPrediction
from ui.live import LiveView

FRAMES_PER_S = 15


def face(left_px: float = 100, yaw_deg: float = 0.0, masked: float = 0.9) -> FacePrediction:
    probabilities = {
        MaskLabel.UNMASKED: 1 - masked,
        MaskLabel.MASKED: masked,
        MaskLabel.INCORRECT: 0.0,
    }
    return FacePrediction(
        box=FaceBox(left_px, 100, 80, 100, 0.9),
        mask=MaskPrediction(probabilities),
        pose=HeadPose(yaw_deg=yaw_deg, pitch_deg=0.0, roll_deg=0.0),
        model_id="m",
    )


def follow(yaws_deg: list[float]) -> list[float]:
    view, shown = LiveView(), []
    for frame, yaw_deg in enumerate(yaws_deg):
        view = view.step([face(yaw_deg=yaw_deg)], frame / FRAMES_PER_S)
        shown.append(view.faces[0].pose.yaw_deg)
    return shown


def test_a_still_head_trembles_less_than_half_as_much() -> None:
    noise = np.random.default_rng(0).normal(0, 2, 90).tolist()
    assert np.std(follow(noise)[15:]) < 0.5 * np.std(noise[15:])


def test_a_turning_head_is_followed_closely() -> None:
    turn = [0.0] * 15 + list(np.linspace(0, 60, 15)) + [60.0] * 10
    lag_deg = np.abs(np.array(follow(turn)) - turn)
    assert lag_deg.max() < 20 and lag_deg[-1] < 3


def test_probabilities_stay_probabilities() -> None:
    view = LiveView()
    for frame in range(30):
        view = view.step([face(masked=float(frame % 2))], frame / FRAMES_PER_S)
        values = list(view.faces[0].mask.probabilities.values())
        assert abs(sum(values) - 1) < 1e-9 and min(values) >= 0


def test_two_faces_keep_their_own_numbers_when_their_order_changes() -> None:
    left, right = face(100, yaw_deg=-30), face(400, yaw_deg=30)
    view = LiveView()
    for frame in range(20):
        order = [left, right] if frame % 2 else [right, left]
        view = view.step(order, frame / FRAMES_PER_S)
    assert sorted(round(one.pose.yaw_deg) for one in view.faces) == [-30, 30]


def test_a_face_that_left_is_not_drawn_and_soon_forgotten() -> None:
    view = LiveView().step([face()], 0.0).step([], 0.1)
    assert view.faces == [] and len(view.tracks) == 1
    assert view.step([], 1.0).tracks == ()


def test_the_rate_is_that_of_the_last_frames() -> None:
    view = LiveView()
    for frame in range(40):
        view = view.step([], frame / FRAMES_PER_S)
    assert round(view.frames_per_s, 3) == FRAMES_PER_S
    assert LiveView().frames_per_s == 0


class Asked:
    """A predictor whose face stands still; counts the looks for it and the answers."""

    def __init__(self) -> None:
        self.detector = self
        self.looks = self.answers = 0

    def detect(self, frame_rgb: np.ndarray) -> list[FaceBox]:
        self.looks += 1
        return [face().box]

    def predict_boxes(self, frame_rgb: np.ndarray, boxes: list[FaceBox]) -> list[FacePrediction]:
        self.answers += len(boxes)
        return [replace(face(), box=box) for box in boxes]


def test_every_frame_is_answered_but_faces_are_looked_for_now_and_then() -> None:
    frame_rgb = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    view, predictor = LiveView(), Asked()
    for index in range(10):
        view = view.answer(frame_rgb, index / FRAMES_PER_S, predictor)
        assert view.faces[0].box.intersection_over_union(face().box) > 0.95
    assert (predictor.answers, predictor.looks) == (10, 2)
