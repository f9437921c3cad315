"""Video files: every frame answered and drawn, limits, what is no video, stopping on the way."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from studio_files import write_network, write_video

from core.images import ImageError
from core.predictor import Predictor, load_predictor
from ui import video
from ui.video import MarkedVideo, mark_faces

FRAMES_PER_S = 10.0


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return load_predictor(str(write_network(tmp_path_factory.mktemp("video"), "mhpnet")), "cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut_rgb: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("films") / "walk.mp4"
    return write_video(path, astronaut_rgb, frames=8, frames_per_s=FRAMES_PER_S)


def run(source: Path, target: Path, predictor: Predictor) -> list[MarkedVideo]:
    return list(mark_faces(source, target, predictor))


def frames_of(path: Path) -> list[np.ndarray]:
    film, frames = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame = film.read()
        if not ok:
            return frames
        frames.append(frame)


def test_every_frame_is_answered_and_drawn(
    film: Path, predictor: Predictor, tmp_path: Path
) -> None:
    steps = run(film, tmp_path / "out.webm", predictor)
    shares = [step.share for step in steps]
    assert shares == sorted(shares) and shares[-1] == 1
    assert [step.is_done for step in steps] == [False] * 8 + [True]
    assert (steps[-1].frames, steps[-1].frames_with_faces, steps[-1].was_cut) == (8, 8, False)
    before, after = frames_of(film), frames_of(steps[-1].path)
    assert [frame.shape for frame in after] == [frame.shape for frame in before]
    assert cv2.VideoCapture(str(steps[-1].path)).get(cv2.CAP_PROP_FPS) == FRAMES_PER_S
    assert min(cv2.absdiff(a, b).max() for a, b in zip(before, after, strict=True)) > 100


@pytest.mark.parametrize("name", ["walk.avi", "walk.webm"])
def test_other_forms_are_read_too(
    name: str, predictor: Predictor, astronaut_rgb: np.ndarray, tmp_path: Path
) -> None:
    film = write_video(tmp_path / name, astronaut_rgb, frames=2, frames_per_s=FRAMES_PER_S)
    assert run(film, tmp_path / "out.webm", predictor)[-1].frames == 2


def test_only_the_first_seconds_of_a_long_video_are_answered(
    film: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "MAX_LENGTH_S", 0.3)
    *_, last = run(film, tmp_path / "out.webm", predictor)
    assert (last.frames, last.was_cut, last.share) == (3, True, 1.0)


def test_a_large_video_is_shrunk_before_it_is_looked_at(
    film: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "MAX_SIDE_PX", 150)
    *_, last = run(film, tmp_path / "out.webm", predictor)
    assert frames_of(last.path)[0].shape == (112, 150, 3)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is not a video"),
        (b"hello, I am a text", "is not a video"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://example.org/a.ts\n", "is not a video"),
        (b"\0\0\0\x18ftypisom" + bytes(200), "damaged"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(
    data: bytes, sentence: str, predictor: Predictor, tmp_path: Path
) -> None:
    wrong = tmp_path / "holiday.mp4"
    wrong.write_bytes(data)
    with pytest.raises(ImageError, match=f"holiday.mp4: .*{sentence}"):
        run(wrong, tmp_path / "out.webm", predictor)


def test_a_video_that_breaks_off_is_answered_as_far_as_it_goes(
    predictor: Predictor, astronaut_rgb: np.ndarray, tmp_path: Path
) -> None:
    film = write_video(tmp_path / "torn.avi", astronaut_rgb, frames=12, frames_per_s=FRAMES_PER_S)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    *_, last = run(film, tmp_path / "out.webm", predictor)
    assert last.is_done and 0 < last.frames < 12


def test_whoever_stops_asking_stops_the_work(
    film: Path, predictor: Predictor, tmp_path: Path
) -> None:
    target = tmp_path / "out.webm"
    steps = mark_faces(film, target, predictor)
    next(steps)
    steps.close()
    assert len(frames_of(target)) == 1
