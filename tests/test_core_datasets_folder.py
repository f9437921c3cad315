"""A folder per class."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset_files import draw_face

from core.datasets import DatasetError, Skipped, load_crop, read_dataset
from core.datasets.mask_labels import find_mask_label
from core.faces import MaskLabel


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("with_mask", MaskLabel.MASKED),
        ("WithMask", MaskLabel.MASKED),
        ("mask", MaskLabel.MASKED),
        ("Masked", MaskLabel.MASKED),
        ("without-mask", MaskLabel.UNMASKED),
        ("No Mask", MaskLabel.UNMASKED),
        ("unmask", MaskLabel.UNMASKED),
        ("non_mask", MaskLabel.UNMASKED),
        ("mask_weared_incorrect", MaskLabel.INCORRECT),
        ("incorrect", MaskLabel.INCORRECT),
        ("hand", None),
        ("masks of gold", None),
        ("", None),
    ],
)
def test_class_names_are_understood_or_unknown_never_guessed(
    name: str, label: MaskLabel | None
) -> None:
    assert find_mask_label(name) is label


def test_each_picture_takes_the_label_of_its_folder(tmp_path: Path) -> None:
    for folder in ("with_mask", "without_mask/part 1", "incorrect"):
        draw_face(tmp_path / folder / "a.jpg")
    reading = read_dataset("folder", tmp_path)
    assert [(sample.name, sample.mask) for sample in reading.samples] == [
        ("incorrect/a.jpg", MaskLabel.INCORRECT),
        ("with_mask/a.jpg", MaskLabel.MASKED),
        ("without_mask/part 1/a.jpg", MaskLabel.UNMASKED),
    ]
    sample = reading.samples[0]
    assert (sample.crop_square, sample.crop_factor, sample.split) == (None, None, None)
    assert load_crop(sample, 56).shape == (56, 56, 3)


def test_unknown_folders_and_other_files_are_reported(tmp_path: Path) -> None:
    draw_face(tmp_path / "mask" / "a.jpg")
    (tmp_path / "mask" / "Thumbs.db").touch()
    draw_face(tmp_path / "helmets" / "b.jpg")
    reading = read_dataset("folder", tmp_path)
    assert [sample.name for sample in reading.samples] == ["mask/a.jpg"]
    assert reading.skipped == (
        Skipped("helmets/", "unknown class folder", "1 files"),
        Skipped("mask/Thumbs.db", "not a picture", "ends with .db"),
    )


def test_folders_of_splits_are_understood(tmp_path: Path) -> None:
    draw_face(tmp_path / "Train" / "mask" / "a.jpg")
    draw_face(tmp_path / "Validation" / "no_mask" / "b.jpg")
    everything = read_dataset("folder", tmp_path)
    assert [(s.split, s.name) for s in everything.samples] == [
        ("train", "Train/mask/a.jpg"),
        ("val", "Validation/no_mask/b.jpg"),
    ]
    assert [s.split for s in read_dataset("folder", tmp_path, "val").samples] == ["val"]
    with pytest.raises(DatasetError, match="no split 'test'; it has train, val"):
        read_dataset("folder", tmp_path, "test")


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    draw_face(tmp_path / "cats" / "a.jpg")
    with pytest.raises(DatasetError, match="has cats; expected class folders such as with_mask"):
        read_dataset("folder", tmp_path)
