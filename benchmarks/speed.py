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
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed_contenders import Contender, contenders, machine, peak_memory_mb
from benchmarks.speed_photos import example_photo
from core.detector import FaceDetector
from core.images import decode_image, encode_jpeg
from core.overlay import draw_faces
from core.predictor import Predictor

BATCHES = (1, 8, 64)
FACES_IN_PHOTO = (1, 5, 50)
PHOTO_SIZES_PX = {1: (640, 480), 5: (1280, 960), 50: (1280, 960)}
ROUNDS = 10
#: Each contender's turn lasts about this long, with at least ``MIN_CALLS`` calls.
TURN_S = 0.15
MIN_CALLS = 2


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
    report: dict[str, Any] = {"machine": machine(), "model": checkpoint.name}
    report["network"] = [
        row for count in threads for row in time_network(checkpoint, device, count, rounds)
    ]
    most = max(threads)
    report["photo"] = time_photos(contenders(checkpoint, device, most), most, rounds)
    report["memory_mb"] = peak_memory_mb(checkpoint, contenders(checkpoint, device, most))
    if data:
        from benchmarks.speed_accuracy import accuracy

        report["accuracy"] = accuracy(contenders(checkpoint, device, most), data)
    return report


def time_network(checkpoint: Path, device: str, threads: int, rounds: int) -> list[dict[str, Any]]:
    """The network alone, crop to answer: a row for each contender and batch size."""
    rivals = contenders(checkpoint, device, threads)
    rows = []
    for batch in BATCHES:
        size_px = rivals[0].runtime.card.input_px
        crops = np.random.default_rng(0).integers(0, 256, (batch, size_px, size_px, 3), np.uint8)
        calls = {rival.name: _call(rival.runtime.predict_batch, crops) for rival in rivals}
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
        calls = {name: _call(answer_photo, data, p) for name, p in predictors.items()}
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
    steps = ("decode", "detect", "crop", "infer", "draw")
    return len(faces), dict(zip(steps, np.diff(clock).tolist(), strict=True))


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
        call()
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            calls[name]()  # the caches are the previous contender's
            end = time.perf_counter() + TURN_S
            count = 0
            while count < MIN_CALLS or time.perf_counter() < end:
                start = time.perf_counter()
                calls[name]()
                seconds[name].append(time.perf_counter() - start)
                count += 1
    return {name: Timing.of(values) for name, values in seconds.items()}


def _call(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: function(*arguments)
