"""What can be said about a face, and how one change turns a label into the next."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from core.faces import HeadPose, MaskLabel


class _Keep(Enum):
    KEEP = "keep"


#: In a Change: leave this part of the label as it is.
KEEP: Final = _Keep.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is said about a face. All empty: no label. ``rejected``: this is not a face."""

    mask: MaskLabel | None = None
    pose: HeadPose | None = None
    rejected: bool = False
    note: str | None = None

    def __post_init__(self) -> None:
        pose = self.pose
        if pose and not all(map(math.isfinite, (pose.yaw_deg, pose.pitch_deg, pose.roll_deg))):
            raise ValueError(f"a pose needs finite angles, got {pose}")
        if not isinstance(self.note, str | None):
            raise ValueError(f"a note must be a text, got {self.note!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person changes on one face; what is not given stays as it is.

    Rejecting a face takes its mask and pose away; giving a mask or a pose makes it a face again.
    """

    face_id: int
    base_version: int
    mask: MaskLabel | Literal[_Keep.KEEP] | None = KEEP
    pose: HeadPose | Literal[_Keep.KEEP] | None = KEEP
    rejected: bool | Literal[_Keep.KEEP] = KEEP
    note: str | Literal[_Keep.KEEP] | None = KEEP


def changed(label: Label, change: Change) -> Label:
    """The label after a change."""
    mask = label.mask if change.mask is KEEP else change.mask
    pose = label.pose if change.pose is KEEP else change.pose
    note = label.note if change.note is KEEP else change.note or None
    rejected = change.rejected
    if rejected is KEEP:
        says_face = (change.mask is not KEEP and mask) or (change.pose is not KEEP and pose)
        rejected = label.rejected and not says_face
    if rejected:
        return Label(rejected=True, note=note)
    return Label(mask=mask, pose=pose, note=note)


def describe(label: Label) -> str:
    """A label in words."""
    if label.rejected:
        return "not a face"
    parts = [str(label.mask)] if label.mask else []
    if label.pose:
        pose = label.pose
        parts.append(f"pose {pose.yaw_deg:.0f}/{pose.pitch_deg:.0f}/{pose.roll_deg:.0f}°")
    return ", ".join(parts) or "no label"


def label_of_row(row: sqlite3.Row) -> Label:
    """The label in a row that has the columns of ``annotation_events``."""
    return Label(
        mask=MaskLabel(row["mask_label"]) if row["mask_label"] else None,
        pose=pose_of_row(row),
        rejected=bool(row["rejected"]),
        note=row["note"],
    )


def pose_of_row(row: sqlite3.Row) -> HeadPose | None:
    """The pose in the columns ``yaw_deg``, ``pitch_deg`` and ``roll_deg``."""
    if row["yaw_deg"] is None:
        return None
    return HeadPose(yaw_deg=row["yaw_deg"], pitch_deg=row["pitch_deg"], roll_deg=row["roll_deg"])
