"""AFLW2000-3D: ``imageNNNNN.jpg`` (450 px) with ``imageNNNNN.mat`` beside it.

Source: Zhu et al., Face Alignment Across Large Poses, CVPR 2016. ``Pose_Para[0, :3]`` is pitch,
yaw, roll in radians in the convention of ``core.head_pose``; ``pt3d_68`` (3, 68) holds x, y in
pixels of the image, and depth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.crop import REFERENCE_FACTOR
from core.datasets.checks import MAX_COORDINATE_PX, face_box
from core.datasets.files import existing_file, file_names, require_folder, require_split
from core.datasets.mat_file import load_mat
from core.datasets.sample import (
    DatasetError,
    FaceSample,
    Reading,
    ReadingBuilder,
    UnusableEntryError,
)
from core.faces import FaceBox, HeadPose
from core.head_pose import head_pose, rotation_from_euler

#: The field's protocol keeps images with all |angle| ≤ 99°: drops exactly 31 of 2,000.
MAX_ANGLE_DEG = 99.0
BEYOND_RANGE = "angle beyond 99°"
#: Some fits of the set turned 2.7 times; numbers beyond 16 turns are no angles.
MAX_ANGLE_RAD = 100.0


def read_aflw2000(root: Path, split: str | None = None) -> Reading:
    """The images within the protocol; the set has one split, ``test``."""
    require_folder(root, "imageNNNNN.jpg and imageNNNNN.mat")
    require_split(split, ["test"], root)
    names = file_names(root)
    stems = sorted(name.removesuffix(".mat") for name in names if name.endswith(".mat"))
    if not stems:
        raise DatasetError(f"{root} has no .mat file; expected imageNNNNN.mat; check the folder")
    builder = ReadingBuilder()
    for name in sorted(names):
        if name.endswith(".jpg") and name.removesuffix(".jpg") + ".mat" not in names:
            builder.skip(name, "label file is missing")
    for stem in stems:
        with builder.entry(f"{stem}.jpg"):
            builder.add(_sample(root, names, stem))
    return builder.reading()


def _sample(root: Path, names: frozenset[str], stem: str) -> FaceSample:
    image_path = existing_file(root, names, f"{stem}.jpg")
    content = load_mat(root / f"{stem}.mat", ["Pose_Para", "pt3d_68"])
    pose = pose_from_parameters(content["Pose_Para"])
    angles = (("yaw", pose.yaw_deg), ("pitch", pose.pitch_deg), ("roll", pose.roll_deg))
    for axis, angle_deg in angles:
        if abs(angle_deg) > MAX_ANGLE_DEG:
            raise UnusableEntryError(BEYOND_RANGE, f"{axis} {angle_deg:.1f}°")
    landmarks_px = landmarks_from_rows(content["pt3d_68"])
    box = landmark_extent(landmarks_px)
    return FaceSample(
        image_path=image_path,
        name=image_path.name,
        box=box,
        crop_square=box.square(REFERENCE_FACTOR),
        crop_factor=REFERENCE_FACTOR,
        pose=pose,
        rotation=rotation_from_euler(pose.yaw_deg, pose.pitch_deg, pose.roll_deg),
        split="test",
        landmarks_px=landmarks_px,
    )


def pose_from_parameters(pose_para: np.ndarray) -> HeadPose:
    """The pose in ``Pose_Para`` (1, 7): pitch, yaw, roll in radians, then translation and scale."""
    numbers = np.ravel(pose_para)
    if numbers.size < 3 or numbers.dtype.kind not in "fiu":
        raise UnusableEntryError("label has the wrong form", f"Pose_Para {pose_para.shape}")
    angles_rad = numbers[:3].astype(float)
    if not (np.abs(angles_rad) <= MAX_ANGLE_RAD).all():  # NaN fails as well
        raise UnusableEntryError("angle is not in radians", f"Pose_Para {angles_rad.tolist()}")
    pitch_deg, yaw_deg, roll_deg = np.rad2deg(angles_rad)
    return head_pose(yaw_deg, pitch_deg, roll_deg)


def landmarks_from_rows(rows: np.ndarray) -> np.ndarray:
    """(68, 2) pixels of ``pt3d_68`` (3, 68) or ``pt2d`` (2, 68)."""
    if rows.ndim != 2 or rows.shape[0] not in (2, 3) or rows.shape[1] != 68:
        raise UnusableEntryError("label has the wrong form", f"landmarks {rows.shape}")
    if rows.dtype.kind not in "fiu":
        raise UnusableEntryError("label has the wrong form", f"landmarks of type {rows.dtype}")
    landmarks_px = rows[:2].T.astype(float)
    if not (np.abs(landmarks_px) <= MAX_COORDINATE_PX).all():  # NaN fails as well
        raise UnusableEntryError("landmark is no place in a picture")
    return landmarks_px


def landmark_extent(landmarks_px: np.ndarray) -> FaceBox:
    """The tight box around landmarks (N, 2)."""
    left, top = landmarks_px.min(0).tolist()
    width, height = np.ptp(landmarks_px, axis=0).tolist()
    return face_box(left, top, width, height)
