"""The benchmark times what it says it times; short runs, as figures do not matter here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import speed
from benchmarks.speed_contenders import machine
from benchmarks.speed_photos import example_photo
from core.detector import FaceDetector
from tests.onnx_files import exported_student


@pytest.mark.parametrize("faces", [1, 5])
def test_every_face_of_an_example_photo_can_be_found(faces):
    photo = example_photo(faces, *speed.PHOTO_SIZES_PX[faces])
    assert photo.shape[1::-1] == speed.PHOTO_SIZES_PX[faces]
    assert len(FaceDetector(threads=1).detect(photo)) == faces


def test_contenders_take_turns_in_changing_order(monkeypatch):
    monkeypatch.setattr(speed, "TURN_S", 1e-9)
    seen: list[str] = []
    calls = {name: (lambda name=name: seen.append(name)) for name in "ab"}
    timings = speed.time_in_turns(calls, rounds=2)
    assert "".join(seen) == "ab" + "aabb" + "bbaa"  # first calls, then two rounds
    assert timings["a"].n == timings["b"].n == 2


def test_a_timing_is_the_median_with_its_percentiles():
    timing = speed.Timing.of(np.arange(1, 102) / 1000)
    assert (timing.median_ms, timing.p10_ms, timing.p90_ms, timing.n) == (51.0, 11.0, 91.0, 101)


def test_the_machine_is_described_well_enough_to_compare():
    facts = machine()
    assert facts["cpu"] and facts["cores"] >= 1
    assert {"torch", "onnxruntime", "python", "commit", "load_average"} <= facts.keys()


def test_a_whole_run_reports_every_runtime(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(speed, "BATCHES", (1,))
    monkeypatch.setattr(speed, "FACES_IN_PHOTO", (1,))
    monkeypatch.setattr(speed, "TURN_S", 1e-9)
    student = exported_student(tmp_path_factory.getbasetemp())
    report = speed.run(student.checkpoint, threads=(1,), rounds=1)
    runtimes = ["torch contiguous", "torch channels-last", "onnx", "onnx-int8"]
    assert [row["runtime"] for row in report["network"]] == runtimes
    assert [row["runtime"] for row in report["photo"]] == runtimes[1:]
    assert all(row["faces_found"] == 1 for row in report["photo"])
    assert list(report["memory_mb"]) == runtimes[1:]
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    for title, header, lines in speed.tables(report):
        assert title and all(len(line) == len(header) for line in lines)
