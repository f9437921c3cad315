"""What models said about faces: one row for each model and face."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import FacePrediction, HeadPose, MaskLabel, MaskPrediction
from db import scores
from db.database import now, placeholders, select, write_transaction
from db.errors import NotFound
from db.labels import pose_of_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What one model said about one face; a teacher of one task leaves the other None."""

    face_id: int
    model: str
    mask: MaskPrediction | None
    pose: HeadPose | None
    latency_ms: float | None = None
    created_at: str = ""


def of_face(face_id: int, said: FacePrediction, latency_ms: float | None = None) -> Prediction:
    """A predictor's answer as a row for a stored face."""
    return Prediction(
        face_id=face_id, model=said.model_id, mask=said.mask, pose=said.pose, latency_ms=latency_ms
    )


def store_predictions(db: Database, predictions: Iterable[Prediction]) -> int:
    """Keep predictions, in place of earlier ones by the same model; returns how many.

    The review queue's scores of the faces follow in the same transaction. For millions, call it
    with some thousand at a time.
    """
    predictions = list(predictions)
    with write_transaction(db, durable=False):
        ids = {row["name"]: row["id"] for row in select(db, "SELECT id, name FROM models")}
        unknown = {prediction.model for prediction in predictions} - ids.keys()
        if unknown:
            raise NotFound(f"model {min(unknown)!r} is not registered: call register_model first")
        created_at = now()
        db.conn.executemany(
            "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_row(prediction, ids[prediction.model], created_at) for prediction in predictions),
        )
        refresh_states(db, sorted({prediction.face_id for prediction in predictions}))
    return len(predictions)


def predictions_of_face(db: Database, face_id: int) -> list[Prediction]:
    """What every model said about a face, newest model first."""
    sql = (
        "SELECT p.*, models.name AS model FROM predictions p JOIN models ON models.id = model_id"
        " WHERE face_id = ? ORDER BY model_id DESC"
    )
    return [_prediction(row) for row in select(db, sql, [face_id])]


def refresh_states(db: Database, face_ids: Sequence[int]) -> None:
    """Compute anew what the review queue knows of these faces from the predictions there are."""
    with write_transaction(db, durable=False):
        for start in range(0, len(face_ids), 500):
            _refresh_part(db, face_ids[start : start + 500])


def _refresh_part(db: Database, face_ids: Sequence[int]) -> None:
    sql = (
        "SELECT p.*, models.kind, models.name AS model, s.mask_label AS label,"
        " model_aliases.alias IS NOT NULL AS is_champion"
        " FROM predictions p JOIN models ON models.id = p.model_id"
        " JOIN face_states s ON s.face_id = p.face_id"
        " LEFT JOIN model_aliases ON model_aliases.model_id = p.model_id AND alias = 'champion'"
        f" WHERE p.face_id IN ({placeholders(len(face_ids))})"
        " ORDER BY p.face_id, is_champion DESC, p.model_id DESC"
    )
    by_face: dict[int, list[sqlite3.Row]] = {}
    for row in select(db, sql, face_ids):
        by_face.setdefault(row["face_id"], []).append(row)
    db.conn.executemany(
        "UPDATE face_states SET model_id = ?, predicted_label = ?, confidence = ?, entropy = ?,"
        " yaw_deg = ?, pitch_deg = ?, roll_deg = ?, disagreement = ?,"
        " label_error = iif(label_error_reason IS NULL, ?, label_error) WHERE face_id = ?",
        [state for rows in by_face.values() if (state := _state(rows))],
    )


def _state(rows: Sequence[sqlite3.Row]) -> tuple[object, ...] | None:
    """The student's part of a row of ``face_states``; None where no student has spoken."""
    student = next((row for row in rows if row["kind"] == "student"), None)
    if student is None:
        return None
    said = _prediction(student)
    teachers = [_prediction(row) for row in rows if row["kind"] != "student"]
    distance = scores.disagreement(
        said.mask,
        said.pose,
        [teacher.mask for teacher in teachers if teacher.mask],
        [teacher.pose for teacher in teachers if teacher.pose],
    )
    label = MaskLabel(student["label"]) if student["label"] else None
    return (
        student["model_id"],
        student["mask_label"],
        student["confidence"],
        scores.entropy(said.mask) if said.mask else None,
        student["yaw_deg"],
        student["pitch_deg"],
        student["roll_deg"],
        distance,
        scores.label_error(label, said.mask) if label and said.mask else None,
        student["face_id"],
    )


def _row(prediction: Prediction, model_id: int, created_at: str) -> tuple[object, ...]:
    mask, pose = prediction.mask, prediction.pose
    return (
        model_id,
        prediction.face_id,
        str(mask.label) if mask else None,
        mask.confidence if mask else None,
        *(mask.probabilities.get(label, 0.0) if mask else None for label in MaskLabel),
        pose.yaw_deg if pose else None,
        pose.pitch_deg if pose else None,
        pose.roll_deg if pose else None,
        prediction.latency_ms,
        created_at,
    )


def _prediction(row: sqlite3.Row) -> Prediction:
    return Prediction(
        face_id=row["face_id"],
        model=row["model"],
        mask=scores.mask_of(row),
        pose=pose_of_row(row),
        latency_ms=row["latency_ms"],
        created_at=row["created_at"],
    )
