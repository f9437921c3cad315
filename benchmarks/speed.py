"""How fast each runtime answers, and how fast a photo becomes an answer; `launch.py bench`.

    python launch.py bench [--model FILE] [--data DIR…] [--json FILE]

Contenders are timed in turns, round by round, in one process, so that a slow spell of the machine
hits all of them. A figure is the median of single calls with its 10th and 90th percentile.
``--data`` (pose-csv or mask-csv, their val split) adds what each runtime's answers lose.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from benchmarks.speed_contenders import (
    Contender,
    contenders,
    machine,
    onnx_files,
    peak_memory_mb,
)
from benchmarks.speed_photos import example_photo
from core.detector import FaceDetector
from core.images import decode_image, encode_jpeg
from core.overlay import draw_faces
from core.predictor import Predictor

BATCHES = (1, 8, 32)
FACES_IN_PHOTO = (1, 5, 50)
PHOTO_SIZES_PX = {1: (640, 480), 5: (1280, 960), 50: (1280, 960)}
STEPS = ("decode", "detect", "crop", "infer", "draw")
TIMES = ("median ms", "p10", "p90")
ROUNDS = 10
#: Each contender's turn lasts about this long, and at least one call.
TURN_S = 0.15


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds a call: median, 10th and 90th percentile of ``n`` single calls."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    n: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        p10, median, p90 = np.percentile(np.array(seconds) * 1000, (10, 50, 90))
        return cls(
            median_ms=round(median, 3), p10_ms=round(p10, 3), p90_ms=round(p90, 3), n=len(seconds)
        )


def run(
    checkpoint: Path,
    *,
    device: str = "cpu",
    data: Sequence[Path] = (),
    threads: Sequence[int] = (1, 2),
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Every figure as plain values: machine, network, photo, memory, accuracy."""
    with TemporaryDirectory() as scratch:
        exported = onnx_files(checkpoint, Path(scratch))
        report: dict[str, Any] = {"machine": machine(), "model": checkpoint.name, "network": []}
        for count in threads:
            rivals = contenders(checkpoint, exported, device, count)
            report["network"] += time_network(rivals, rounds)
        answering = [rival for rival in rivals if rival.name != "torch contiguous"]
        report["photo"] = time_photos(answering, count, rounds)
        report["memory_mb"] = peak_memory_mb(answering)
        if data:
            from benchmarks.speed_accuracy import accuracy

            report["accuracy"] = accuracy(answering, data)
    return report


def time_network(rivals: Sequence[Contender], rounds: int) -> list[dict[str, Any]]:
    """The network alone, crop to answer: a row for each contender and batch size."""
    rows = []
    for batch in BATCHES:
        size_px = rivals[0].runtime.card.input_px
        crops = np.random.default_rng(0).integers(0, 256, (batch, size_px, size_px, 3), np.uint8)
        calls = {rival.name: partial(rival.runtime.predict_batch, crops) for rival in rivals}
        timings = time_in_turns(calls, rounds)
        for rival in rivals:
            timing = timings[rival.name]
            rows.append(
                rival.facts()
                | {"batch": batch, "faces_per_s": round(1000 * batch / timing.median_ms, 1)}
                | asdict(timing)
            )
    return rows


def time_photos(rivals: Sequence[Contender], threads: int, rounds: int) -> list[dict[str, Any]]:
    """A JPEG's bytes to answers drawn and ready: a row for each contender and number of faces."""
    detector = FaceDetector(threads)
    rows = []
    for count in FACES_IN_PHOTO:
        size_px = PHOTO_SIZES_PX[count]
        data = encode_jpeg(example_photo(count, *size_px))
        predictors = {rival.name: Predictor(rival.runtime, detector) for rival in rivals}
        calls = {name: partial(answer_photo, data, p) for name, p in predictors.items()}
        timings = time_in_turns(calls, rounds)
        for rival in rivals:
            found, _ = answer_photo(data, predictors[rival.name])
            rows.append(
                rival.facts()
                | {"faces": count, "faces_found": found, "photo_px": list(size_px)}
                | {"photos_per_s": round(1000 / timings[rival.name].median_ms, 1)}
                | asdict(timings[rival.name])
                | {"stages_ms": stages_ms(data, predictors[rival.name], rounds)}
            )
    return rows


def answer_photo(data: bytes, predictor: Predictor) -> tuple[int, dict[str, float]]:
    """Number of faces answered, and the seconds of each step on the way."""
    clock = [time.perf_counter()]

    def tick() -> None:
        clock.append(time.perf_counter())

    image_rgb = decode_image(data, "photo")
    tick()
    boxes = predictor.detector.detect(image_rgb)
    tick()
    crops = [predictor.cut(image_rgb, box) for box in boxes]
    tick()
    faces = predictor.answer(boxes, crops)
    tick()
    draw_faces(image_rgb, faces)
    tick()
    return len(faces), dict(zip(STEPS, np.diff(clock).tolist(), strict=True))


def stages_ms(data: bytes, predictor: Predictor, rounds: int) -> dict[str, float]:
    """Median milliseconds of each step."""
    seen = [answer_photo(data, predictor)[1] for _ in range(max(5, rounds))]
    return {
        step: round(1000 * float(np.median([stages[step] for stages in seen])), 3)
        for step in seen[0]
    }


def time_in_turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Times of single calls; in each round every contender has one turn, in changing order."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():  # first calls allocate and choose algorithms
        call()
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            calls[name]()  # the caches are the previous contender's
            start = turn_start = time.perf_counter()
            while start < turn_start + TURN_S:
                calls[name]()
                end = time.perf_counter()
                seconds[name].append(end - start)
                start = end
    return {name: Timing.of(values) for name, values in seconds.items()}


def tables(report: Mapping[str, Any]) -> list[Table]:
    """The report for a person: a title, column names and lines for each part."""
    facts = report["machine"]
    about = [[name, str(value)] for name, value in facts.items()]
    network = [
        [
            *(str(row[name]) for name in ("runtime", "threads", "batch")),
            *_times(row),
            f"{row['faces_per_s']:,.0f}",
            f"{row['file_mb']:.1f}",
        ]
        for row in report["network"]
    ]
    photo = [
        [
            *(str(row[name]) for name in ("runtime", "threads", "faces", "faces_found")),
            *_times(row),
            f"{row['photos_per_s']:.1f}",
            *(f"{milliseconds:.1f}" for milliseconds in row["stages_ms"].values()),
        ]
        for row in report["photo"]
    ]
    memory = [[name, f"{value:.0f}"] for name, value in report["memory_mb"].items()]
    found = [
        Table("machine", ("", ""), about),
        Table("network alone", ("runtime", "threads", "batch", *TIMES, "faces/s", "MB"), network),
        Table(
            "photo to answer",
            ("runtime", "threads", "faces", "found", *TIMES, "photos/s", *STEPS),
            photo,
        ),
        Table("peak memory of a process", ("runtime", "MB"), memory),
    ]
    if "accuracy" in report:
        keys = list(dict.fromkeys(key for row in report["accuracy"] for key in row))
        lines = [[str(row.get(key, "")) for key in keys] for row in report["accuracy"]]
        found.append(Table("accuracy on val", tuple(keys), lines))
    return found


class Table(NamedTuple):
    """Lines of cells under column names."""

    title: str
    header: tuple[str, ...]
    lines: list[list[str]]


def _times(row: Mapping[str, Any]) -> list[str]:
    return [f"{row[name]:.2f}" for name in ("median_ms", "p10_ms", "p90_ms")]
