"""300W-LP, and the crops named after their pose that are known as 300W-LPA.

300W-LP: ``<SUBSET>/<name>.jpg`` with ``<name>.mat`` beside it (``Pose_Para`` pitch, yaw, roll in
radians; ``pt2d`` (2, 68) pixels); subsets AFW, HELEN, IBUG, LFPW and their ``_Flip`` twins.
Source: Zhu et al., Face Alignment Across Large Poses, CVPR 2016.
300W-LPA: 112-px crops named ``<name>_<pitch>_<yaw>_<roll>.jpg``, in radians; how they were cut
relative to the landmarks is not known. Source: Thai et al., Information Sciences 2022.

Both are the convention of ``core.head_pose``. The last number of ``<name>`` counts the views that
were rendered from one photograph, so ``group`` is the name without it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from core.crop import REFERENCE_FACTOR
from core.datasets.aflw2000 import landmark_extent, landmarks_from_rows, pose_from_parameters
from core.datasets.checks import finite
from core.datasets.files import find_files, require_folder, require_split
from core.datasets.mat_file import load_mat
from core.datasets.sample import (
    DatasetError,
    FaceSample,
    Reading,
    ReadingBuilder,
    UnusableEntryError,
)
from core.head_pose import head_pose, rotation_from_euler

#: Folders of the distribution that hold no images: landmarks of other kinds, MATLAB code.
NOT_SUBSETS = frozenset({"landmarks", "Code"})

_VIEW_NUMBER = re.compile(r"_\d+$")
#: Three numbers with decimals, up to π: what no camera calls its pictures.
_RADIANS_IN_NAME = re.compile(r".+(_-?([0-3]\.\d+|\d\.\d+e-\d+)){3}")
_POSE_IN_NAME = re.compile(r"(?P<name>.+)_(?P<pitch>[^_]+)_(?P<yaw>[^_]+)_(?P<roll>[^_]+)")


def read_300w_lp(root: Path, split: str | None = None) -> Reading:
    """All images that have a label file; the set has one split, ``train``."""
    require_folder(root, "AFW/, HELEN/, IBUG/, LFPW/ with .jpg and .mat files")
    require_split(split, ["train"], root)
    paths = [p for p in find_files(root) if NOT_SUBSETS.isdisjoint(p.relative_to(root).parts)]
    images = {path.with_suffix("") for path in paths if path.suffix == ".jpg"}
    labels = {path.with_suffix("") for path in paths if path.suffix == ".mat"}
    if not labels:
        raise DatasetError(f"{root} has no .mat file; expected AFW/<name>.jpg and AFW/<name>.mat")
    builder = ReadingBuilder()
    for stem in sorted(images | labels):
        with builder.entry(f"{stem.relative_to(root).as_posix()}.jpg"):
            if stem not in images:
                raise UnusableEntryError("image is missing")
            if stem not in labels:
                raise UnusableEntryError("label file is missing")
            builder.add(_sample_300w_lp(root, stem))
    return builder.reading()


def _sample_300w_lp(root: Path, stem: Path) -> FaceSample:
    content = load_mat(stem.with_name(f"{stem.name}.mat"), ["Pose_Para", "pt2d"])
    pose = pose_from_parameters(content["Pose_Para"])
    landmarks_px = landmarks_from_rows(content["pt2d"])
    box = landmark_extent(landmarks_px)
    image_path = stem.with_name(f"{stem.name}.jpg")
    return FaceSample(
        image_path=image_path,
        name=image_path.relative_to(root).as_posix(),
        box=box,
        crop_square=box.square(REFERENCE_FACTOR),
        crop_factor=REFERENCE_FACTOR,
        pose=pose,
        rotation=rotation_from_euler(pose.yaw_deg, pose.pitch_deg, pose.roll_deg),
        split="train",
        source=stem.parent.name.removesuffix("_Flip"),
        group=_VIEW_NUMBER.sub("", stem.name),
        landmarks_px=landmarks_px,
    )


def read_300w_lpa(root: Path, split: str | None = None) -> Reading:
    """All crops whose name carries a pose; the set has one split, ``train``."""
    require_folder(root, "crops named <name>_<pitch>_<yaw>_<roll>.jpg")
    require_split(split, ["train"], root)
    builder = ReadingBuilder()
    for path in find_files(root):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            with builder.entry(path.relative_to(root).as_posix()):
                builder.add(_sample_300w_lpa(root, path))
    if not builder.samples:
        raise DatasetError(
            f"{root} has no crop with a pose in its name; expected files such as "
            "LFPW_image_train_0170_12_-0.597_1.359_-0.345.jpg (radians); check the folder"
        )
    return builder.reading()


def named_by_pose(pictures: Sequence[Path]) -> bool:
    """Whether most pictures carry a pose in their name, as the crops of 300W-LPA do."""
    named = sum(_RADIANS_IN_NAME.fullmatch(path.stem) is not None for path in pictures)
    return 2 * named > len(pictures)


def _sample_300w_lpa(root: Path, path: Path) -> FaceSample:
    match = _POSE_IN_NAME.fullmatch(path.stem)
    if match is None:
        raise UnusableEntryError("no pose in the file name")
    angles_rad = {axis: finite(match[axis], axis) for axis in ("yaw", "pitch", "roll")}
    for axis, angle_rad in angles_rad.items():
        if abs(angle_rad) > math.pi:
            raise UnusableEntryError("angle is not in radians", f"{axis} {angle_rad:g}")
    pose = head_pose(*map(math.degrees, angles_rad.values()))
    return FaceSample(
        image_path=path,
        name=path.relative_to(root).as_posix(),
        pose=pose,
        rotation=rotation_from_euler(pose.yaw_deg, pose.pitch_deg, pose.roll_deg),
        split="train",
        source=match["name"].split("_")[0],
        group=_VIEW_NUMBER.sub("", match["name"]),
    )
