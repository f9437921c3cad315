"""Losses against slow, written-out references."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core import distillation as kd
from core.head_pose import BIN_CENTERS_DEG, geodesic_deg, rotation_from_euler
from core.networks.outputs import FaceLogits


def slow_kl(student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float):
    """T² · Σ_c t_c (log t_c − log s_c), averaged over rows, one number at a time."""
    rows = []
    for student, teacher in zip(student_logits.tolist(), teacher_logits.tolist(), strict=True):
        s = [math.exp(x / temperature) for x in student]
        t = [math.exp(x / temperature) for x in teacher]
        rows.append(
            sum(
                (q / sum(t)) * (math.log(q / sum(t)) - math.log(p / sum(s)))
                for p, q in zip(s, t, strict=True)
            )
        )
    return temperature**2 * sum(rows) / len(rows)


def random_outputs(seed: int, batch: int = 4, classes: int = 3) -> FaceLogits:
    generator = torch.Generator().manual_seed(seed)

    def logits(width: int) -> torch.Tensor:
        return torch.randn(batch, width, generator=generator, dtype=torch.float64) * 2

    return FaceLogits(logits(classes), logits(62), logits(62), logits(62))


@pytest.mark.parametrize("temperature", [1.0, 3.0, 5.0])
def test_mask_kd_equals_the_written_out_kl_with_t_squared(temperature):
    student, teacher = random_outputs(1), random_outputs(2)
    rows = kd.mask_kd_rows(student.mask_logits, teacher.mask_logits, temperature)
    expected = slow_kl(student.mask_logits, teacher.mask_logits, temperature)
    assert float(rows.mean()) == pytest.approx(expected, rel=1e-5)


def test_kd_is_zero_when_the_student_equals_the_teacher():
    outputs = random_outputs(3)
    assert kd.mask_kd_rows(outputs.mask_logits, outputs.mask_logits, 3.0).abs().max() < 1e-6
    probabilities = outputs.pose_logits.float().softmax(-1)
    assert kd.kl_rows(outputs.pose_logits, probabilities).abs().max() < 1e-6


def test_t_squared_keeps_the_gradient_of_the_same_size():
    """Without T² the gradient falls by 1/T² (Hinton et al., section 2.1)."""
    teacher = random_outputs(4).mask_logits * 0.1
    sizes = []
    for temperature in (1.0, 10.0):
        student = (random_outputs(5).mask_logits * 0.1).requires_grad_()
        kd.mask_kd_rows(student, teacher, temperature).mean().backward()
        sizes.append(float(student.grad.abs().mean()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)


def test_published_loss_divides_by_classes_and_lacks_t_squared():
    student, teacher = random_outputs(6), random_outputs(7)
    soft = kd.average_teachers([teacher])
    terms = kd.published_terms(student, soft, mask_temperature=3.0)
    mask = slow_kl(student.mask_logits, teacher.mask_logits, 3.0) / 9 / 3
    assert float(terms["mask_kd"]) == pytest.approx(mask, rel=1e-4)
    pose = sum(
        slow_kl(student.pose_logits[:, axis], teacher.pose_logits[:, axis], 1.0)
        for axis in range(3)
    )
    assert float(terms["pose_kd"]) == pytest.approx(10 * pose / 62, rel=1e-4)


def test_decoding_is_the_expectation_over_bin_centres():
    peaked = torch.full((1, 3, 62), -50.0)
    peaked[0, :, 40] = 50.0
    np.testing.assert_allclose(kd.decode_deg(peaked), [[BIN_CENTERS_DEG[40]] * 3], atol=1e-4)
    flat = kd.decode_deg(torch.zeros(1, 3, 62))
    np.testing.assert_allclose(flat, 0.0, atol=1e-4)  # a left-edge decode would give −1.5


def test_huge_logits_decode_to_finite_angles_whatever_the_batch_mates():
    """The published softmax subtracts the maximum over the batch and can give NaN."""
    logits = torch.randn(3, 3, 62)
    logits[1] -= 1e5
    together = kd.decode_deg(logits)
    assert torch.isfinite(together).all()
    torch.testing.assert_close(kd.decode_deg(logits[1:2])[0], together[1])


def test_teachers_are_averaged_on_probabilities_and_on_rotations():
    first, second = random_outputs(8), random_outputs(9)
    soft = kd.average_teachers([first, second._replace(mask_logits=None)])
    expected = (first.pose_logits.softmax(-1) + second.pose_logits.softmax(-1)) / 2
    torch.testing.assert_close(soft.pose_probabilities, expected.float(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(
        soft.mask_logits.softmax(-1), first.mask_logits.float().softmax(-1), atol=1e-6, rtol=1e-5
    )
    turns = [kd.rotation_from_angles(kd.decode_deg(o.pose_logits)) for o in (first, second)]
    to_first, to_second = (geodesic_deg(soft.rotation, turn) for turn in turns)
    torch.testing.assert_close(to_first, to_second, atol=1e-2, rtol=1e-3)  # the middle of the two
    spread = (to_first + to_second) / 2
    torch.testing.assert_close(soft.agreement, 1 / (1 + (spread / 8) ** 2), atol=1e-3, rtol=1e-3)


def targets(angles_deg: torch.Tensor, weight: float = 1.0) -> kd.Targets:
    batch = len(angles_deg)
    return kd.Targets(
        angles_deg,
        rotation_from_euler(*angles_deg.T),
        torch.full((batch,), weight),
        torch.zeros(batch, dtype=torch.long),
        torch.full((batch,), weight),
    )


def test_geodesic_term_is_the_angle_in_radians_and_smooth_at_zero():
    truth = torch.tensor([[10.0, 5.0, -3.0]])
    same = truth.clone().requires_grad_()
    kd.geodesic_rows(same, kd.rotation_from_angles(truth)).sum().backward()
    assert torch.isfinite(same.grad).all()
    off = truth + torch.tensor([[20.0, 0.0, 0.0]])
    rows = kd.geodesic_rows(off, kd.rotation_from_angles(truth))
    expected = geodesic_deg(kd.rotation_from_angles(off), kd.rotation_from_angles(truth))
    torch.testing.assert_close(torch.rad2deg(rows), expected, atol=0.05, rtol=1e-3)


def test_angles_outside_the_bins_teach_by_the_geodesic_term_only():
    truth = torch.tensor([[97.0, -95.0, 93.0]])
    outputs = random_outputs(10, batch=1)
    config = kd.LossConfig(pose_bins=1.0, pose_expectation=1.0, pose_geodesic=1.0)
    terms = kd.loss_terms(outputs, targets(truth), kd.NO_SOFT_LABELS, config)
    assert float(terms["pose_bins"]) == 0.0
    assert float(terms["pose_expectation"]) == 0.0
    assert float(terms["pose_geodesic"]) > 0.1


def test_rows_without_labels_add_nothing_and_terms_have_names():
    outputs = random_outputs(11)
    truth = targets(torch.zeros(4, 3), weight=0.0)
    config = kd.LossConfig(
        pose_bins=1, pose_expectation=1, pose_squared_expectation=1, pose_geodesic=1, mask_label=1
    )
    terms = kd.loss_terms(outputs, truth, kd.NO_SOFT_LABELS, config)
    assert set(terms) == {
        "pose_bins",
        "pose_expectation",
        "pose_squared_expectation",
        "pose_geodesic",
        "mask_label",
    }
    assert all(float(value) == 0.0 for value in terms.values())


def test_soft_mask_labels_do_not_hold_where_a_mask_was_drawn_afterwards():
    student = random_outputs(12)
    soft = kd.average_teachers([random_outputs(13)])
    config = kd.LossConfig(mask_kd=1.0)
    truth = targets(torch.zeros(4, 3))
    none = soft._replace(mask_weight=torch.zeros(4))
    assert float(kd.loss_terms(student, truth, none, config)["mask_kd"]) == 0.0
    assert float(kd.loss_terms(student, truth, soft, config)["mask_kd"]) > 0.0


def test_smoothed_bins_peak_at_the_truth_and_sum_to_one():
    target = kd.bin_targets(torch.tensor([[0.0, 30.2, -92.9]]), smoothing_deg=3.0)
    torch.testing.assert_close(target.sum(-1), torch.ones(1, 3))
    decoded = target.double() @ torch.from_numpy(BIN_CENTERS_DEG)
    assert abs(float(decoded[0, 0])) < 0.05 and abs(float(decoded[0, 1]) - 30.2) < 0.05
    assert kd.bin_targets(torch.tensor([[-92.9]]), 0.0)[0, 0, 0] == 1.0


def test_a_loss_that_is_not_finite_stops_the_run_and_names_its_parts():
    bad = torch.tensor(float("nan"))
    with pytest.raises(FloatingPointError, match="step 7: mask_kd=nan"):
        kd.require_finite(bad, {"mask_kd": bad}, 7)
