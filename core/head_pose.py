"""Head pose: Euler angles, rotation matrices, bins. The only home of the signs and of 62, 3, −93.

Convention (300W-LP / AFLW2000-3D, degrees):
    yaw > 0: nose points to image left; pitch > 0: looking up; roll > 0: head turned clockwise.
    R = Rx(−pitch) · Ry(−yaw) · Rz(−roll), head frame to camera frame,
    x to image right, y **up**, z toward the viewer.
BIWI and GENKI store the opposite yaw; their readers convert.

Every function takes numpy arrays or torch tensors (any leading shape) and returns the same kind.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.faces import HeadPose

# numpy array or torch tensor; what goes in comes out
Array = Any

#: 62 bins of 3° over [−93°, 93°) (MHPNet, section 3).
BIN_COUNT = 62
BIN_WIDTH_DEG = 3.0
MIN_ANGLE_DEG = -93.0
MAX_ANGLE_DEG = MIN_ANGLE_DEG + BIN_COUNT * BIN_WIDTH_DEG
#: Decoding with left edges instead of centres would be biased by −1.5°.
BIN_CENTERS_DEG: np.ndarray = MIN_ANGLE_DEG + BIN_WIDTH_DEG * (np.arange(BIN_COUNT) + 0.5)


def _library(*arrays: Array) -> Any:
    """``torch`` if any argument is a tensor, else numpy; does not import torch itself."""
    torch = sys.modules.get("torch")
    if torch is not None and any(isinstance(array, torch.Tensor) for array in arrays):
        return torch
    return np


def rotation_from_euler(yaw_deg: Array, pitch_deg: Array, roll_deg: Array) -> Array:
    """Rotation matrices (..., 3, 3) of Euler angles (...) in degrees."""
    xp = _library(yaw_deg, pitch_deg, roll_deg)
    if xp is np:
        yaw_deg, pitch_deg, roll_deg = np.broadcast_arrays(
            *(np.asarray(angle, dtype=float) for angle in (yaw_deg, pitch_deg, roll_deg))
        )
    a, b, c = (-xp.deg2rad(angle) for angle in (pitch_deg, yaw_deg, roll_deg))
    sin_a, cos_a = xp.sin(a), xp.cos(a)
    sin_b, cos_b = xp.sin(b), xp.cos(b)
    sin_c, cos_c = xp.sin(c), xp.cos(c)
    rows = (
        (cos_b * cos_c, -cos_b * sin_c, sin_b),
        (
            cos_a * sin_c + sin_a * sin_b * cos_c,
            cos_a * cos_c - sin_a * sin_b * sin_c,
            -sin_a * cos_b,
        ),
        (
            sin_a * sin_c - cos_a * sin_b * cos_c,
            sin_a * cos_c + cos_a * sin_b * sin_c,
            cos_a * cos_b,
        ),
    )
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


def euler_from_rotation(rotation: Array) -> tuple[Array, Array, Array]:
    """(yaw, pitch, roll) in degrees of matrices (..., 3, 3); yaw in [−90, 90], others ±180.

    At yaw = ±90° pitch and roll are not separable (gimbal lock): pitch takes the whole turn.
    A matrix has two Euler triples; the one with |yaw| ≤ 90° is returned, so angles that came
    from beyond profile (|yaw| > 90°) come back as the equivalent other triple.
    """
    xp = _library(rotation)
    yaw = -xp.arcsin(xp.clip(rotation[..., 0, 2], -1.0, 1.0))
    pitch = -xp.arctan2(-rotation[..., 1, 2], rotation[..., 2, 2])
    roll = -xp.arctan2(-rotation[..., 0, 1], rotation[..., 0, 0])
    locked = xp.abs(rotation[..., 0, 2]) > 1.0 - 1e-9
    pitch_locked = -xp.arctan2(rotation[..., 2, 1], rotation[..., 1, 1])
    pitch = xp.where(locked, pitch_locked, pitch)
    roll = xp.where(locked, xp.zeros_like(roll), roll)
    return xp.rad2deg(yaw), xp.rad2deg(pitch), xp.rad2deg(roll)


def geodesic_deg(first: Array, second: Array) -> Array:
    """Angle (...) in [0, 180] of the rotation between two stacks of matrices (..., 3, 3).

    Uses atan2 of the skew and trace parts: exact near 0° and 180°, where arccos is not.
    """
    xp = _library(first, second)
    relative = xp.swapaxes(first, -1, -2) @ second
    trace = relative[..., 0, 0] + relative[..., 1, 1] + relative[..., 2, 2]
    skew = xp.stack(
        [
            relative[..., 2, 1] - relative[..., 1, 2],
            relative[..., 0, 2] - relative[..., 2, 0],
            relative[..., 1, 0] - relative[..., 0, 1],
        ],
        -1,
    )
    return xp.rad2deg(xp.arctan2(xp.sqrt((skew**2).sum(-1)), trace - 1.0))


def wrap_deg(angle_deg: Array) -> Array:
    """The same angle in [−180, 180). Only ±360° is a wrap: 90° is never −90°."""
    return (angle_deg + 180.0) % 360.0 - 180.0


def mirror_rotation(rotation: Array) -> Array:
    """Rotation (..., 3, 3) of the horizontally mirrored picture: F R F, F = diag(−1, 1, 1)."""
    xp = _library(rotation)
    signs = [[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]]
    if xp is np:
        return rotation * np.asarray(signs)
    return rotation * rotation.new_tensor(signs)


def mean_rotation(rotations: Array, weights: Array | None = None) -> Array:
    """Chordal mean (..., 3, 3) over the first axis of (N, ..., 3, 3): SVD projection to SO(3).

    ``weights`` (N, ...) default to equal. Source: Hartley et al., Rotation Averaging, IJCV 2013.
    """
    xp = _library(rotations)
    total = (rotations if weights is None else rotations * weights[..., None, None]).sum(0)
    return nearest_rotation(total, xp)


def nearest_rotation(matrix: Array, xp: Any | None = None) -> Array:
    """The rotation (..., 3, 3) nearest to ``matrix`` (Frobenius norm, determinant +1)."""
    xp = xp or _library(matrix)
    u, _, vt = xp.linalg.svd(matrix)
    sign = xp.linalg.det(u @ vt)
    u = xp.concatenate([u[..., :2], u[..., 2:] * sign[..., None, None]], -1)
    return u @ vt


def head_pose(yaw_deg: float, pitch_deg: float, roll_deg: float) -> HeadPose:
    """A ``HeadPose`` of plain floats (numpy scalars must not leak into JSON or SQL)."""
    return HeadPose(yaw_deg=float(yaw_deg), pitch_deg=float(pitch_deg), roll_deg=float(roll_deg))


def axes_in_image(poses: Sequence[HeadPose]) -> np.ndarray:
    """The heads' x (its left), y (up) and z (nose) unit axes drawn in the picture, (N, 3, 2).

    Orthographic; x to image right, y **down**, so that ``center_px + length_px * axis`` is a pixel.
    """
    angles_deg = np.array([(pose.yaw_deg, pose.pitch_deg, pose.roll_deg) for pose in poses])
    rotation = rotation_from_euler(*angles_deg.reshape(-1, 3).T)
    return np.stack([rotation[:, 0], -rotation[:, 1]], axis=-1)


def bin_index(angle_deg: Array) -> Array:
    """Bin of each angle, clamped to [0, 61]; ask ``inside_bins`` before supervising with it."""
    xp = _library(angle_deg)
    index = xp.floor((angle_deg - MIN_ANGLE_DEG) / BIN_WIDTH_DEG)
    return xp.clip(index, 0, BIN_COUNT - 1)


def inside_bins(angle_deg: Array) -> Array:
    """Whether each angle lies in [−93°, 93°)."""
    return (angle_deg >= MIN_ANGLE_DEG) & (angle_deg < MAX_ANGLE_DEG)


def pose_from_rotation(rotation: np.ndarray) -> HeadPose:
    """The ``HeadPose`` of one matrix (3, 3)."""
    yaw_deg, pitch_deg, roll_deg = euler_from_rotation(rotation)
    if not all(math.isfinite(angle) for angle in (yaw_deg, pitch_deg, roll_deg)):
        raise ValueError("a rotation matrix with numbers that are not finite has no head pose")
    return head_pose(yaw_deg, pitch_deg, roll_deg)
