"""Proof that corrections help: a student made wrong on purpose is repaired by 200 of them.

    python -m benchmarks.repair --mask MASK_CSV_DIR [--pose POSE_CSV_DIR]

1. The app takes in faces of which one source has masked and unmasked exchanged, the student learns
   from them, and a person promotes it by mistake.
2. The labels of that source are corrected by ``POST annotations``, as the review page does it.
3. One click: ``POST runs``. The table compares the three students on clean faces.

Labels, runs and promotion go through the REST interface of a server with a home of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_data import Part, sources_of, write_benchmark, write_faces
from benchmarks.studio_client import StudioClient, serving
from core.datasets import read_dataset
from core.faces import MASK_CLASSES
from core.predictor import STUDENT, load_predictor
from db.migrations import open_home
from trainer.comparison import mask_class
from trainer.dataset_import import import_path
from trainer.face_results import predict_faces

#: How the wrong student is made: thoroughly. The repair uses a preset as it is.
WRONG = {"epochs": 8, "learning_rate": 1e-3}


def main() -> None:
    parser = argparse.ArgumentParser(description="Repair a student that was taught wrong labels.")
    parser.add_argument("--mask", type=Path, required=True, metavar="DIR", help="a mask-csv set")
    parser.add_argument("--pose", type=Path, metavar="DIR", help="a pose-csv set to replay")
    parser.add_argument("--source", default="chandrikadeb", help="whose labels are exchanged")
    parser.add_argument("--corrections", type=int, default=200)
    parser.add_argument("--others", type=int, default=400, help="right labels of other sources")
    parser.add_argument("--clean", type=int, default=250, help="faces of either benchmark")
    parser.add_argument("--preset", default="standard", choices=("quick", "standard", "full"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = repair(Path(folder), args)
    print(json.dumps(report, indent=1), table(report["mask error"]), sep="\n\n")


def repair(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The whole story: what was done, and the share of wrong masks by student and benchmark."""
    began = time.monotonic()
    part = write_faces(
        args.mask, folder / "part", args.source, wrong=args.corrections, others=args.others
    )
    others = [name for name in sources_of(args.mask) if name != args.source]
    clean = {
        args.source: write_benchmark(args.mask, folder / "wronged", [args.source], args.clean),
        "other sources": write_benchmark(args.mask, folder / "others", others, args.clean),
    }
    home = open_home(folder / "home")
    import_path(home, part.folder, format="mask-csv")
    options = {
        "benchmarks": [str(path) for path in clean.values()],
        "replay": [str(args.pose.resolve())] if args.pose else [],
    }
    with serving(home.root) as studio:
        wrong = studio.train({"preset": "quick", "changes": WRONG} | options)
        studio.post(f"models/{wrong['name']}/promote", {})
        corrected = correct(studio, part)
        repaired = studio.train({"preset": args.preset} | options)
    students = {
        "at first": STUDENT,
        "taught wrong": home.checkpoints_dir / f"{wrong['name']}.safetensors",
        "repaired": home.checkpoints_dir / f"{repaired['name']}.safetensors",
    }
    return {
        "source": args.source,
        "labels exchanged": len(part.right),
        "labels corrected": corrected,
        "verdict on the wrong one": wrong["metrics"]["report"]["decision"]["verdict"],
        "verdict on the repaired one": repaired["metrics"]["report"]["decision"]["verdict"],
        "minutes": round((time.monotonic() - began) / 60, 1),
        "mask error": {
            name: {place: mask_error(path, faces) for place, faces in clean.items()}
            for name, path in students.items()
        },
    }


def correct(studio: StudioClient, part: Part) -> int:
    """Say what is right of every face whose label lies, a screenful in one gesture."""
    changes = [
        {"face_id": face["face_id"], "base_version": face["version"], "mask": right}
        for face in studio.pages("faces?limit=100")
        if (right := part.right.get(Path(face["image_name"]).name))
    ]
    for start in range(0, len(changes), 50):
        gesture = {"client_op_id": f"repair-{start:08d}", "changes": changes[start : start + 50]}
        studio.post("annotations", gesture)
    return len(changes)


def mask_error(student: Path, faces: Path) -> float:
    """The share of faces to which the student gives a wrong class."""
    samples = read_dataset("mask-csv", faces, "test").samples
    results, _ = predict_faces(load_predictor(str(student), "cpu"), samples)
    return float(np.mean([MASK_CLASSES[mask_class(r)] != r.sample.mask for r in results]))


def table(errors: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown: a row for each student, a column for each benchmark."""
    places = list(next(iter(errors.values())))
    lines = [["student", *(f"wrong masks, {place}" for place in places)], ["---"] * 3]
    lines += [[name, *(f"{row[place]:.1%}" for place in places)] for name, row in errors.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
