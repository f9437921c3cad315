"""MAFA: ``LabelTrainAll.mat``, ``LabelTestAll.mat`` and the images they name.

Source: Ge et al., Detecting Masked Faces in the Wild with LLE-CNNs, CVPR 2017; layouts from its
readme files. ``label_train`` is a struct array (orgImgName, imgName, label (faces, 21)),
``LabelTest`` one of (name, label (faces, 18)).

MAFA says "masked" of any face with something before it. Its occluder types are 1 simple,
2 complex, 3 human body, its degree counts the covered parts (eyes, nose, mouth, chin). As in
public converters a face counts as masked when the occluder is no body part and covers at least
two parts; all others are unmasked, those with an occluder being the hard negatives. MAFA does
not tell a scarf from a mask, nor a badly worn mask: for that use FMLD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.datasets.checks import face_box
from core.datasets.files import existing_file, file_names, require_folder, require_split
from core.datasets.mask_labels import MASK_CROP_FACTOR
from core.datasets.mat_file import load_mat
from core.datasets.sample import (
    DatasetError,
    FaceSample,
    Reading,
    ReadingBuilder,
    UnusableEntryError,
)
from core.faces import MaskLabel

HUMAN_BODY = 3  # occluder type
MIN_MASK_DEGREE = 2  # a mask covers mouth and chin at least
UNMASKED_FACE, INVALID_FACE = 2, 3  # face types of the test set; 1 is masked

ORIENTATIONS = {1: "left", 2: "left-frontal", 3: "frontal", 4: "right-frontal", 5: "right"}
OCCLUDER_TYPES = {1: "simple", 2: "complex", HUMAN_BODY: "human body"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where one split lies and what its label columns mean."""

    label_file: str
    variable: str
    folders: tuple[str, ...]
    column_count: int
    columns: Mapping[str, int]


_LAYOUTS = {
    "train": _Layout(
        "LabelTrainAll.mat",
        "label_train",
        ("MAFA-Label-Train", "train-images"),
        21,
        {"occluder": 8, "type": 12, "degree": 13, "orientation": 16},
    ),
    "test": _Layout(
        "LabelTestAll.mat",
        "LabelTest",
        ("MAFA-Label-Test", "test-images"),
        18,
        {"face_type": 4, "occluder": 5, "type": 9, "degree": 10, "orientation": 13},
    ),
}


def read_mafa(root: Path, split: str | None = None) -> Reading:
    """The faces of ``train`` or ``test`` (None: both, as far as they are there)."""
    require_folder(root, "LabelTrainAll.mat or LabelTestAll.mat, and images/")
    label_files = {name: path for name in _LAYOUTS if (path := _label_file(root, name))}
    if not label_files:
        raise DatasetError(
            f"{root} has neither LabelTrainAll.mat nor LabelTestAll.mat; "
            "expected one of them and images/; check the folder"
        )
    require_split(split, label_files, root)
    builder = ReadingBuilder()
    for name, path in label_files.items():
        if split is None or name == split:
            with builder.entry(path.name):
                _read_split(root, name, path, builder)
    return builder.reading()


def _label_file(root: Path, split: str) -> Path | None:
    layout = _LAYOUTS[split]
    places = (root, *(root / folder for folder in layout.folders))
    return next((p / layout.label_file for p in places if (p / layout.label_file).is_file()), None)


def _read_split(root: Path, split: str, path: Path, builder: ReadingBuilder) -> None:
    layout = _LAYOUTS[split]
    entries = np.ravel(load_mat(path, [layout.variable])[layout.variable])
    fields = entries.dtype.names or ()
    name_field = next((field for field in ("imgName", "imageName", "name") if field in fields), "")
    if not name_field or "label" not in fields:
        raise UnusableEntryError("label has the wrong form", f"fields {', '.join(fields) or '–'}")
    folders = [root / "images", *(root / name / "images" for name in layout.folders)]
    folders += [root / name for name in layout.folders]
    listings = [(folder, file_names(folder)) for folder in folders]
    for number, entry in enumerate(entries, start=1):
        with builder.entry(f"{path.name} entry {number}"):
            file_name = _text(entry[name_field])
            with builder.entry(file_name):
                image_path = _find_image(listings, file_name)
                for index, row in enumerate(_rows(entry["label"], layout), start=1):
                    with builder.entry(f"{file_name}#{index}"):
                        builder.add(_sample(image_path, f"{file_name}#{index}", row, split))


def _find_image(listings: list[tuple[Path, frozenset[str]]], name: str) -> Path:
    for folder, names in listings:
        if name in names:
            return existing_file(folder, names, name)
    raise UnusableEntryError("image is missing")


def _text(value: np.ndarray) -> str:
    texts = np.ravel(value)
    if texts.size != 1 or texts.dtype.kind != "U":
        raise UnusableEntryError("label has the wrong form", "no image name")
    return str(texts[0])


def _rows(label: np.ndarray, layout: _Layout) -> np.ndarray:
    """(faces, columns) float64."""
    if label.ndim != 2 or label.shape[1] != layout.column_count or label.dtype.kind not in "fiu":
        raise UnusableEntryError(
            "label has the wrong form", f"{label.shape} instead of (faces, {layout.column_count})"
        )
    if len(label) == 0:
        raise UnusableEntryError("no face in the label")
    return label.astype(float)


def _sample(image_path: Path, name: str, row: np.ndarray, split: str) -> FaceSample:
    if not np.isfinite(row).all():
        raise UnusableEntryError("number is not finite")
    columns = _LAYOUTS[split].columns
    face_type = int(row[columns["face_type"]]) if "face_type" in columns else None
    if face_type == INVALID_FACE:
        raise UnusableEntryError("invalid face", "face_type 3")
    box = face_box(*row[:4].tolist())
    occluder_type, degree = int(row[columns["type"]]), int(row[columns["degree"]])
    if face_type == UNMASKED_FACE:
        label, degree = MaskLabel.UNMASKED, max(degree, 0)
    else:
        label = _label(occluder_type, degree, face_type)
    return FaceSample(
        image_path=image_path,
        name=name,
        box=box,
        crop_square=box.square(MASK_CROP_FACTOR),
        mask=label,
        split=split,
        source="mafa",
        group=image_path.name,
        lower_face_occluded=_covers_lower_face(row, columns["occluder"], label),
        occlusion_level=degree,
        attributes={
            "orientation": ORIENTATIONS.get(int(row[columns["orientation"]]), "unknown"),
            "occluder": OCCLUDER_TYPES.get(occluder_type, "none"),
        },
    )


def _label(occluder_type: int, degree: int, face_type: int | None) -> MaskLabel:
    """The label of an occluded face; see the head of this file."""
    if occluder_type not in OCCLUDER_TYPES or degree < 0 or face_type not in (None, 1):
        numbers = f"occ_type {occluder_type}, occ_degree {degree}, face_type {face_type}"
        raise UnusableEntryError("unknown label", numbers)
    if occluder_type != HUMAN_BODY and degree >= MIN_MASK_DEGREE:
        return MaskLabel.MASKED
    return MaskLabel.UNMASKED


def _covers_lower_face(row: np.ndarray, column: int, label: MaskLabel) -> bool | None:
    """Whether an occluder that is no mask reaches into the lower half; None on masked faces.

    The occluder's box is relative to the face box; sizes below 1 mean that there is none.
    """
    if label is MaskLabel.MASKED:
        return None
    _, top, width, height = row[column : column + 4].tolist()
    return bool(width > 0 and height > 0 and top + height > row[3] / 2)
