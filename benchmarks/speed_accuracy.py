"""What a faster runtime's answers lose against PyTorch's, on labelled faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed_contenders import Contender
from core.detector import FaceDetector
from core.predictor import Predictor
from trainer.evaluate import Evaluation, evaluate
from trainer.face_results import angles_deg
from trainer.train import read_faces


def accuracy(rivals: Sequence[Contender], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """A row for each folder and contender: MAE and MCC on the val split, and what changed."""
    detector = FaceDetector()  # never asked: the folders hold crops
    rows = []
    for folder in folders:
        reading = read_faces(folder, "val")
        reference: Evaluation | None = None
        for rival in rivals:
            result = evaluate(Predictor(rival.runtime, detector), reading, folder.name)
            reference = reference or result
            rows.append({"data": folder.name, "runtime": rival.name} | _figures(result, reference))
    return rows


def _figures(result: Evaluation, reference: Evaluation) -> dict[str, Any]:
    figures: dict[str, Any] = {"n": len(result.results)}
    if result.pose and reference.pose:
        figures["mae_deg"] = round(result.pose.mae_deg, 4)
        figures["mae_change_deg"] = round(result.pose.mae_deg - reference.pose.mae_deg, 4)
        figures["angle_change_deg"] = round(float(np.mean(_angle_changes(result, reference))), 4)
    if result.mask and reference.mask and result.mask.mcc and reference.mask.mcc:
        figures["mcc"] = round(result.mask.mcc, 4)
        figures["mcc_change"] = round(result.mask.mcc - reference.mask.mcc, 4)
    return figures


def _angle_changes(result: Evaluation, reference: Evaluation) -> np.ndarray:
    """(n, 3) absolute difference of yaw, pitch and roll from the reference's answers."""
    pairs = zip(result.results, reference.results, strict=True)
    return np.abs([angles_deg(a.pose) - angles_deg(b.pose) for a, b in pairs if a.pose and b.pose])
