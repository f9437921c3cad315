"""AFLW2000-3D, 300W-LP and 300W-LPA on small files in their own formats."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from dataset_files import draw_face, oval_px, write_3ddfa_entry

from core.crop import REFERENCE_FACTOR
from core.datasets import DatasetError, Reading, load_crop, read_dataset
from core.datasets.mat_file import MAX_FILE_BYTES, load_mat
from core.datasets.sample import UnusableEntryError
from core.head_pose import rotation_from_euler


def reasons(reading: Reading) -> list[tuple[str, str]]:
    return [(entry.name, entry.reason) for entry in reading.skipped]


def test_radians_in_the_order_pitch_yaw_roll_become_our_degrees(tmp_path: Path) -> None:
    write_3ddfa_entry(tmp_path / "image00002", yaw_deg=60, pitch_deg=-20, roll_deg=10)
    (sample,) = read_dataset("aflw2000", tmp_path).samples
    pose = sample.pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((60, -20, 10), abs=1e-4)
    np.testing.assert_allclose(sample.rotation, rotation_from_euler(60, -20, 10), atol=1e-6)
    assert (sample.name, sample.split) == ("image00002.jpg", "test")


def test_the_crop_is_centred_on_the_landmarks(tmp_path: Path) -> None:
    write_3ddfa_entry(tmp_path / "image00002", landmarks_px=oval_px((40, 60), 20))
    (sample,) = read_dataset("aflw2000", tmp_path).samples
    assert sample.landmarks_px.shape == (68, 2)
    assert sample.box.center_px == pytest.approx((40, 60), abs=1e-4)
    assert sample.crop_square.center_px == pytest.approx((40, 60), abs=1e-4)
    assert sample.crop_square.width_px == pytest.approx(REFERENCE_FACTOR * 40, rel=1e-5)
    assert load_crop(sample, 56).shape == (56, 56, 3)


@pytest.mark.parametrize("axis", ["yaw_deg", "pitch_deg", "roll_deg"])
def test_aflw2000_keeps_99_degrees_and_leaves_out_more(tmp_path: Path, axis: str) -> None:
    write_3ddfa_entry(tmp_path / "image00001", **{axis: -98.999})
    write_3ddfa_entry(tmp_path / "image00002", **{axis: -99.001})
    reading = read_dataset("aflw2000", tmp_path)
    assert [sample.name for sample in reading.samples] == ["image00001.jpg"]
    assert reasons(reading) == [("image00002.jpg", "angle beyond 99°")]
    assert reading.skipped[0].detail == f"{axis.removesuffix('_deg')} -99.0°"


def test_bad_aflw2000_entries_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    write_3ddfa_entry(tmp_path / "image1")
    write_3ddfa_entry(tmp_path / "image2", picture=False)
    write_3ddfa_entry(tmp_path / "image3", Pose_Para=None)
    write_3ddfa_entry(tmp_path / "image4", Pose_Para=np.full((1, 7), np.nan))
    write_3ddfa_entry(tmp_path / "image5", Pose_Para=np.array([["front"]]))
    write_3ddfa_entry(tmp_path / "image6", pt3d_68=np.zeros((3, 21)))
    write_3ddfa_entry(tmp_path / "image7", pt3d_68=np.full((3, 68), 40.0))
    write_3ddfa_entry(tmp_path / "image8", pt3d_68=np.full((3, 68), np.inf))
    draw_face(tmp_path / "image9.jpg")
    (tmp_path / "image10.mat").write_bytes((tmp_path / "image1.mat").read_bytes()[:300])
    draw_face(tmp_path / "image10.jpg")
    (tmp_path / "image11.mat").touch()
    draw_face(tmp_path / "image11.jpg")
    reading = read_dataset("aflw2000", tmp_path)
    assert [sample.name for sample in reading.samples] == ["image1.jpg"]
    assert set(reasons(reading)) == {
        ("image2.jpg", "image is missing"),
        ("image3.jpg", "label file lacks a variable"),
        ("image4.jpg", "angle is not in radians"),
        ("image5.jpg", "label has the wrong form"),
        ("image6.jpg", "label has the wrong form"),
        ("image7.jpg", "face box has no size"),
        ("image8.jpg", "landmark is no place in a picture"),
        ("image9.jpg", "label file is missing"),
        ("image10.jpg", "label file is damaged"),
        ("image11.jpg", "label file is no MATLAB 5 file"),
    }


def test_300w_lp_reads_subsets_and_leaves_the_landmark_folder_alone(tmp_path: Path) -> None:
    for folder in ("AFW", "AFW_Flip"):
        write_3ddfa_entry(tmp_path / folder / "AFW_134212_1_0", yaw_deg=120, pt3d_68=None)
        write_3ddfa_entry(tmp_path / folder / "AFW_134212_1_12", pt3d_68=None)
    write_3ddfa_entry(tmp_path / "landmarks" / "AFW" / "AFW_134212_1_0_pts", picture=False)
    reading = read_dataset("300w-lp", tmp_path, "train")
    assert reading.skipped == ()
    assert [sample.name for sample in reading.samples] == [
        "AFW/AFW_134212_1_0.jpg",
        "AFW/AFW_134212_1_12.jpg",
        "AFW_Flip/AFW_134212_1_0.jpg",
        "AFW_Flip/AFW_134212_1_12.jpg",
    ]
    assert {(sample.source, sample.group) for sample in reading.samples} == {
        ("AFW", "AFW_134212_1")
    }
    assert reading.samples[0].pose.yaw_deg == pytest.approx(120, abs=1e-3)
    assert reading.samples[0].crop_factor == REFERENCE_FACTOR


def test_300w_lp_names_what_lacks_its_other_half(tmp_path: Path) -> None:
    write_3ddfa_entry(tmp_path / "IBUG" / "a_0", picture=False)
    draw_face(tmp_path / "IBUG" / "b_0.jpg")
    assert reasons(read_dataset("300w-lp", tmp_path)) == [
        ("IBUG/a_0.jpg", "image is missing"),
        ("IBUG/b_0.jpg", "label file is missing"),
    ]


def test_300w_lpa_reads_pose_from_the_file_name(tmp_path: Path) -> None:
    draw_face(tmp_path / "LFPW" / "LFPW_image_train_0170_12_-0.597_1.359_-0.345.jpg", 112, 112)
    (sample,) = read_dataset("300w-lpa", tmp_path).samples
    expected = np.rad2deg([1.359, -0.597, -0.345])
    pose = sample.pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(tuple(expected))
    assert (sample.source, sample.group) == ("LFPW", "LFPW_image_train_0170")
    assert (sample.crop_square, sample.crop_factor) == (None, None)


def test_300w_lpa_names_crops_without_a_sound_pose(tmp_path: Path) -> None:
    for stem in ("a_0_0.1_0.2_0.3", "no-pose", "b_1_x_0.2_0.3", "c_1_nan_0_0", "d_1_-34_5_60"):
        draw_face(tmp_path / f"{stem}.jpg")
    reading = read_dataset("300w-lpa", tmp_path)
    assert len(reading.samples) == 1
    assert reasons(reading) == [
        ("b_1_x_0.2_0.3.jpg", "not a number"),
        ("c_1_nan_0_0.jpg", "number is not finite"),
        ("d_1_-34_5_60.jpg", "angle is not in radians"),
        ("no-pose.jpg", "no pose in the file name"),
    ]


def test_sets_with_one_split_refuse_another(tmp_path: Path) -> None:
    write_3ddfa_entry(tmp_path / "image00001")
    with pytest.raises(DatasetError, match="no split 'val'; it has test"):
        read_dataset("aflw2000", tmp_path, "val")


# --- .mat files from strangers ---------------------------------------------------------------


def mat_bytes(*elements: bytes) -> bytes:
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return header + b"".join(elements)


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content


def matrix(kind: int, shape: tuple[int, int], content: bytes, name: bytes = b"") -> bytes:
    flags = element(6, struct.pack("<II", kind, 0))
    padded = name.ljust((len(name) + 7) // 8 * 8, b"\0")
    tag = struct.pack("<II", 1, len(name)) + padded
    return element(14, flags + element(5, struct.pack("<ii", *shape)) + tag + content)


def nested_cells(depth: int) -> bytes:
    content = element(14, b"")
    heads = []
    for _ in range(depth):
        flags = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<ii", 1, 1))
        heads.append(flags + element(1, b""))
    size = len(content)
    tags = []
    for head in heads:
        size += len(head)
        tags.append(struct.pack("<II", 14, size) + head)
        size += 8
    return matrix(1, (1, 1), b"".join(reversed(tags)) + content, b"deep")


def refusal(path: Path, data: bytes, variable: str = "deep") -> str:
    path.write_bytes(data)
    with pytest.raises(UnusableEntryError) as error:
        load_mat(path, [variable])
    return error.value.reason


def test_cells_nested_so_deep_that_scipy_crashes_are_left_out(tmp_path: Path) -> None:
    """``scipy.io.loadmat`` of this file ends the process with SIGSEGV (scipy 1.17)."""
    deep = mat_bytes(nested_cells(200_000))
    assert refusal(tmp_path / "deep.mat", deep) == "label file lacks a variable"


def test_a_cell_hidden_in_a_struct_is_left_out_as_well(tmp_path: Path) -> None:
    people = np.zeros((1, 1), [("name", "O")])
    people[0, 0] = (np.array([1, "x"], object),)
    scipy.io.savemat(tmp_path / "people.mat", {"deep": people})
    data = (tmp_path / "people.mat").read_bytes()
    assert refusal(tmp_path / "people.mat", data) == "label file lacks a variable"


def test_a_small_file_that_inflates_to_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.datasets.mat_file.MAX_INFLATED_BYTES", 100_000)
    numbers = matrix(6, (12_500, 1), element(9, bytes(100_000)), b"deep")
    bomb = mat_bytes(element(15, zlib.compress(numbers)))
    assert len(bomb) < 1000
    assert refusal(tmp_path / "bomb.mat", bomb) == "label file is too large"


def test_a_header_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    """scipy would make room for the claim: 4 billion blanks for an empty text."""
    text = matrix(4, (65_536, 65_536), element(16, b""), b"deep")
    assert refusal(tmp_path / "claim.mat", mat_bytes(text)) == "label file is damaged"
    fields = struct.pack("<HHi", 5, 4, 32) + element(1, b"")
    structs = matrix(2, (65_536, 65_536), fields, b"deep")
    assert refusal(tmp_path / "claim.mat", mat_bytes(structs)) == "label file is damaged"


def test_other_files_are_refused_by_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "other.mat"
    assert refusal(path, b"\x89HDF\r\n\x1a\n" * 100) == "label file is no MATLAB 5 file"
    assert refusal(path, bytes(MAX_FILE_BYTES + 1)) == "label file is too large"
    scipy.io.savemat(path, {"deep": np.eye(3)}, format="4")
    assert refusal(path, path.read_bytes()) == "label file is no MATLAB 5 file"


@pytest.mark.parametrize("compressed", [False, True])
def test_what_scipy_writes_is_read_back(tmp_path: Path, compressed: bool) -> None:
    people = np.zeros((1, 2), [("name", "O"), ("label", "O")])
    people[0] = [("a.jpg", np.array([[1, 2], [3, 4]], np.int16)), ("b.jpg", np.empty((0, 2)))]
    content = {"numbers": np.array([[1.5, -2.0]]), "wave": np.array([[1 + 2j]]), "people": people}
    path = tmp_path / "ours.mat"
    scipy.io.savemat(
        path, content | {"cells": np.array([1, "x"], object)}, do_compression=compressed
    )
    read = load_mat(path, ["numbers", "wave", "people"])
    assert read["numbers"].tolist() == [[1.5, -2.0]] and read["wave"][0, 0] == 1 + 2j
    assert [str(person["name"][0]) for person in read["people"][0]] == ["a.jpg", "b.jpg"]
    assert read["people"][0, 0]["label"].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(UnusableEntryError, match="cells"):
        load_mat(path, ["cells"])
