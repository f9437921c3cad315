"""Face crops with a mask label: ``images/`` and ``labels.csv``.

Columns: file, split (train, val, eval), label (unmasked, masked, incorrect), source, group,
lower_face_occluded (0, 1 or empty), occlusion_level (0, 1, 2 or empty).
The whole file is the crop, a face box × 1.3 (source ``witkowski``: the tight box); how it relates
to the 68 landmarks is not known.
"""

from __future__ import annotations

from pathlib import Path

from core.datasets.files import existing_file
from core.datasets.labelled_csv import read_split
from core.datasets.sample import FaceSample, Reading, UnusableEntryError
from core.faces import MaskLabel

REQUIRED_COLUMNS = (
    *("file", "split", "label", "source", "group"),
    *("lower_face_occluded", "occlusion_level"),
)


def read_mask_csv(root: Path, split: str | None = None, at_most: int | None = None) -> Reading:
    """The labelled crops of ``split`` (None: all)."""
    return read_split(root, REQUIRED_COLUMNS, split, _sample, at_most)


def _sample(row: dict[str, str], folder: Path, names: frozenset[str]) -> FaceSample:
    occluded = _small_count(row, "lower_face_occluded")
    return FaceSample(
        image_path=existing_file(folder, names, row["file"]),
        name=row["file"],
        mask=_label(row["label"]),
        split=row["split"],
        source=row["source"],
        group=row["group"],
        lower_face_occluded=None if occluded is None else bool(occluded),
        occlusion_level=_small_count(row, "occlusion_level"),
    )


def _label(text: str) -> MaskLabel:
    try:
        return MaskLabel(text)
    except ValueError:
        raise UnusableEntryError("unknown label", repr(text)) from None


def _small_count(row: dict[str, str], column: str) -> int | None:
    """0, 1, 2 … as written, None when the field is empty."""
    text = row[column]
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise UnusableEntryError("not a small number", f"{column} is {text!r}")
    return int(text)
