"""A published data set is known by its files, whoever unpacked it where."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from core.datasets import DatasetError, recognise_dataset
from db.annotations import current_annotation
from db.database import connect
from db.migrations import open_home
from tests.dataset_files import (
    draw_face,
    mafa_test_face,
    mask_row,
    pose_row,
    voc_object,
    write_3ddfa_entry,
    write_biwi_frame,
    write_csv,
    write_mafa_test,
    write_voc,
)
from trainer.dataset_import import find_format, import_path

CENTER_MM = (20.0, 10.0, 900.0)


def aflw2000(root: Path) -> None:
    write_3ddfa_entry(root / "image00002")
    (root / "image00001.mat").write_bytes(b"damaged")
    draw_face(root / "image00001.jpg")


def w300_lp(root: Path) -> None:
    write_3ddfa_entry(root / "AFW" / "AFW_134212_1_0")
    write_3ddfa_entry(root / "AFW_Flip" / "AFW_134212_1_0")
    (root / "Code").mkdir()
    (root / "Code" / "Model_Shape.mat").write_bytes(b"no label")


def one_subset_of_300w_lp(root: Path) -> None:
    write_3ddfa_entry(root / "AFW_134212_1_0")


def w300_lpa(root: Path) -> None:
    draw_face(root / "LFPW_image_train_0170_12_-0.597_1.359_-0.345.jpg")
    draw_face(root / "AFW" / "AFW_1_0_0.0_-8.5e-05_0.1.jpg")


def biwi(root: Path) -> None:
    write_biwi_frame(root / "01", 3, np.eye(3), CENTER_MM)


def biwi_as_downloaded(root: Path) -> None:
    write_biwi_frame(root / "hpdb" / "24", 3, np.eye(3), CENTER_MM)


def mafa(root: Path) -> None:
    write_mafa_test(root / "MAFA-Label-Test" / "LabelTestAll.mat", {"1.jpg": [mafa_test_face()]})


def fmld(root: Path) -> None:
    annotation = root / "FMLD_annotations" / "test" / "1.xml"
    write_voc(annotation, "1.jpg", voc_object("masked_face"), image="WIDER/1.jpg")


def mask_csv(root: Path) -> None:
    write_csv(root / "labels.csv", [mask_row("images/1.png")])


def pose_csv(root: Path) -> None:
    write_csv(root / "labels.csv", [pose_row("images/1.png")])


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (aflw2000, "aflw2000"),
        (w300_lp, "300w-lp"),
        (one_subset_of_300w_lp, "300w-lp"),
        (w300_lpa, "300w-lpa"),
        (biwi, "biwi"),
        (biwi_as_downloaded, "biwi"),
        (mafa, "mafa"),
        (fmld, "fmld"),
        (mask_csv, "mask-csv"),
        (pose_csv, "pose-csv"),
    ],
)
def test_each_published_form_is_recognised(tmp_path: Path, write, kind: str) -> None:
    write(tmp_path)
    assert find_format(tmp_path) == kind


@pytest.mark.parametrize(("row", "kind"), [(mask_row, "mask-csv"), (pose_row, "pose-csv")])
def test_a_header_in_quotes_is_the_same_header(tmp_path: Path, row, kind: str) -> None:
    write_csv(tmp_path / "labels.csv", [row("1.png")], quoting=csv.QUOTE_ALL)
    draw_face(tmp_path / "images" / "1.png")
    assert find_format(tmp_path) == kind
    home = open_home(tmp_path / "home")
    assert import_path(home, tmp_path).counts["label_new"] == 1


def test_only_the_start_of_an_endless_header_is_read(tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("wb") as file:
        file.truncate(2**40)  # zeros that take no room on the disk
    assert recognise_dataset(tmp_path) is None


@pytest.mark.parametrize(
    ("write", "split"), [(aflw2000, "test"), (w300_lp, "train"), (w300_lpa, "train"), (biwi, None)]
)
def test_what_is_recognised_comes_in_with_its_poses(
    tmp_path: Path, write, split: str | None
) -> None:
    write(tmp_path / "set")
    home = open_home(tmp_path / "home")
    report = import_path(home, tmp_path / "set")
    assert report.counts["label_new"] == report.counts["face_new"] > 0
    with connect(home) as db:
        assert current_annotation(db, 1).label.pose is not None
        assert db.execute("SELECT DISTINCT split FROM images").fetchall() == [(split,)]


def test_a_benchmark_in_a_folder_below_is_never_taken_for_training_data(tmp_path: Path) -> None:
    one_subset_of_300w_lp(tmp_path / "AFW")
    aflw2000(tmp_path / "AFLW2000")
    with pytest.raises(DatasetError, match="in the folder AFLW2000, which is for testing"):
        recognise_dataset(tmp_path)


def test_photos_that_only_look_a_little_like_it_stay_photos(tmp_path: Path) -> None:
    write_3ddfa_entry(tmp_path / "image00001", Pose_Para=None)  # other labels of somebody else
    draw_face(tmp_path / "01" / "frame_00003_rgb.png")
    for name in ("IMG_2024_11_05", "scan_1.5_2.5", "trip_9.25_9.50_9.75", "a_1_2_3"):
        draw_face(tmp_path / f"{name}.jpg")
    assert recognise_dataset(tmp_path) is None
    assert find_format(tmp_path) == "photos"
