"""The benchmark times what it says it times; short runs, as figures do not matter here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import speed, speed_tables, speed_timing, speed_video
from benchmarks.speed_contenders import machine
from benchmarks.speed_gpu import flop_per_face
from benchmarks.speed_photos import example_photo
from core.answer_network import build_answer_network
from core.checkpoint import load_checkpoint
from core.detector import FaceDetector
from tests.onnx_files import exported_student


@pytest.mark.parametrize("photo", speed.PHOTOS)
def test_every_face_of_an_example_photo_can_be_found(photo):
    image_rgb = example_photo(*photo)
    assert image_rgb.shape == (photo.height_px, photo.width_px, 3)
    assert len(FaceDetector(threads=1).detect(image_rgb)) == photo.faces


def test_the_example_video_moves_a_little_from_frame_to_frame():
    frames = speed_video.example_video(faces=1)
    assert len(frames) == speed_video.FRAMES
    assert all(frame.shape == (480, 640, 3) for frame in frames)
    np.testing.assert_array_equal(frames[0][2:, 4:], frames[1][:-2, :-4])


def test_contenders_take_turns_in_changing_order(monkeypatch):
    monkeypatch.setattr(speed_timing, "TURN_S", 1e-9)
    seen: list[str] = []
    calls = {name: (lambda name=name: seen.append(name)) for name in "ab"}
    timings = speed_timing.time_in_turns(calls, rounds=2)
    assert "".join(seen) == "ab" + "aabb" + "bbaa"  # first calls, then two rounds
    assert timings["a"].n == timings["b"].n == 2


def test_a_timing_is_the_median_with_its_percentiles():
    timing = speed_timing.Timing.of(np.arange(1, 102) / 1000)
    assert timing.mean_ms == 51.0
    assert (timing.median_ms, timing.p10_ms, timing.p90_ms, timing.n) == (51.0, 11.0, 91.0, 101)


def test_the_machine_is_described_well_enough_to_compare():
    facts = machine()
    assert facts["cpu"] and facts["cores"] >= 1
    assert {"torch", "onnxruntime", "python", "commit", "load_average"} <= facts.keys()


def test_a_whole_run_reports_every_runtime(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(speed, "CPU_BATCHES", (1,))
    monkeypatch.setattr(speed, "PHOTOS", (speed.Photo(1, 640, 480),))
    monkeypatch.setattr(speed_timing, "TURN_S", 1e-9)
    monkeypatch.setattr(speed_video, "FRAMES", 7)
    monkeypatch.setattr(speed_video, "FACES_IN_VIDEO", (1,))
    student = exported_student(tmp_path_factory.getbasetemp())
    report = speed.run(student.checkpoint, threads=(1,), rounds=1)
    runtimes = ["torch contiguous", "torch channels-last", "onnx", "onnx-int8"]
    assert [row["runtime"] for row in report["network"]] == runtimes
    assert all(row["is_best"] for row in report["network"])  # of one batch size
    assert max(row["times_eager"] for row in report["network"][:2]) == 1
    assert [row["runtime"] for row in report["photo"]] == runtimes[1:]
    assert all(row["faces_found"] == 1 for row in report["photo"])
    assert [row["runtime"] for row in report["video"]] == [r for r in runtimes[1:] for _ in "ab"]
    assert all(row["overlap"] is None or row["overlap"] > 0.7 for row in report["video"])
    assert list(report["memory_mb"]) == runtimes[1:]
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert_is_markdown(speed_tables.markdown(report))


def assert_is_markdown(text: str) -> None:
    """Every table has a rule below its header and as many cells in each line."""
    parts = [part for part in text.split("\n\n") if part.startswith("|")]
    assert len(parts) == 5
    for part in parts:
        counts = {line.count("|") for line in part.splitlines()}
        assert len(counts) == 1 and set(part.splitlines()[1]) <= set("| -")


def test_photos_are_compared_with_one_face_in_a_photo_of_the_same_size():
    small = {"runtime": "onnx", "photo_px": [640, 480], "faces": 1, "median_ms": 10.0}
    large = small | {"photo_px": [1280, 960], "median_ms": 20.0}
    crowd = large | {"faces": 50, "median_ms": 90.0}
    assert speed._times_one_face(crowd, [small, large]) == 4.5
    assert speed._times_one_face(crowd, [small]) is None


def test_the_arithmetic_of_one_face_is_counted(tmp_path_factory):
    student = exported_student(tmp_path_factory.getbasetemp())
    network = build_answer_network(load_checkpoint(student.checkpoint), "m")
    assert 0.5e9 < flop_per_face(network) < 1.5e9  # a ResNet-18 at a quarter of its usual area
