"""What the app's benchmark rests on: a film that cameras can show, and honest verdicts."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from benchmarks.camera_film import FRAMES_PER_S, write_camera_film

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from benchmarks.app_speed import verdict


def test_the_camera_film_shows_a_portrait_that_moves(tmp_path: Path) -> None:
    film = cv2.VideoCapture(str(write_camera_film(tmp_path / "film.y4m", frames=4)))
    assert film.get(cv2.CAP_PROP_FPS) == FRAMES_PER_S
    frames = [film.read()[1] for _ in range(4)]
    assert [frame.shape for frame in frames] == [(480, 640, 3)] * 4 and not film.read()[0]
    assert cv2.absdiff(frames[0], frames[1]).mean() > 1


def test_figures_are_held_against_the_issues_targets() -> None:
    assert verdict("student_ms", 300.0) == "target <= 300: reached"
    assert verdict("live_frames_per_s", 9.9) == "target >= 10: missed"
    assert verdict("first_answer_s", 100.0) == ""
