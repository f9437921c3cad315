"""Faces in a stream of pictures: who is who from one to the next, and calm numbers for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from core.faces import MASK_CLASSES, FaceBox, FacePrediction, MaskPrediction
from core.head_pose import head_pose
from core.tracking import FaceTracker
from ui.one_euro import OneEuro

if TYPE_CHECKING:
    from core.predictor import Predictor

#: Boxes of two frames that overlap this much are one face.
_SAME_FACE_IOU = 0.3
#: A face that was not seen for this long is gone.
_FORGET_AFTER_S = 0.7
#: Frames over which the rate is measured.
_RATE_OVER = 20

# Calm at rest, and within a frame or two of a head that turns: tests/test_ui_live.py.
_BOX = {"min_cutoff_hz": 1.2, "beta": 0.03}  # in pixels
_POSE = {"min_cutoff_hz": 0.9, "beta": 0.02}  # in degrees
_MASK = {"min_cutoff_hz": 0.8, "beta": 0.5}  # in probability


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One face through time: its filters, each None where the model does not speak of it."""

    box: OneEuro
    pose: OneEuro | None
    mask: OneEuro | None
    shown: FacePrediction
    seen_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveView:
    """The faces of a stream at one moment, and when its last frames came."""

    tracks: tuple[Track, ...] = ()
    times_s: tuple[float, ...] = ()
    tracker: FaceTracker = field(default_factory=FaceTracker)

    def answer(self, frame_rgb: np.ndarray, time_s: float, predictor: Predictor) -> LiveView:
        """After one more frame: its faces are found or followed, answered and smoothed."""
        tracker = self.tracker.step(frame_rgb, predictor.detector.detect)
        faces = predictor.predict_boxes(frame_rgb, tracker.boxes)
        return replace(self, tracker=tracker).step(faces, time_s)

    def step(self, faces: Sequence[FacePrediction], time_s: float) -> LiveView:
        """After one more frame."""
        free = [track for track in self.tracks if time_s - track.seen_s < _FORGET_AFTER_S]
        tracks = []
        for face in faces:
            track = _same_face(face.box, free)
            if track:
                free.remove(track)
            tracks.append(_follow(track, face, time_s))
        return replace(self, tracks=(*tracks, *free), times_s=(*self.times_s, time_s)[-_RATE_OVER:])

    @property
    def faces(self) -> list[FacePrediction]:
        """What to draw: the faces of the last frame, smoothed."""
        return [track.shown for track in self.tracks if track.seen_s == self.times_s[-1]]

    @property
    def frames_per_s(self) -> float:
        if len(self.times_s) < 2:
            return 0.0
        return (len(self.times_s) - 1) / max(self.times_s[-1] - self.times_s[0], 1e-6)


def _same_face(box: FaceBox, tracks: Sequence[Track]) -> Track | None:
    best = max(tracks, key=lambda track: track.shown.box.intersection_over_union(box), default=None)
    if best is None or best.shown.box.intersection_over_union(box) < _SAME_FACE_IOU:
        return None
    return best


def _follow(track: Track | None, face: FacePrediction, time_s: float) -> Track:
    box = _filter(track and track.box, _sides(face.box), time_s, _BOX)
    pose = mask = None
    if face.pose:
        angles = np.array([face.pose.yaw_deg, face.pose.pitch_deg, face.pose.roll_deg])
        pose = _filter(track and track.pose, angles, time_s, _POSE)
    if face.mask:
        probabilities = np.array([face.mask.probabilities[label] for label in MASK_CLASSES])
        mask = _filter(track and track.mask, probabilities, time_s, _MASK)
    shown = FacePrediction(
        box=FaceBox(*box.value.tolist(), face.box.score),
        pose=head_pose(*pose.value) if pose else None,
        mask=_mask(mask.value) if mask else None,
        model_id=face.model_id,
    )
    return Track(box=box, pose=pose, mask=mask, shown=shown, seen_s=time_s)


def _filter(
    before: OneEuro | None, value: np.ndarray, time_s: float, tuning: dict[str, float]
) -> OneEuro:
    return before.step(value, time_s) if before else OneEuro.start(value, time_s, **tuning)


def _mask(values: np.ndarray) -> MaskPrediction:
    values = np.clip(values, 0, None)
    values = values / values.sum()
    return MaskPrediction(dict(zip(MASK_CLASSES, values.tolist(), strict=True)))


def _sides(box: FaceBox) -> np.ndarray:
    return np.array([box.left_px, box.top_px, box.width_px, box.height_px], dtype=float)
