"""How long one click takes: the quick preset on 500 corrected labels, from queue to registry.

    python -m benchmarks.quick_preset --data MASK_CSV_DIR [--replay POSE_CSV_DIR] [--champion FILE]

The labels are imported from a mask-csv set; without ``--champion`` the student has fresh weights,
which take as long to train.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
import time
from pathlib import Path

import torch

from core.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from core.networks import create_network
from db.database import connect
from db.home import Home
from db.migrations import open_home
from db.models import list_models, promote, register_model
from db.runs import get_run, metrics, submit_run
from trainer.dataset_import import import_path
from trainer.redistill import RetrainingConfig, prepare
from trainer.worker import work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--champion", type=Path)
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), args), indent=1))


def measure(folder: Path, args: argparse.Namespace) -> dict[str, object]:
    home = open_home(folder / "home")
    # one origin in five is held out, so that many more are labelled
    import_path(home, part_of(args.data, folder / "part", args.labels * 5 // 4), format="mask-csv")
    crown(home, args.champion or fresh_student(folder / "fresh.safetensors"))
    config = RetrainingConfig(replay=[str(args.replay.resolve())] if args.replay else ())
    with connect(home) as db:
        run = submit_run(
            db, recipe="quick", config=prepare(home, config).to_json(), device=args.device
        )
    began = time.monotonic()
    work(home, args.device)
    seconds = time.monotonic() - began
    with connect(home) as db:
        run = get_run(db, run.id)
        speeds = [value for _, value in metrics(db, run.id, "images_per_s") if value]
        model = next((model for model in list_models(db) if model.run_id == run.id), None)
    report = model.metrics["report"] if model else {}
    return {
        "status": run.status,
        "error": run.error,
        "device": run.device,
        "threads": torch.get_num_threads(),
        "minutes": round(seconds / 60, 2),
        "images_per_s": round(sum(speeds) / len(speeds)) if speeds else None,
        "decision": report.get("decision"),
    }


def part_of(data: Path, target: Path, count: int) -> Path:
    """The first ``count`` training faces, evenly taken from all, as a set of its own."""
    with (data / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    chosen = rows[:: max(1, len(rows) // count)][:count]
    for row in chosen:
        for source in [data / row["file"], data / "images" / row["file"]]:
            if source.is_file():
                place = target / source.relative_to(data)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
    with (target / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, chosen[0].keys())
        writer.writeheader()
        writer.writerows(chosen)
    return target


def fresh_student(path: Path) -> Path:
    save_checkpoint(path, ModelCard(network="mhpnet"), create_network("mhpnet").state_dict())
    return path


def crown(home: Home, path: Path) -> None:
    checkpoint = load_checkpoint(path)
    with connect(home) as db:
        register_model(
            db,
            name=checkpoint.model_id,
            sha256=checkpoint.sha256,
            path=str(path.resolve()),
            kind="student",
            recipe=checkpoint.card.recipe,
        )
        promote(db, checkpoint.model_id, reason="benchmark", changed_by="benchmark")


if __name__ == "__main__":
    main()
