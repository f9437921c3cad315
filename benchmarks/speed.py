"""How fast each runtime answers, and how fast a photo becomes an answer; `launch.py bench`.

    python launch.py bench [--model FILE] [--data DIR…] [--json FILE]

Contenders are timed in turns, round by round, in one process, so that a slow spell of the machine
hits all of them. A figure is the median of single calls with its 10th and 90th percentile.
``--data`` (pose-csv or mask-csv, their val split) adds what each runtime's answers lose.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
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
from benchmarks.speed_timing import time_in_turns
from benchmarks.speed_video import time_video
from core.detector import FaceDetector
from core.images import decode_image, encode_jpeg
from core.overlay import draw_faces
from core.predictor import Predictor

CPU_BATCHES = (1, 8, 32)
CUDA_BATCHES = (1, 8, 64, 512)
STEPS = ("decode", "detect", "crop", "infer", "draw")
ROUNDS = 10


class Photo(NamedTuple):
    """A test photo: how many faces and how large."""

    faces: int
    width_px: int
    height_px: int


#: One face in a small photo, then one, five and fifty in photos of the same size.
PHOTOS = (Photo(1, 640, 480), Photo(1, 1280, 960), Photo(5, 1280, 960), Photo(50, 1280, 960))


def run(
    checkpoint: Path,
    *,
    device: str = "cpu",
    data: Sequence[Path] = (),
    threads: Sequence[int] = (1, 2),
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Every figure as plain values: machine, network, photo, video, memory, accuracy."""
    with TemporaryDirectory() as scratch:
        exported = onnx_files(checkpoint, Path(scratch))
        facts = machine() | {"model": checkpoint.name}
        report: dict[str, Any] = {"machine": facts, "network": []}
        for count in threads:
            rivals = contenders(checkpoint, exported, device, count)
            batches = CUDA_BATCHES if device.startswith("cuda") else CPU_BATCHES
            report["network"] += time_network(rivals, batches, rounds)
        if device.startswith("cuda"):
            facts |= _share_of_peak(rivals[0], device, report["network"])
        answering = [rival for rival in rivals if rival.name != "torch contiguous"]
        report["photo"] = time_photos(answering, count, rounds)
        report["video"] = time_video(answering, count, rounds)
        on_cpu = [rival for rival in answering if not rival.provider.startswith("cuda")]
        report["memory_mb"] = peak_memory_mb(on_cpu)
        if data:
            from benchmarks.speed_accuracy import accuracy

            report["accuracy"] = accuracy(answering, data)
    return report


def time_network(
    rivals: Sequence[Contender], batches: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """The network alone, crop to answer: a row for each contender and batch size.

    ``times_eager`` compares with eager PyTorch in its better memory layout; ``is_best`` marks the
    batch size with the most faces a second.
    """
    rows = []
    for batch in batches:
        size_px = rivals[0].runtime.card.input_px
        crops = np.random.default_rng(0).integers(0, 256, (batch, size_px, size_px, 3), np.uint8)
        calls = {rival.name: partial(rival.runtime.predict_batch, crops) for rival in rivals}
        timings = time_in_turns(calls, rounds)
        eager_ms = min(
            timing.median_ms for name, timing in timings.items() if name.startswith("torch")
        )
        for rival in rivals:
            timing = timings[rival.name]
            rows.append(
                rival.facts()
                | {"batch": batch, "faces_per_s": round(1000 * batch / timing.median_ms, 1)}
                | {"times_eager": round(eager_ms / timing.median_ms, 2)}
                | asdict(timing)
            )
    for row in rows:
        rates = [other["faces_per_s"] for other in rows if other["runtime"] == row["runtime"]]
        row["is_best"] = bool(row["faces_per_s"] == max(rates))
    return rows


def _share_of_peak(rival: Contender, device: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What part of the GPU's bfloat16 arithmetic the fastest row uses."""
    from benchmarks.speed_gpu import flop_per_face, matmul_flop_per_s
    from core.answer_network import build_answer_network
    from core.checkpoint import load_checkpoint

    network = build_answer_network(load_checkpoint(rival.file), rival.file.name)
    flop, peak = flop_per_face(network), matmul_flop_per_s(device)
    fastest = max(row["faces_per_s"] for row in rows)
    return {
        "gflop_per_face": round(flop / 1e9, 3),
        "bf16_matmul_tflop_per_s": round(peak / 1e12, 1),
        "share_of_bf16_matmul": round(flop * fastest / peak, 4),
    }


def time_photos(rivals: Sequence[Contender], threads: int, rounds: int) -> list[dict[str, Any]]:
    """A JPEG's bytes to answers drawn and ready: a row for each contender and photo.

    ``times_one_face`` compares with one face in a photo of the same size.
    """
    detector = FaceDetector(threads)
    predictors = {rival.name: Predictor(rival.runtime, detector) for rival in rivals}
    rows: list[dict[str, Any]] = []
    for photo in PHOTOS:
        data = encode_jpeg(example_photo(*photo))
        calls = {name: partial(answer_photo, data, p) for name, p in predictors.items()}
        timings = time_in_turns(calls, rounds)
        for rival in rivals:
            found, _ = answer_photo(data, predictors[rival.name])
            timing = timings[rival.name]
            row = (
                rival.facts()
                | {"faces": photo.faces, "faces_found": found, "photo_px": list(photo[1:])}
                | {"photos_per_s": round(1000 / timing.median_ms, 1)}
                | asdict(timing)
                | {"stages_ms": stages_ms(data, predictors[rival.name], rounds)}
            )
            rows.append(row | {"times_one_face": _times_one_face(row, rows)})
    return rows


def _times_one_face(row: dict[str, Any], before: Sequence[dict[str, Any]]) -> float | None:
    """How many times as long this photo takes as one of its size with one face; None if unknown."""
    same = ("runtime", "photo_px")
    for other in before:
        if other["faces"] == 1 and all(other[name] == row[name] for name in same):
            return round(row["median_ms"] / other["median_ms"], 2)
    return None


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
