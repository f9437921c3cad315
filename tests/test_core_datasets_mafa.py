"""MAFA on small label files in both genuine layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from dataset_files import (
    draw_face,
    mafa_test_face,
    mafa_train_face,
    write_mafa_test,
    write_mafa_train,
)

from core.datasets import FaceSample, Reading, load_crop, read_dataset
from core.faces import FaceBox, MaskLabel


def read_train(root: Path, *faces: list, images: tuple[str, ...] = ("train_1.jpg",)) -> Reading:
    write_mafa_train(root / "LabelTrainAll.mat", {name: faces for name in images})
    draw_face(root / "images" / "train_1.jpg")
    return read_dataset("mafa", root, "train")


def read_test(root: Path, *faces: list) -> Reading:
    write_mafa_test(root / "LabelTestAll.mat", {"test_1.jpg": faces})
    draw_face(root / "images" / "test_1.jpg")
    return read_dataset("mafa", root, "test")


def facts(sample: FaceSample) -> tuple:
    return sample.mask, sample.lower_face_occluded, sample.occlusion_level


def test_a_training_face_with_a_mask(tmp_path: Path) -> None:
    (sample,) = read_train(tmp_path, mafa_train_face(10, 20, 40, 50, orientation=4)).samples
    assert facts(sample) == (MaskLabel.MASKED, None, 3)
    assert sample.box == FaceBox(10, 20, 40, 50)
    assert sample.crop_square == FaceBox(10, 20, 40, 50).square(1.3)
    assert (sample.name, sample.group, sample.split) == ("train_1.jpg#1", "train_1.jpg", "train")
    assert sample.attributes == {"orientation": "right-frontal", "occluder": "simple"}
    assert load_crop(sample, 56).shape == (56, 56, 3)


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        (mafa_train_face(occ_type=2, occ_degree=2), (MaskLabel.MASKED, None, 2)),
        (mafa_train_face(occ_type=3, occ_degree=3), (MaskLabel.UNMASKED, True, 3)),  # a hand
        (mafa_train_face(occ_type=1, occ_degree=1), (MaskLabel.UNMASKED, True, 1)),  # a cup
        (  # a hand before the eyes
            mafa_train_face(occ_type=3, occ_degree=1, occ_y=0, occ_h=20),
            (MaskLabel.UNMASKED, False, 1),
        ),
    ],
)
def test_what_covers_a_face_but_is_no_mask_makes_it_an_unmasked_hard_negative(
    tmp_path: Path, face: list, expected: tuple
) -> None:
    (sample,) = read_train(tmp_path, face).samples
    assert facts(sample) == expected


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        (mafa_test_face(face_type=1, occ_type=1), (MaskLabel.MASKED, None, 3)),
        (mafa_test_face(face_type=1, occ_type=3), (MaskLabel.UNMASKED, True, 3)),
        (mafa_test_face(face_type=2), (MaskLabel.UNMASKED, False, 0)),
    ],
)
def test_test_faces_have_a_face_type_as_well(tmp_path: Path, face: list, expected: tuple) -> None:
    (sample,) = read_test(tmp_path, face).samples
    assert facts(sample) == expected
    assert (sample.split, sample.attributes["orientation"]) == ("test", "frontal")


def test_invalid_faces_are_named_and_their_neighbours_are_read(tmp_path: Path) -> None:
    reading = read_test(tmp_path, mafa_test_face(), mafa_test_face(face_type=3), mafa_test_face())
    assert [sample.name for sample in reading.samples] == ["test_1.jpg#1", "test_1.jpg#3"]
    assert [(e.name, e.reason) for e in reading.skipped] == [("test_1.jpg#2", "invalid face")]


def test_bad_faces_are_named(tmp_path: Path) -> None:
    reading = read_train(
        tmp_path,
        mafa_train_face(w=0),
        mafa_train_face(h=-5),
        mafa_train_face(occ_type=7),
        mafa_train_face(occ_degree=-1),
    )
    assert reading.samples == ()
    assert [(e.name, e.reason) for e in reading.skipped] == [
        ("train_1.jpg#1", "face box has no size"),
        ("train_1.jpg#2", "face box has no size"),
        ("train_1.jpg#3", "unknown label"),
        ("train_1.jpg#4", "unknown label"),
    ]


def test_numbers_that_are_not_finite_are_named(tmp_path: Path) -> None:
    face = mafa_test_face()
    reading = read_test(tmp_path, face, [np.nan, *face[1:]], [1e300, *face[1:]])
    assert len(reading.samples) == 1
    assert [entry.reason for entry in reading.skipped] == [
        "number is not finite",
        "face box is no place in a picture",
    ]


def test_images_that_are_missing_or_named_with_a_path_are_skipped(tmp_path: Path) -> None:
    images = ("train_1.jpg", "train_2.jpg", "../LabelTrainAll.mat", "/etc/passwd")
    reading = read_train(tmp_path, mafa_train_face(), images=images)
    assert [sample.name for sample in reading.samples] == ["train_1.jpg#1"]
    assert [(e.name, e.reason) for e in reading.skipped] == [
        (name, "image is missing") for name in images[1:]
    ]


def test_both_parts_are_read_as_they_are_distributed(tmp_path: Path) -> None:
    write_mafa_train(
        tmp_path / "MAFA-Label-Train" / "LabelTrainAll.mat", {"train_1.jpg": [mafa_train_face()]}
    )
    write_mafa_test(
        tmp_path / "MAFA-Label-Test" / "LabelTestAll.mat", {"test_1.jpg": [mafa_test_face()]}
    )
    draw_face(tmp_path / "train-images" / "images" / "train_1.jpg")
    draw_face(tmp_path / "test-images" / "images" / "test_1.jpg")
    reading = read_dataset("mafa", tmp_path)
    assert [sample.split for sample in reading.samples] == ["train", "test"]
    assert reading.skipped == ()


def test_a_label_file_of_another_layout_is_named(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "LabelTrainAll.mat", {"label_train": np.eye(3)})
    (skipped,) = read_dataset("mafa", tmp_path).skipped
    assert (skipped.name, skipped.reason) == ("LabelTrainAll.mat", "label has the wrong form")
    write_mafa_train(tmp_path / "LabelTrainAll.mat", {"a.jpg": [mafa_test_face()]})
    draw_face(tmp_path / "images" / "a.jpg")
    (skipped,) = read_dataset("mafa", tmp_path).skipped
    assert (skipped.name, skipped.detail) == ("a.jpg", "(1, 18) instead of (faces, 21)")


def test_entries_without_a_name_or_faces_are_named_or_empty(tmp_path: Path) -> None:
    entries = np.zeros((1, 2), [("imgName", "O"), ("label", "O")])
    entries[0, 0] = (np.array([[7.0]]), np.array([mafa_train_face()]))
    entries[0, 1] = ("train_1.jpg", np.empty((0, 21)))
    scipy.io.savemat(tmp_path / "LabelTrainAll.mat", {"label_train": entries})
    draw_face(tmp_path / "images" / "train_1.jpg")
    reading = read_dataset("mafa", tmp_path)
    assert [(e.name, e.reason) for e in reading.skipped] == [
        ("LabelTrainAll.mat entry 1", "label has the wrong form"),
        ("train_1.jpg", "no face in the label"),
    ]
