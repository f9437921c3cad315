"""How much a face deserves a look: doubt of the student, and its disagreement with the teachers."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable

from core.faces import HeadPose, MaskLabel, MaskPrediction

#: Poses this far apart (degrees, geodesic) disagree fully.
FULL_POSE_DISAGREEMENT_DEG = 45.0


def entropy(mask: MaskPrediction) -> float:
    """Of the mask probabilities, in nats: 0 (sure) … ln 3 = 1.10 (no idea)."""
    return -sum(p * math.log(p) for p in mask.probabilities.values() if p > 0)


def mask_distance(a: MaskPrediction, b: MaskPrediction) -> float:
    """Total variation distance: 0 (same) … 1 (each sure of another class)."""
    pa, pb = a.probabilities, b.probabilities
    return 0.5 * sum(abs(pa.get(label, 0.0) - pb.get(label, 0.0)) for label in MaskLabel)


def pose_distance_deg(a: HeadPose, b: HeadPose) -> float:
    """The angle of the rotation from one pose to the other, 0 … 180.

    As ``core.head_pose.geodesic_deg`` (a test compares them), but without numpy: the product of
    the unit quaternions of ``R = Rx(−pitch) · Ry(−yaw) · Rz(−roll)``.
    """
    cosine = abs(sum(x * y for x, y in zip(_quaternion(a), _quaternion(b), strict=True)))
    return math.degrees(2 * math.acos(min(1.0, cosine)))


def disagreement(
    mask: MaskPrediction | None,
    pose: HeadPose | None,
    teacher_masks: Iterable[MaskPrediction],
    teacher_poses: Iterable[HeadPose],
) -> float | None:
    """0 … 1, of the student and the teacher farthest from it; None where no teacher has spoken."""
    distances = []
    if mask:
        distances += [mask_distance(mask, teacher) for teacher in teacher_masks]
    if pose:
        distances += [
            min(1.0, pose_distance_deg(pose, teacher) / FULL_POSE_DISAGREEMENT_DEG)
            for teacher in teacher_poses
        ]
    return max(distances, default=None)


def label_error(label: MaskLabel, mask: MaskPrediction) -> float:
    """How much the student doubts a label: 1 − its probability."""
    return 1.0 - mask.probabilities.get(label, 0.0)


def _quaternion(pose: HeadPose) -> tuple[float, float, float, float]:
    halves = [-math.radians(angle) / 2 for angle in (pose.pitch_deg, pose.yaw_deg, pose.roll_deg)]
    cx, cy, cz = map(math.cos, halves)
    sx, sy, sz = map(math.sin, halves)
    return (
        cx * cy * cz - sx * sy * sz,
        sx * cy * cz + cx * sy * sz,
        cx * sy * cz - sx * cy * sz,
        cx * cy * sz + sx * sy * cz,
    )


def mask_of(row: sqlite3.Row) -> MaskPrediction | None:
    """From the columns ``p_unmasked``, ``p_masked``, ``p_incorrect``; None where they are empty."""
    values = {label: row[f"p_{label}"] for label in MaskLabel}
    if values[MaskLabel.MASKED] is None:
        return None
    return MaskPrediction({label: float(p or 0.0) for label, p in values.items()})
