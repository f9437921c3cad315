"""What each ingredient of the student's recipe brings: short trainings that differ in one thing.

    python -m benchmarks.ablation --data ../shared/data/pose ../shared/data/mask \\
        --init POSE_RESNET18 --teachers TEACHER… --out runs/ablation [--faces 9000] [--epochs 3]

Every row sees the same random part of the joint set equally often (but for ``longer``) and is
measured on ``val`` as ``launch.py evaluate`` does. Rows that are done are not trained again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.predictor import load_predictor
from trainer.evaluate import evaluate
from trainer.recipes import STUDENTS, Recipe
from trainer.train import TrainingRequest, read_faces, train

DEFAULT = STUDENTS["default"]
LOSS = DEFAULT.loss


@dataclass(frozen=True)
class Variant:
    """A row of the table: what is different from the default recipe."""

    recipe: Recipe
    says: str
    teachers: bool = True
    init: bool = True


def _loss(**changes: float) -> Recipe:
    return replace(DEFAULT, loss=replace(LOSS, **changes))


_NO_LABELS = {"pose_bins": 0.0, "pose_expectation": 0.0, "pose_geodesic": 0.0, "mask_label": 0.0}
_NO_POSE = {"pose_bins": 0.0, "pose_expectation": 0.0, "pose_geodesic": 0.0} | {
    "pose_kd": 0.0,
    "pose_kd_geodesic": 0.0,
}

VARIANTS: Mapping[str, Variant] = {
    "scratch": Variant(STUDENTS["scratch"], "random weights, no teacher", False, False),
    "paper": Variant(STUDENTS["paper"], "the published loss, optimiser and crops"),
    "default": Variant(DEFAULT, "all ingredients"),
    "no teachers": Variant(
        replace(DEFAULT, loss=STUDENTS["scratch"].loss),
        "labels only, the same start",
        teachers=False,
    ),
    "no labels": Variant(_loss(**_NO_LABELS), "soft labels only, as in the paper"),
    "no T²": Variant(
        _loss(mask_kd=LOSS.mask_kd / LOSS.mask_temperature**2), "mask KD without its factor of 9"
    ),
    "no offset crops": Variant(
        replace(DEFAULT, augment=replace(DEFAULT.augment, scale=0.0, shift=0.0, loose_scale=0.0)),
        "every crop exactly as labelled",
    ),
    "no drawn masks": Variant(replace(DEFAULT, drawn_fraction=0.0), "no mask drawn on pose faces"),
    "bare faces unlabelled": Variant(
        replace(DEFAULT, undrawn_mask_weight=0.0),
        "pose faces with nothing drawn have no mask label",
    ),
    "trust labels": Variant(
        _loss(
            pose_bins=0.2,
            pose_expectation=0.5,
            pose_geodesic=5.0,
            pose_kd=0.25,
            pose_kd_geodesic=3.0,
        ),
        "pose labels count more than the teachers",
    ),
    "pose only": Variant(
        replace(_loss(mask_label=0.0, mask_kd=0.0), mask_faces=0.0, incorrect_repeats=0),
        "single task: pose",
    ),
    "mask only": Variant(_loss(**_NO_POSE), "single task: mask"),
    "longer": Variant(DEFAULT, "all ingredients, twice the epochs"),
}

COLUMNS = (
    "mae_deg",
    "geodesic_deg",
    "drawn_mae_deg",
    "jitter_added_deg",
    "accuracy",
    "mcc",
    "specificity",
    "macro_f1",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--teachers", type=Path, nargs="+", required=True)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=9000)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--labels", type=Path, help="folder of the teachers' cached opinions")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        result = args.out / f"{name}.json"
        if not result.is_file():
            figures = _measure(_train(name, args), args.data)
            result.write_text(json.dumps({c: figures[c] for c in _taught(VARIANTS[name])}))
    print(table(args.out, args.only))


def _train(name: str, args: argparse.Namespace) -> Path:
    variant, folder = VARIANTS[name], args.out / name
    epochs = args.epochs * (2 if name == "longer" else 1)
    return train(
        TrainingRequest(
            task="student",
            recipe=replace(variant.recipe, epochs=epochs, warmup_epochs=0.5),
            data=args.data,
            out=folder,
            teachers=args.teachers if variant.teachers else (),
            init=args.init if variant.init else None,
            workers=args.workers,
            max_faces=args.faces,
            label_cache=args.labels or args.out,
        )
    )


def _taught(variant: Variant) -> Sequence[str]:
    """The columns of the tasks that a variant learns."""
    loss = variant.recipe.loss
    if variant.recipe.published_loss:
        return COLUMNS
    if not (loss.mask_label or loss.mask_kd):
        return COLUMNS[:4]
    if not (loss.pose_bins or loss.pose_kd):
        return COLUMNS[4:]
    return COLUMNS


def _measure(checkpoint: Path, folders: Sequence[Path]) -> dict[str, float]:
    """The figures of COLUMNS on the ``val`` faces of a pose set and a mask set."""
    predictor = load_predictor(str(checkpoint), device="cpu")
    figures: dict[str, float] = {}
    for folder in folders:
        reading = read_faces(folder, "val")
        evaluation = evaluate(predictor, reading, folder.name, mask_overlay=True, crop_jitter=True)
        figures |= _named(evaluation)
    return figures


def _named(evaluation: Any) -> dict[str, float]:
    if evaluation.mask is not None:
        names = ("accuracy", "mcc", "specificity", "macro_f1")
        return {name: getattr(evaluation.mask, name) for name in names}
    return {
        "mae_deg": evaluation.pose.mae_deg,
        "geodesic_deg": evaluation.pose.geodesic_mean_deg,
        "drawn_mae_deg": evaluation.mask_overlay.metrics.mae_deg,
        "jitter_added_deg": evaluation.crop_jitter.increase_deg,
    }


def table(out: Path, names: Sequence[str]) -> str:
    """The finished rows as Markdown."""
    head = "MAE°", "geodesic°", "drawn MAE°", "jitter +°", "accuracy", "MCC", "specificity"
    lines = [
        f"| row | | {' | '.join(head)} | macro-F1 |",
        "|---" * 2 + "|---:" * len(COLUMNS) + "|",
    ]
    for name in names:
        result = out / f"{name}.json"
        if result.is_file():
            figures = json.loads(result.read_text())
            cells = " | ".join(_cell(figures.get(column), column) for column in COLUMNS)
            lines.append(f"| {name} | {VARIANTS[name].says} | {cells} |")
    return "\n".join(lines)


def _cell(value: float | None, column: str) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if column.endswith("_deg") else f"{value:.4f}"


if __name__ == "__main__":
    main()
