"""Geometry of head pose: the convention, the way back, bins, and real faces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core import head_pose
from core.faces import HeadPose

inner = st.floats(-89.0, 89.0)
any_angle = st.floats(-179.0, 179.0)


@given(inner, any_angle, any_angle)
def test_rotation_equals_the_stated_formula(yaw: float, pitch: float, roll: float) -> None:
    expected = Rotation.from_euler("XYZ", [-pitch, -yaw, -roll], degrees=True).as_matrix()
    np.testing.assert_allclose(head_pose.rotation_from_euler(yaw, pitch, roll), expected, atol=1e-9)


@given(inner, any_angle, any_angle)
def test_euler_angles_survive_the_way_through_the_matrix(yaw: float, pitch: float, roll: float):
    back = head_pose.euler_from_rotation(head_pose.rotation_from_euler(yaw, pitch, roll))
    np.testing.assert_allclose(back, (yaw, pitch, roll), atol=1e-6)


@given(st.sampled_from([-90.0, 90.0]), any_angle, any_angle)
def test_at_profile_the_matrix_survives_although_the_angles_are_not_unique(yaw, pitch, roll):
    rotation = head_pose.rotation_from_euler(yaw, pitch, roll)
    again = head_pose.rotation_from_euler(*head_pose.euler_from_rotation(rotation))
    assert head_pose.geodesic_deg(rotation, again) < 1e-4


@given(inner, any_angle, any_angle)
def test_mirroring_changes_the_sign_of_yaw_and_roll_only(yaw: float, pitch: float, roll: float):
    mirrored = head_pose.mirror_rotation(head_pose.rotation_from_euler(yaw, pitch, roll))
    np.testing.assert_allclose(
        mirrored, head_pose.rotation_from_euler(-yaw, pitch, -roll), atol=1e-9
    )
    np.testing.assert_allclose(
        head_pose.mirror_rotation(mirrored),
        head_pose.rotation_from_euler(yaw, pitch, roll),
        atol=1e-12,
    )


@given(st.floats(0.0, 180.0), st.sampled_from(["x", "y", "z"]))
def test_geodesic_error_is_the_angle_of_the_turn_between(angle: float, axis: str) -> None:
    start = Rotation.from_euler("XYZ", [10, 20, 30], degrees=True)
    turned = (start * Rotation.from_euler(axis, angle, degrees=True)).as_matrix()
    assert head_pose.geodesic_deg(start.as_matrix(), turned) == pytest.approx(angle, abs=1e-6)


def test_only_full_turns_wrap():
    assert head_pose.wrap_deg(179.0 - (-179.0)) == pytest.approx(-2.0)
    assert head_pose.wrap_deg(90.0 - (-90.0)) == pytest.approx(-180.0)


def test_torch_and_numpy_agree():
    angles = np.random.default_rng(0).uniform(-80, 80, (3, 50))
    tensors = [torch.from_numpy(a) for a in angles]
    first, second = head_pose.rotation_from_euler(*angles), head_pose.rotation_from_euler(*tensors)
    assert isinstance(second, torch.Tensor)
    np.testing.assert_allclose(second.numpy(), first, atol=1e-12)
    np.testing.assert_allclose(
        head_pose.geodesic_deg(second[:25], second[25:]).numpy(),
        head_pose.geodesic_deg(first[:25], first[25:]),
        atol=1e-9,
    )


def test_mean_rotation_of_turns_either_way_is_the_middle():
    turns = [head_pose.rotation_from_euler(yaw, 5.0, -3.0) for yaw in (10.0, 20.0, 30.0)]
    middle = head_pose.mean_rotation(np.stack(turns))
    assert head_pose.geodesic_deg(middle, turns[1]) == pytest.approx(0.0, abs=1e-3)


@given(st.floats(-93.0, 92.999))
def test_bin_centres_are_within_half_a_bin_of_what_they_stand_for(angle: float) -> None:
    index = int(head_pose.bin_index(np.asarray(angle)))
    assert head_pose.inside_bins(angle)
    assert abs(head_pose.BIN_CENTERS_DEG[index] - angle) <= head_pose.BIN_WIDTH_DEG / 2 + 1e-9


def test_angles_outside_the_bins_say_so_and_never_give_class_minus_one_or_62():
    outside = np.array([-99.0, -93.1, 93.0, 99.0])
    assert not head_pose.inside_bins(outside).any()
    np.testing.assert_array_equal(head_pose.bin_index(outside), [0, 0, 61, 61])


def test_axes_of_known_heads_point_where_the_convention_says():
    nose = 2
    left = head_pose.axes_in_image([HeadPose(yaw_deg=40, pitch_deg=0, roll_deg=0)])[0]
    assert left[nose][0] < 0  # yaw > 0: nose to image left
    up = head_pose.axes_in_image([HeadPose(yaw_deg=0, pitch_deg=30, roll_deg=0)])[0]
    assert up[nose][1] < 0  # pitch > 0: looking up, y points down
    crown = head_pose.axes_in_image([HeadPose(yaw_deg=0, pitch_deg=0, roll_deg=20)])[0][1]
    assert crown[0] > 0 and crown[1] < 0  # roll > 0: clockwise, the crown moves right


def test_numbers_that_are_not_finite_have_no_pose():
    with pytest.raises(ValueError, match="not finite"):
        head_pose.pose_from_rotation(np.full((3, 3), np.nan))


def test_the_convention_fits_the_landmarks_of_real_faces(shared_data):
    """The eyes' line and the nose of AFLW2000-3D landmarks lie along the projected head axes."""
    from core.datasets import read_dataset

    samples = read_dataset("aflw2000", shared_data / "aflw2000_sample", None).samples
    angles = []
    for sample in samples:
        assert sample.pose is not None and sample.landmarks_px is not None
        if abs(sample.pose.yaw_deg) > 40:
            continue
        right_eye, left_eye = sample.landmarks_px[36:42].mean(0), sample.landmarks_px[42:48].mean(0)
        across = left_eye - right_eye
        axis = head_pose.axes_in_image([sample.pose])[0][0]
        cosine = across @ axis / np.linalg.norm(across) / np.linalg.norm(axis)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    assert len(angles) > 30
    assert np.mean(angles) < 4.0
