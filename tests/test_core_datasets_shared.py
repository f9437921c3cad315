"""The readers on the real data beside the project; skipped where they are absent."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.crop import REFERENCE_FACTOR
from core.datasets import load_crop, read_dataset
from core.faces import MaskLabel
from core.head_pose import axes_in_image, geodesic_deg, rotation_from_euler

# Of the 68 points: outer eye corners (viewer's left, right), chin tip, root of the nose, nose tip.
LEFT_EYE, RIGHT_EYE, CHIN, NOSE_ROOT, NOSE_TIP = 36, 45, 8, 27, 30


@pytest.fixture(scope="module")
def aflw2000(shared_data: Path):
    return read_dataset("aflw2000", shared_data / "aflw2000_sample")


def test_aflw2000_leaves_out_exactly_the_31_images_beyond_99_degrees(aflw2000) -> None:
    assert Counter(entry.reason for entry in aflw2000.skipped) == {"angle beyond 99°": 31}
    assert len(aflw2000.samples) == 69
    assert all(entry.detail.split()[0] in ("yaw", "pitch", "roll") for entry in aflw2000.skipped)


def test_projected_head_axes_fit_the_68_landmarks(aflw2000) -> None:
    """Signs and order of the angles: each axis must point where the landmarks say."""
    cosines = []
    for sample in aflw2000.samples:
        x_axis, y_axis, _ = axes_in_image([sample.pose])[0]
        points = sample.landmarks_px
        for axis, direction in (
            (x_axis, points[RIGHT_EYE] - points[LEFT_EYE]),
            (y_axis, points[NOSE_ROOT] - points[CHIN]),
        ):
            if np.linalg.norm(axis) > 0.5:  # else it points at the viewer
                lengths = np.linalg.norm(axis) * np.linalg.norm(direction)
                cosines.append(axis @ direction / lengths)
    assert np.median(cosines) > 0.97
    assert np.min(cosines) > 0.5


def test_nose_tip_lies_where_the_z_axis_points(aflw2000) -> None:
    for sample in aflw2000.samples:
        z_axis = axes_in_image([sample.pose])[0][2]
        eyes = sample.landmarks_px[[LEFT_EYE, RIGHT_EYE]].mean(0)
        if abs(z_axis[0]) > 0.5 and abs(sample.pose.roll_deg) < 30:
            assert np.sign(sample.landmarks_px[NOSE_TIP] - eyes)[0] == np.sign(z_axis[0])


def test_no_other_sign_or_order_of_the_angles_fits_the_landmarks_as_well(aflw2000) -> None:
    """One mean head, turned by the labels, must explain all pictures: the convention's proof."""
    angles = np.array(
        [(s.pose.yaw_deg, s.pose.pitch_deg, s.pose.roll_deg) for s in aflw2000.samples]
    )
    landmarks = np.stack([sample.landmarks_px for sample in aflw2000.samples])
    ours = _misfit(landmarks, rotation_from_euler(*angles.T))
    assert ours < 0.1
    for signs in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)):
        assert _misfit(landmarks, rotation_from_euler(*(angles * signs).T)) > 2 * ours
    other_order = rotation_from_euler(*(-angles).T).transpose(0, 2, 1)
    assert _misfit(landmarks, other_order) > 1.5 * ours


def _misfit(landmarks_px: np.ndarray, rotations: np.ndarray) -> float:
    """Residual ÷ extent of the best common head (68, 3) turned by ``rotations`` (N, 3, 3)."""
    points = (landmarks_px - landmarks_px.mean(1, keepdims=True)) * [1, -1]  # y up, (N, 68, 2)
    points /= np.linalg.norm(points, axis=(1, 2), keepdims=True)
    for _ in range(5):  # head and sizes of the pictures in turn
        stacked = points.transpose(0, 2, 1).reshape(-1, points.shape[1])  # (2N, 68)
        head = np.linalg.lstsq(rotations[:, :2].reshape(-1, 3), stacked, rcond=None)[0]
        drawn = (rotations[:, :2] @ head).transpose(0, 2, 1)
        points /= (drawn * points).sum((1, 2), keepdims=True) / (drawn**2).sum(
            (1, 2), keepdims=True
        )
    residual = np.linalg.norm(points - drawn, axis=(1, 2)) / np.linalg.norm(points, axis=(1, 2))
    return float(np.median(residual))


def test_aflw2000_crop_holds_all_landmarks_in_the_stated_proportion(aflw2000) -> None:
    for sample in aflw2000.samples:
        square = sample.crop_square
        longer = np.ptp(sample.landmarks_px, axis=0).max()
        assert square.width_px == pytest.approx(REFERENCE_FACTOR * longer, rel=1e-5)
        assert load_crop(sample, 112).shape == (112, 112, 3)


def test_pose_csv_is_read_fast_and_completely(shared_data: Path) -> None:
    started = time.process_time()  # not the clock on the wall: other tests may run beside this one
    reading = read_dataset("pose-csv", shared_data / "pose")
    assert time.process_time() - started < 5  # about 1 s
    assert (len(reading.samples), len(reading.skipped)) == (18_546, 209)
    assert Counter(sample.split for sample in reading.samples) == {"train": 17_663, "val": 883}
    rotation = np.stack([sample.rotation for sample in reading.samples])
    np.testing.assert_allclose(
        rotation @ rotation.transpose(0, 2, 1),
        np.broadcast_to(np.eye(3), rotation.shape),
        atol=1e-9,
    )
    assert all(0 < sample.weight <= 1 for sample in reading.samples)


def test_pose_csv_angles_and_matrix_say_the_same(shared_data: Path) -> None:
    samples = read_dataset("pose-csv", shared_data / "pose", "val").samples
    angles = np.array([(s.pose.yaw_deg, s.pose.pitch_deg, s.pose.roll_deg) for s in samples])
    error_deg = geodesic_deg(
        rotation_from_euler(*angles.T), np.stack([s.rotation for s in samples])
    )
    assert error_deg.max() < 0.1


def test_mask_csv_has_the_published_counts(shared_data: Path) -> None:
    reading = read_dataset("mask-csv", shared_data / "mask")
    assert reading.skipped == ()
    assert Counter(sample.mask for sample in reading.samples) == {
        MaskLabel.MASKED: 9_335,
        MaskLabel.UNMASKED: 6_441,
        MaskLabel.INCORRECT: 663,
    }
    assert sum(sample.lower_face_occluded or False for sample in reading.samples) == 16
    assert sum((sample.occlusion_level or 0) >= 1 for sample in reading.samples) == 68
