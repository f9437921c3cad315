"""BIWI on small files in its own format; geometry against formulas written out here."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from dataset_files import draw_face, write_biwi_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from core.crop import REFERENCE_FACTOR
from core.datasets import DatasetError, Reading, load_crop, read_dataset
from core.datasets.biwi import LANDMARK_BOX_MM
from core.head_pose import rotation_from_euler

FRONTAL = np.eye(3)
PLAIN_CAMERA = "500 0 320\n0 500 240\n0 0 1\n\n0 0 0 0\n\n1 0 0\n0 1 0\n0 0 1\n\n0 0 0\n\n640 480\n"


def biwi_matrix(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Our rotation in BIWI's axes: x right, y down, z away."""
    turn_over = np.diag([1, -1, -1])
    return turn_over @ rotation_from_euler(yaw_deg, pitch_deg, roll_deg) @ turn_over


def reasons(reading: Reading) -> list[tuple[str, str]]:
    return [(entry.name, entry.reason) for entry in reading.skipped]


def test_angles_are_those_of_hopenets_evaluation(tmp_path: Path) -> None:
    """Its formula (deep-head-pose, datasets.py) on the transposed matrix, written out."""
    matrix = biwi_matrix(37, -21, 12)
    write_biwi_frame(tmp_path / "01", 3, matrix, (50, 20, 900))
    (sample,) = read_dataset("biwi", tmp_path).samples
    r = matrix.T
    roll = -np.arctan2(r[1][0], r[0][0])
    yaw = -np.arctan2(-r[2][0], np.sqrt(r[2][1] ** 2 + r[2][2] ** 2))
    pitch = np.arctan2(r[2][1], r[2][2])
    expected = np.rad2deg([yaw, pitch, roll])
    pose = sample.pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(tuple(expected), abs=1e-3)
    assert tuple(expected) == pytest.approx((37, -21, 12), abs=1e-3)
    np.testing.assert_allclose(sample.rotation, rotation_from_euler(37, -21, 12), atol=1e-5)


def test_a_nose_that_points_to_image_left_has_positive_yaw(tmp_path: Path) -> None:
    """The nose is −z of the head in BIWI's axes; here it points to −x, image left."""
    yaw = np.deg2rad(30)
    matrix = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    assert (matrix @ [0, 0, -1])[0] < 0
    write_biwi_frame(tmp_path / "01", 3, matrix, (0, 0, 900))
    assert read_dataset("biwi", tmp_path).samples[0].pose.yaw_deg == pytest.approx(30, abs=1e-3)


def test_the_head_centre_is_projected_into_the_colour_image(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    (tmp_path / "01" / "rgb.cal").write_text(PLAIN_CAMERA.replace("0 0 0\n\n640", "20 0 0\n\n640"))
    write_biwi_frame(tmp_path / "01", 3, FRONTAL, (80, -40, 1000))
    (sample,) = read_dataset("biwi", tmp_path).samples
    assert sample.box.center_px == pytest.approx((320 + 500 * 0.1, 240 - 500 * 0.04))
    assert sample.box.width_px == pytest.approx(500 * LANDMARK_BOX_MM / 1000)
    assert sample.crop_square.width_px == pytest.approx(REFERENCE_FACTOR * sample.box.width_px)
    assert sample.crop_factor == REFERENCE_FACTOR


def test_the_published_calibration_is_read_by_lines(tmp_path: Path) -> None:
    write_biwi_frame(tmp_path / "01", 3, FRONTAL, (0, 0, 1000))
    rotation = [[0.999947, 0.00432361, 0.00929419], [-0.00446314, 0.999877, 0.0150443]]
    rotation.append([-0.009228, -0.015085, 0.999844])
    x, y, z = np.array(rotation) @ [0, 0, 1000] + [-24.0198, 5.8896, -13.2308]
    (sample,) = read_dataset("biwi", tmp_path).samples
    expected = (320 + 517.679 * x / z, 240.5 + 517.679 * y / z)
    assert sample.box.center_px == pytest.approx(expected)


def test_the_crop_shows_the_head(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    (tmp_path / "01" / "rgb.cal").write_text(PLAIN_CAMERA)
    write_biwi_frame(tmp_path / "01", 3, FRONTAL, (100, 0, 1000), picture=False)
    draw_face(tmp_path / "01" / "frame_00003_rgb.jpg", 640, 480, center_px=(370, 240))
    crop = load_crop(read_dataset("biwi", tmp_path).samples[0], 56)
    assert crop[28, 28].tolist() == pytest.approx([224, 180, 150], abs=12)  # skin, as drawn


@settings(deadline=None)  # files are written: a busy machine takes its time
@given(
    st.floats(-89, 89), st.floats(-180, 179), st.floats(-180, 179)
)  # yaw within ±90°, or another Euler triple comes back
def test_any_head_comes_back_as_it_was_written(yaw: float, pitch: float, roll: float) -> None:
    with TemporaryDirectory() as folder:
        write_biwi_frame(Path(folder) / "01", 3, biwi_matrix(yaw, pitch, roll), (0, 0, 900), False)
        (Path(folder) / "01" / "frame_00003_rgb.png").touch()
        (sample,) = read_dataset("biwi", Path(folder)).samples
    np.testing.assert_allclose(sample.rotation, rotation_from_euler(yaw, pitch, roll), atol=1e-5)


def test_all_frames_are_read_without_a_list_and_the_report_says_so(tmp_path: Path) -> None:
    for sequence, number in (("01", 3), ("01", 4), ("02", 3)):
        write_biwi_frame(tmp_path / "hpdb" / sequence, number, FRONTAL, (0, 0, 900))
    (tmp_path / "hpdb" / "01.obj").touch()
    reading = read_dataset("biwi", tmp_path)
    assert [sample.name for sample in reading.samples] == [
        "01/frame_00003_rgb.png",
        "01/frame_00004_rgb.png",
        "02/frame_00003_rgb.png",
    ]
    assert [sample.group for sample in reading.samples] == ["01", "01", "02"]
    assert reading.notes[0].startswith("all 3 frames; box from the projected head centre (150 mm")


def test_a_list_chooses_frames_in_its_order(tmp_path: Path) -> None:
    for number in (3, 4, 5):
        write_biwi_frame(tmp_path / "01", number, FRONTAL, (0, 0, 900))
    lines = ["01/frame_00005", "./01/frame_00003_rgb.png", "01/frame_00009", "24/frame_00001"]
    (tmp_path / "list.txt").write_text("\n".join([*lines, "../../etc/passwd", ""]))
    reading = read_dataset("biwi", tmp_path, "list.txt")
    assert [s.name[:14] for s in reading.samples] == ["01/frame_00005", "01/frame_00003"]
    assert reasons(reading) == [
        ("list.txt line 5", "line is no NN/frame_XXXXX"),
        ("01/frame_00009", "image is missing"),
        ("24/frame_00001", "rgb.cal is missing"),
    ]
    assert reading.notes[0].startswith("the 4 frames of list.txt")


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write_biwi_frame(tmp_path / "01", 3, FRONTAL, (0, 0, 900))
    with pytest.raises(DatasetError, match=r"list\.txt is missing; BIWI has no splits"):
        read_dataset("biwi", tmp_path, "list.txt")


def test_bad_frames_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "01"
    write_biwi_frame(folder, 3, FRONTAL, (0, 0, 900))
    write_biwi_frame(folder, 4, FRONTAL, (0, 0, 900), picture=False)
    draw_face(folder / "frame_00005_rgb.png", 640, 480)
    write_biwi_frame(folder, 6, 2 * FRONTAL, (0, 0, 900))
    write_biwi_frame(folder, 7, FRONTAL, (0, 0, -900))
    write_biwi_frame(folder, 8, FRONTAL, (0, 0, float("nan")))
    write_biwi_frame(folder, 9, FRONTAL[:2], (0, 0, 900))
    write_biwi_frame(folder, 10, FRONTAL, (0, 0, 13.2339))  # 1 µm before the camera
    write_biwi_frame(folder, 11, FRONTAL * np.nan, (0, 0, 900))
    reading = read_dataset("biwi", tmp_path)
    assert [sample.name for sample in reading.samples] == ["01/frame_00003_rgb.png"]
    assert reasons(reading) == [
        ("01/frame_00004", "image is missing"),
        ("01/frame_00005", "label file is missing"),
        ("01/frame_00006", "label is not a rotation"),
        ("01/frame_00007", "head is behind the camera"),
        ("01/frame_00008", "number is not finite"),
        ("01/frame_00009", "label has the wrong form"),
        ("01/frame_00010", "face box is no place in a picture"),
        ("01/frame_00011", "number is not finite"),
    ]


@pytest.mark.parametrize("text", ["", "1 2 3\n", "a b c\n" * 9, "1 2\n" * 9])
def test_a_damaged_calibration_costs_its_sequence_only(tmp_path: Path, text: str) -> None:
    write_biwi_frame(tmp_path / "01", 3, FRONTAL, (0, 0, 900))
    write_biwi_frame(tmp_path / "02", 3, FRONTAL, (0, 0, 900))
    (tmp_path / "01" / "rgb.cal").write_text(text)
    reading = read_dataset("biwi", tmp_path)
    assert [sample.group for sample in reading.samples] == ["02"]
    assert [entry.name for entry in reading.skipped] == ["01/frame_00003"]
