"""The shipped student's answers to research faces, as numbers alone: the sample of the dashboards.

    python -m benchmarks.sample_evaluation --mask DIR --pose DIR

writes ``ui/sample_evaluation.csv``: a row for each face of the mask set's ``eval`` split and the
pose set's ``val`` split, without pictures and names. None of them was used in training.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.datasets import FaceSample, read_dataset
from core.face_measures import measure_face
from core.faces import MASK_CLASSES, FaceBox, HeadPose
from core.images import read_image
from core.predictor import load_predictor
from trainer.face_results import FaceResult, predict_faces

TARGET = Path(__file__).resolve().parents[1] / "ui" / "sample_evaluation.csv"
COLUMNS = (
    *("source", "face_px", "lower_face_occluded", "sharpness", "brightness"),
    *("label", "label_yaw_deg", "label_pitch_deg", "label_roll_deg"),
    *(f"p_{label}" for label in MASK_CLASSES),
    *("yaw_deg", "pitch_deg", "roll_deg"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mask", type=Path, required=True, metavar="DIR", help="a mask-csv set")
    parser.add_argument("--pose", type=Path, required=True, metavar="DIR", help="a pose-csv set")
    args = parser.parse_args()
    predictor = load_predictor("student", "auto")
    sets = (("mask-csv", args.mask, "eval"), ("pose-csv", args.pose, "val"))
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for kind, folder, split in sets:
            samples = read_dataset(kind, folder, split).samples
            writer.writerows(map(_row, predict_faces(predictor, samples)[0]))


def _row(result: FaceResult) -> dict[str, Any]:
    sample, said = result.sample, result.mask_probabilities
    image_rgb = read_image(sample.image_path)
    height_px, width_px = image_rgb.shape[:2]
    box = sample.box or FaceBox(0, 0, width_px, height_px)
    measured = measure_face(image_rgb, box)
    probabilities = said if said is not None else [None] * len(MASK_CLASSES)
    return {
        "source": sample.source or "pose set",
        "face_px": round(max(box.width_px, box.height_px)),
        "lower_face_occluded": _whether(sample),
        "sharpness": round(measured.sharpness, 1),
        "brightness": round(measured.brightness, 3),
        "label": sample.mask or "",
        **dict(_angles("label_", sample.pose)),
        **{
            f"p_{label}": p and round(float(p), 5)
            for label, p in zip(MASK_CLASSES, probabilities, strict=True)
        },
        **dict(_angles("", result.pose)),
    }


def _whether(sample: FaceSample) -> str:
    known = sample.lower_face_occluded
    return "" if known is None else str(int(known))


def _angles(prefix: str, pose: HeadPose | None) -> Iterator[tuple[str, float | str]]:
    for axis in ("yaw_deg", "pitch_deg", "roll_deg"):
        yield f"{prefix}{axis}", round(getattr(pose, axis), 2) if pose else ""


if __name__ == "__main__":
    main()
