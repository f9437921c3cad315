"""Validation curves of several runs in one picture, for docs/training.md.

python -m benchmarks.training_curves runs/pose-lite0 runs/pose-lite1 --out curves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.colors import qualitative

from trainer.run_folder import RunFolder

LINES = {"mae_deg": ("solid", ""), "drawn_mae_deg": ("dot", ", drawn over")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    pose_curves(args.runs).write_image(args.out, width=900, height=480, scale=1.5)


def pose_curves(runs: Sequence[Path]) -> go.Figure:
    """Mean absolute pose error on val after each epoch, plain and with masks drawn over."""
    figure = go.Figure()
    for run, color in zip(runs, qualitative.Safe * 3, strict=False):
        rows = [row for row in RunFolder(run).metrics() if "mae_deg" in row]
        for name, (dash, suffix) in LINES.items():
            figure.add_scatter(
                x=[row["epoch"] for row in rows],
                y=[row[name] for row in rows],
                name=run.name + suffix,
                mode="lines+markers",
                line={"color": color, "dash": dash},
            )
    figure.update_layout(
        template="plotly_white",
        title="Head pose on val while training (moving average of the weights)",
        xaxis_title="epoch",
        yaxis_title="MAE, degrees",
    )
    return figure


if __name__ == "__main__":
    main()
