"""The readers by the name they have on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from core.datasets.aflw2000 import read_aflw2000
from core.datasets.biwi import read_biwi
from core.datasets.fmld import read_fmld
from core.datasets.image_folder import read_image_folder
from core.datasets.mafa import read_mafa
from core.datasets.mask_csv import read_mask_csv
from core.datasets.pose_csv import read_pose_csv
from core.datasets.sample import DatasetError, Reading
from core.datasets.w300lp import read_300w_lp, read_300w_lpa

Reader = Callable[[Path, str | None], Reading]

DATASET_KINDS: Mapping[str, Reader] = {
    "aflw2000": read_aflw2000,
    "biwi": read_biwi,
    "300w-lp": read_300w_lp,
    "300w-lpa": read_300w_lpa,
    "pose-csv": read_pose_csv,
    "mafa": read_mafa,
    "fmld": read_fmld,
    "mask-csv": read_mask_csv,
    "folder": read_image_folder,
}


def read_dataset(kind: str, root: Path, split: str | None = None) -> Reading:
    """The faces of the data set in ``root``; ``split`` None reads all of it.

    Raises ``DatasetError`` when the kind is unknown, or the folder is no such data set or has
    no such split; single bad entries are named in ``Reading.skipped``.
    """
    reader = DATASET_KINDS.get(kind)
    if reader is None:
        known = ", ".join(DATASET_KINDS)
        raise DatasetError(f"{kind!r} is no kind of data set; expected one of {known}")
    return reader(Path(root), split)
