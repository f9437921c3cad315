"""How fast the frames of a video are answered, and how well faces are followed between looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import cycle
from typing import Any

import numpy as np

from benchmarks.speed_contenders import Contender
from benchmarks.speed_photos import example_photo
from benchmarks.speed_timing import time_in_turns
from core.detector import FaceDetector
from core.overlay import draw_faces
from core.predictor import Predictor
from core.tracking import DETECT_EVERY, FaceTracker

FRAME_PX = (640, 480)
FRAMES = 40
FACES_IN_VIDEO = (1, 5)
#: What is timed: looking for faces in every frame, and following them as the app does.
MODES = {"look in every frame": 1, f"look in every {DETECT_EVERY}th, follow": DETECT_EVERY}


def example_video(faces: int) -> list[np.ndarray]:
    """``FRAMES`` pictures, RGB uint8 (480, 640, 3), over which a camera pans: 4 px a frame."""
    width_px, height_px = FRAME_PX
    wide = example_photo(faces, width_px * 5 // 4, height_px * 5 // 4)
    return [
        wide[2 * index : 2 * index + height_px, 4 * index : 4 * index + width_px].copy()
        for index in range(FRAMES)
    ]


def time_video(rivals: Sequence[Contender], threads: int, rounds: int) -> list[dict[str, Any]]:
    """RGB frame to drawn answers: a row for each number of faces, contender and mode."""
    detector = FaceDetector(threads)
    rows = []
    for faces in FACES_IN_VIDEO:
        frames = example_video(faces)
        answering = {
            (rival.name, mode): _answers(frames, Predictor(rival.runtime, detector), every)
            for rival in rivals
            for mode, every in MODES.items()
        }
        calls = {f"{name}|{mode}": answers.__next__ for (name, mode), answers in answering.items()}
        timings = time_in_turns(calls, rounds)
        overlap = {1: None, DETECT_EVERY: _overlap(frames, detector)}
        for rival in rivals:
            for mode, every in MODES.items():
                timing = timings[f"{rival.name}|{mode}"]
                rows.append(
                    rival.facts()
                    | {"faces": faces, "mode": mode, "frame_px": list(FRAME_PX)}
                    | {"frames_per_s": round(1000 / timing.mean_ms, 1), "overlap": overlap[every]}
                    | asdict(timing)
                )
    return rows


def _answers(
    frames: Sequence[np.ndarray], predictor: Predictor, detect_every: int
) -> Iterator[np.ndarray]:
    """Drawn frames without end, forth and back, so that nothing ever jumps."""
    tracker = FaceTracker(detect_every=detect_every)
    for frame_rgb in cycle([*frames, *frames[-2:0:-1]]):
        tracker = tracker.step(frame_rgb, predictor.detector.detect)
        yield draw_faces(frame_rgb, predictor.predict_boxes(frame_rgb, tracker.boxes))


def _overlap(frames: Sequence[np.ndarray], detector: FaceDetector) -> float:
    """Mean overlap (IoU) of the followed boxes with those that a look at the same frame finds."""
    tracker, overlaps = FaceTracker(), []
    for frame_rgb in frames:
        tracker = tracker.step(frame_rgb, detector.detect)
        if tracker.age:
            found = detector.detect(frame_rgb)
            overlaps += [
                max((box.intersection_over_union(one) for one in tracker.boxes), default=0.0)
                for box in found
            ]
    return round(float(np.mean(overlaps)), 3)
