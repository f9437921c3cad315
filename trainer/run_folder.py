"""A run's folder: config, metrics as JSON lines, curves, sample pictures, state, result.

config.json      recipe, data fingerprints, device, commit, command
metrics.jsonl    one object a line: {"step", "epoch", "seconds", ...}
curves.html      the same as plotly curves, self-contained
batch.png        the first training batch as the network saw it
state.pt         everything to resume (own file, read with weights_only)
model.safetensors    the result
"""

from __future__ import annotations

import json
import operator
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.images import encode_png
from core.whole_files import put_in_place, write_whole
from trainer.recipes import is_same_recipe


class TrainingRefused(ValueError):
    """A training that cannot begin as it was asked for; the message is one clear line."""


class RunFolder:
    """Reads and writes the files of one run. Every file appears whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_path = path / "state.pt"
        self.model_path = path / "model.safetensors"
        self.metrics_path = path / "metrics.jsonl"
        self.config_path = path / "config.json"

    def begin(self, config: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder and write the config. Raises TrainingRefused as ``check`` does."""
        self.check(config, resume=resume)
        if not self.config_path.exists():
            write_whole(self.config_path, json.dumps(config, indent=1).encode())

    def check(self, config: Mapping[str, Any], *, resume: bool) -> None:
        """Raise TrainingRefused when the folder holds another run than that of ``config``, of
        which a part is enough to ask early."""
        if self.path.exists() and not self.path.is_dir():
            raise TrainingRefused(f"{self.path} is a file; --out takes the folder of a run")
        if not self.config_path.exists():
            return
        if not resume:
            raise TrainingRefused(
                f"{self.path} already holds a run; add --resume to go on with it, or give another "
                "--out"
            )
        before = json.loads(self.config_path.read_text())
        for key in ("recipe", "teachers", "datasets"):
            is_same = is_same_recipe if key == "recipe" else operator.eq
            if key in config and not is_same(before[key], config[key]):
                raise TrainingRefused(
                    f"{self.path} was begun with another {key}; resume it with the same command, "
                    "or give another --out"
                )

    def log(self, values: Mapping[str, float]) -> None:
        """Append one line to metrics.jsonl."""
        with self.metrics_path.open("a") as file:
            file.write(json.dumps({k: _rounded(v) for k, v in values.items()}) + "\n")

    def metrics(self) -> list[dict[str, float]]:
        """All complete lines of metrics.jsonl; a line cut by a crash is left out."""
        if not self.metrics_path.exists():
            return []
        rows = []
        for line in self.metrics_path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return rows

    def save_state(self, state: Mapping[str, Any]) -> None:
        partial = self.state_path.with_suffix(".partial")
        torch.save(dict(state), partial)
        put_in_place(partial, self.state_path)

    def load_state(self) -> dict[str, Any] | None:
        """The last saved state, or None for a fresh run."""
        if not self.state_path.exists():
            return None
        return torch.load(self.state_path, map_location="cpu", weights_only=True)

    def save_batch_picture(self, crops: np.ndarray) -> None:
        """The crops (B, S, S, 3) uint8 of a batch as one sheet of eight columns."""
        columns = min(8, len(crops))
        whole = len(crops) - len(crops) % columns
        rows = [
            np.concatenate(list(crops[start : start + columns]), axis=1)
            for start in range(0, whole, columns)
        ]
        write_whole(self.path / "batch.png", encode_png(np.concatenate(rows)))

    def save_curves(self) -> None:
        """Losses and validation figures over steps, as a page that needs no network."""
        import plotly.graph_objects as go

        rows = self.metrics()
        figure = go.Figure()
        names = sorted({name for row in rows for name in row} - {"step", "epoch", "seconds"})
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            figure.add_scatter(x=[p[0] for p in points], y=[p[1] for p in points], name=name)
        figure.update_layout(title=f"Run {self.path.name}", xaxis_title="step")
        figure.write_html(self.path / "curves.html", include_plotlyjs=True)


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{float(value):.6g}")


def code_commit() -> str:
    """The commit of this code, with ``+`` after it when files differ; empty outside git."""
    root = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except OSError:
        return ""
    return commit + ("+" if commit and changed else "")
