"""A record as a flat row of named values: the columns of CSV and the keys of JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.faces import HeadPose, MaskLabel
from db.labels import Label
from db.records import FaceRecord, box_of_numbers

COLUMNS = (
    "file", "sha256", "name", "width_px", "height_px",
    "box_left_px", "box_top_px", "box_width_px", "box_height_px", "score",
    "mask_label", "yaw_deg", "pitch_deg", "roll_deg", "rejected", "note",
    "annotator", "annotator_kind", "annotated_at", "source", "split", "origin",
)  # fmt: skip


def row_of(record: FaceRecord) -> dict[str, Any]:
    """All columns; None where there is nothing to say."""
    box, pose = record.box, record.label.pose
    values = (
        record.file, record.sha256, record.name, record.width_px, record.height_px,
        *((box.left_px, box.top_px, box.width_px, box.height_px, box.score) if box else [None] * 5),
        str(record.label.mask) if record.label.mask else None,
        *((pose.yaw_deg, pose.pitch_deg, pose.roll_deg) if pose else [None] * 3),
        int(record.label.rejected), record.label.note,
        record.annotator, record.annotator_kind, record.annotated_at,
        record.source, record.split, record.origin,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def record_of(row: Mapping[str, Any]) -> FaceRecord:
    """The record of a row; columns may be missing or empty. ValueError: what does not fit."""
    row = {key: value for key, value in row.items() if value not in (None, "")}
    box = _numbers(row, "box_left_px", "box_top_px", "box_width_px", "box_height_px")
    pose = _numbers(row, "yaw_deg", "pitch_deg", "roll_deg")
    score = row.get("score")
    return FaceRecord(
        file=str(row.get("file", "")),
        sha256=row.get("sha256"),
        name=str(row.get("name", "")),
        width_px=int(row["width_px"]) if "width_px" in row else None,
        height_px=int(row["height_px"]) if "height_px" in row else None,
        box=box_of_numbers(box, float(score) if score is not None else None) if box else None,
        label=Label(
            mask=MaskLabel(row["mask_label"]) if "mask_label" in row else None,
            pose=HeadPose(yaw_deg=pose[0], pitch_deg=pose[1], roll_deg=pose[2]) if pose else None,
            rejected=str(row.get("rejected", "0")) in ("1", "True", "true"),
            note=row.get("note"),
        ),
        annotator=row.get("annotator"),
        annotator_kind="person" if row.get("annotator_kind") == "person" else "dataset",
        annotated_at=row.get("annotated_at"),
        source=row.get("source"),
        split=row.get("split"),
        origin=row.get("origin"),
    )


def _numbers(row: Mapping[str, Any], *columns: str) -> list[float] | None:
    """The values of columns that come together or not at all."""
    given = [column for column in columns if column in row]
    if not given:
        return None
    if len(given) < len(columns):
        missing = next(column for column in columns if column not in row)
        raise ValueError(f"{given[0]} without {missing}")
    return [float(row[column]) for column in columns]
