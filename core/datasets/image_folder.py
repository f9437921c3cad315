"""A folder per class: ``with_mask/*.jpg``, ``without_mask/*.jpg``, … or these within ``train/``.

Every picture is one face crop. Class names are those of ``core.datasets.mask_labels``; a folder
with another name is reported with its number of files.
"""

from __future__ import annotations

from pathlib import Path

from core.datasets.files import find_files, folder_names, require_folder, require_split
from core.datasets.mask_labels import find_mask_label
from core.datasets.sample import DatasetError, FaceSample, Reading, ReadingBuilder
from core.faces import MaskLabel
from core.images import IMAGE_SUFFIXES

#: Folder names that are splits, and what the split is called here.
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "eval": "eval",
}


def read_image_folder(root: Path, split: str | None = None) -> Reading:
    """The pictures in the class folders of ``split`` (None: all)."""
    require_folder(root, "a folder per class, such as with_mask/ and without_mask/")
    places: list[tuple[str | None, Path]] = [
        (SPLIT_FOLDERS[name.lower()], root / name) for name in _split_folders(root)
    ]
    require_split(split, (name for name, _ in places if name), root)
    builder = ReadingBuilder()
    found = [
        _read_classes(root, folder, name, builder)
        for name, folder in places or [(None, root)]
        if split is None or name == split
    ]
    if not any(found):
        names = ", ".join(folder_names(root)[:5]) or "no folders"
        raise DatasetError(
            f"{root} has {names}; expected class folders such as with_mask, without_mask, "
            "incorrect; rename the folders"
        )
    return builder.reading()


def _split_folders(root: Path) -> list[str]:
    return [name for name in folder_names(root) if name.lower() in SPLIT_FOLDERS]


def _read_classes(root: Path, folder: Path, split: str | None, builder: ReadingBuilder) -> bool:
    """Adds the pictures of all class folders; False when there is no such folder."""
    found = False
    for name in folder_names(folder):
        label = find_mask_label(name)
        paths = find_files(folder / name)
        if label is None:
            place = (folder / name).relative_to(root).as_posix()
            builder.skip(f"{place}/", "unknown class folder", f"{len(paths):,} files")
            continue
        found = True
        for path in paths:
            _add_picture(root, path, label, split, builder)
    return found


def _add_picture(
    root: Path, path: Path, label: MaskLabel, split: str | None, builder: ReadingBuilder
) -> None:
    name = path.relative_to(root).as_posix()
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        builder.skip(name, "not a picture", f"ends with {path.suffix or 'nothing'}")
        return
    builder.add(FaceSample(image_path=path, name=name, mask=label, split=split))
