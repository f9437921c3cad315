"""The two CSV data sets: ``pose-csv`` and ``mask-csv``."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from dataset_files import draw_face, mask_row, pose_row, write_csv

from core.crop import REFERENCE_FACTOR
from core.datasets import DatasetError, Reading, Skipped, files, load_crop, read_dataset
from core.datasets.files import MAX_BROKEN_ROWS, read_table
from core.datasets.pose_csv import read_pose_csv
from core.datasets.sample import ReadingBuilder
from core.faces import HeadPose, MaskLabel
from core.head_pose import rotation_from_euler


def read_pose(root: Path, *rows: dict, split: str | None = None) -> Reading:
    write_csv(root / "labels.csv", rows)
    draw_face(root / "images" / "a.jpg", 120, 120)
    return read_dataset("pose-csv", root, split)


def read_mask(root: Path, *rows: dict, split: str | None = None) -> Reading:
    write_csv(root / "labels.csv", rows)
    draw_face(root / "images" / "a.jpg")
    return read_dataset("mask-csv", root, split)


def test_a_pose_row_becomes_a_sample(tmp_path: Path) -> None:
    (sample,) = read_pose(tmp_path, pose_row("a.jpg", 10, 5, -3)).samples
    assert sample.pose == HeadPose(yaw_deg=10, pitch_deg=5, roll_deg=-3)
    assert (sample.crop_factor, sample.crop_square) == (REFERENCE_FACTOR, None)
    assert (sample.split, sample.weight) == ("train", 0.5)  # a spread of 8° counts half
    assert load_crop(sample, 112).shape == (112, 112, 3)


def test_the_rounded_matrix_is_orthonormal_again(tmp_path: Path) -> None:
    (sample,) = read_pose(tmp_path, pose_row("a.jpg", 33.3, -20.1, 7.7)).samples
    np.testing.assert_allclose(sample.rotation @ sample.rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(sample.rotation, rotation_from_euler(33.3, -20.1, 7.7), atol=2e-4)


def test_landmarks_that_are_not_visible_are_nan(tmp_path: Path) -> None:
    (sample,) = read_pose(tmp_path, pose_row("a.jpg")).samples
    assert sample.landmarks_px.shape == (21, 2)
    assert np.isnan(sample.landmarks_px[12]).all()
    assert sample.landmarks_px[0].tolist() == [20.5, 21.5]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"usable": "0"}, "marked as not usable"),
        ({"file": "b.jpg"}, "image is missing"),
        ({"file": "../images/a.jpg"}, "image is missing"),
        ({"file": "/etc/passwd"}, "image is missing"),
        ({"file": "a.jpg\0.png"}, "image is missing"),
        ({"yaw_deg": "nan"}, "number is not finite"),
        ({"spread_deg": "inf"}, "number is not finite"),
        ({"pitch_deg": ""}, "not a number"),
        ({"lm3_x": "left"}, "not a number"),
        ({"r00": "7"}, "label is not a rotation"),
        ({"r00": "1e308"}, "label is not a rotation"),
    ],
)
def test_a_bad_pose_row_is_named_and_the_others_are_read(
    tmp_path: Path, fields: dict, reason: str
) -> None:
    row = pose_row("a.jpg") | fields
    reading = read_pose(tmp_path, pose_row("a.jpg"), row)
    assert len(reading.samples) == 1
    assert [(entry.name, entry.reason) for entry in reading.skipped] == [(row["file"], reason)]


def test_a_mask_row_becomes_a_sample(tmp_path: Path) -> None:
    row = mask_row("a.jpg", label="unmasked", group="7", lower_face_occluded=1, occlusion_level=2)
    (sample,) = read_mask(tmp_path, row).samples
    assert sample.mask is MaskLabel.UNMASKED
    assert (sample.source, sample.group, sample.split) == ("drawn", "7", "train")
    assert (sample.lower_face_occluded, sample.occlusion_level) == (True, 2)
    assert (sample.crop_factor, sample.pose) == (None, None)


def test_empty_mask_fields_are_unknown_not_zero(tmp_path: Path) -> None:
    (sample,) = read_mask(tmp_path, mask_row("a.jpg", lower_face_occluded="")).samples
    assert (sample.lower_face_occluded, sample.occlusion_level) == (None, None)


@pytest.mark.parametrize(
    ("fields", "skipped"),
    [
        ({"label": "1"}, Skipped("a.jpg", "unknown label", "'1'")),
        ({"label": ""}, Skipped("a.jpg", "unknown label", "''")),
        ({"file": "b.jpg"}, Skipped("b.jpg", "image is missing")),
        (
            {"occlusion_level": "-1"},
            Skipped("a.jpg", "not a small number", "occlusion_level is '-1'"),
        ),
    ],
)
def test_a_bad_mask_row_is_named(tmp_path: Path, fields: dict, skipped: Skipped) -> None:
    assert read_mask(tmp_path, mask_row("a.jpg") | fields).skipped == (skipped,)


def test_only_the_asked_split_is_read(tmp_path: Path) -> None:
    rows = [mask_row("a.jpg"), mask_row("a.jpg", split="val"), mask_row("b.jpg", split="val")]
    reading = read_mask(tmp_path, *rows, split="val")
    assert [sample.split for sample in reading.samples] == ["val"]
    assert [entry.name for entry in reading.skipped] == ["b.jpg"]


def test_reading_ends_after_the_faces_that_were_wanted(tmp_path: Path) -> None:
    rows = [pose_row("missing.jpg"), *(pose_row("a.jpg") for _ in range(3))]
    read_pose(tmp_path, *rows)
    reading = read_pose_csv(tmp_path, "train", at_most=1)
    assert [sample.name for sample in reading.samples] == ["a.jpg"]
    assert [entry.reason for entry in reading.skipped] == ["image is missing"]


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no split 'test'; it has train, val"):
        read_mask(tmp_path, mask_row("a.jpg"), mask_row("a.jpg", split="val"), split="test")


def test_the_table_of_another_data_set_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "labels.csv", [mask_row("a.jpg")])
    with pytest.raises(DatasetError, match="has no column usable"):
        read_dataset("pose-csv", tmp_path)


def test_broken_rows_are_counted_by_number(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "labels.csv", [mask_row("a.jpg")])
    with path.open("ab") as file:
        file.write(b"only,three,fields\n\n\xff\xfe,train,masked,s,g,0,,1,0\nNUL\0,x\n")
    draw_face(tmp_path / "images" / "a.jpg")
    reading = read_dataset("mask-csv", tmp_path)
    assert len(reading.samples) == 1
    assert [entry.reason for entry in reading.skipped] == [
        "wrong number of columns",
        "wrong number of columns",
        "image is missing",
    ]
    assert reading.skipped[0].name == "row 3"


def test_a_table_of_broken_rows_is_given_up(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "labels.csv", [mask_row("a.jpg")])
    sound = path.read_bytes()
    path.write_bytes(sound + b"a\n" * MAX_BROKEN_ROWS)
    assert len(read_dataset("mask-csv", tmp_path).skipped) == MAX_BROKEN_ROWS + 1  # no picture
    path.write_bytes(sound + b"a\n" * 300_000)
    with pytest.raises(DatasetError, match=r"more than 5,000 rows of another length.* 9 columns"):
        read_dataset("mask-csv", tmp_path)


@pytest.mark.parametrize("row", ["a,train\n", "\n"])
def test_a_table_of_too_many_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    monkeypatch.setattr(files, "MAX_ROWS", 10_000)
    (tmp_path / "labels.csv").write_text("file,split\n" + row * 10_000)
    read_table(tmp_path / "labels.csv", ["split"], ReadingBuilder())
    (tmp_path / "labels.csv").write_text("file,split\n" + row * 10_001)
    with pytest.raises(DatasetError, match="more than 10,000 rows"):
        read_table(tmp_path / "labels.csv", ["split"], ReadingBuilder())


def test_a_wide_table_may_have_fewer_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two million rows of 58 columns took 3 GB, and come out of 450 kB of zipped upload."""
    assert files.MAX_CELLS > 10 * 18_755 * 58  # ten times the pose table, our largest
    monkeypatch.setattr(files, "MAX_CELLS", 200)
    row, path = "x," * 58 + "x\n", tmp_path / "labels.csv"
    columns = [f"c{number}" for number in range(59)]
    path.write_text(",".join(columns) + "\n" + row * 10)
    assert len(read_table(path, columns[:20], ReadingBuilder())) == 10
    with pytest.raises(DatasetError, match="more than 9 rows of 21 columns; at most 200 cells"):
        read_table(path, columns[:21], ReadingBuilder())


def test_only_the_columns_asked_for_are_kept(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "labels.csv", [pose_row("a.jpg"), pose_row("b.jpg")])
    rows = read_table(path, ["split", "file"], ReadingBuilder())
    assert rows == [{"file": "a.jpg", "split": "train"}, {"file": "b.jpg", "split": "train"}]


def test_an_endless_line_is_read_in_pieces(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "labels.csv", [mask_row("a.jpg")])
    with path.open("a") as file:
        file.write("," * 3_000_000 + "\n")
    draw_face(tmp_path / "images" / "a.jpg")
    tracemalloc.start()
    try:
        reading = read_dataset("mask-csv", tmp_path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(reading.samples) == 1
    assert {entry.reason for entry in reading.skipped} == {"wrong number of columns"}
    assert peak_bytes < 10_000_000  # the whole row takes 24 million


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "labels.csv", [mask_row("ä ö.jpg")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # byte order mark
    draw_face(tmp_path / "images" / "ä ö.jpg")
    assert [sample.name for sample in read_dataset("mask-csv", tmp_path).samples] == ["ä ö.jpg"]


def test_a_zero_byte_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    with pytest.raises(DatasetError, match="has no column file"):
        read_dataset("mask-csv", tmp_path)


def test_a_table_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").symlink_to("/proc/self/mem")
    with pytest.raises(DatasetError, match=r"labels\.csv cannot be read: Input/output error"):
        read_dataset("pose-csv", tmp_path)
