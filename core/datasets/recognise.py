"""Which published data set lies in a folder, told by its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from core.datasets.biwi import holds_biwi
from core.datasets.files import find_files, read_header
from core.datasets.mat_file import load_mat
from core.datasets.sample import DatasetError, UnusableEntryError

_MAFA_LABELS = {"LabelTrainAll.mat", "LabelTestAll.mat"}
_FMLD_FOLDER = "FMLD_annotations"
_AFLW2000_STEM = re.compile(r"image\d{5}")
#: Label files that are opened; a damaged one among them does no harm.
_TRIES = 9


def recognise_dataset(root: Path) -> str | None:
    """The kind (as in ``DATASET_KINDS``) of the data set in a folder; None: no such label files.

    Raises DatasetError where AFLW2000-3D lies in a folder below: it must not become training data.
    """
    files = find_files(root)
    if any(path.name in _MAFA_LABELS for path in files):
        return "mafa"
    if any(path.suffix == ".xml" and _FMLD_FOLDER in path.parts for path in files):
        return "fmld"
    if holds_biwi(root):
        return "biwi"
    return _labelled_csv(root / "labels.csv") or _pose_files(root, files)


def _labelled_csv(path: Path) -> str | None:
    """This project's own data, by the columns."""
    if not path.is_file():
        return None
    columns = read_header(path)
    if "lower_face_occluded" in columns:
        return "mask-csv"
    return "pose-csv" if "r00" in columns else None


def _pose_files(root: Path, files: Sequence[Path]) -> str | None:
    """AFLW2000-3D and 300W-LP: ``Pose_Para`` in a .mat beside its picture, names tell which."""
    pictures = {path.with_suffix("") for path in files if path.suffix == ".jpg"}
    labels = [path for path in files if path.suffix == ".mat" and path.with_suffix("") in pictures]
    if not any(_has_pose(path) for path in labels[:_TRIES]):
        return None
    folders = {path.parent for path in labels if _AFLW2000_STEM.fullmatch(path.stem)}
    if not folders:
        return "300w-lp"
    if root in folders:
        return "aflw2000"
    raise DatasetError(
        f"{root} has AFLW2000-3D in the folder {min(folders).relative_to(root)}, which is for "
        "testing: import that folder by itself, and the others by themselves"
    )


def _has_pose(path: Path) -> bool:
    try:
        return bool(load_mat(path, ["Pose_Para"]))
    except UnusableEntryError:
        return False
