"""Distillation: what teachers say as soft labels, and every term of the student's loss by name.

L = supervised terms where a label exists + KD to the teachers' soft labels.
Sources: Hinton et al., Distilling the Knowledge in a Neural Network, 2015 (T², eq. 2–4);
Thai et al., Information Sciences 2022 (MHPNet); Ruiz et al., Hopenet, CVPRW 2018 (bins and
expectation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.head_pose import (
    BIN_CENTERS_DEG,
    BIN_COUNT,
    BIN_WIDTH_DEG,
    bin_index,
    geodesic_deg,
    inside_bins,
    mean_rotation,
    rotation_from_euler,
)
from core.networks.outputs import FaceLogits

#: Disagreement (degrees) at which teachers' agreement weight falls to one half.
AGREEMENT_SCALE_DEG = 8.0


def decode_deg(pose_logits: Tensor) -> Tensor:
    """Angles (..., 3) in degrees of logits (..., 3, 62): the expectation over bin centres.

    The softmax is per row, so the answer never depends on batch mates.
    """
    return _expectation_deg(pose_logits.float().softmax(-1))


def _expectation_deg(probabilities: Tensor) -> Tensor:
    centers = torch.as_tensor(
        BIN_CENTERS_DEG, dtype=probabilities.dtype, device=probabilities.device
    )
    return probabilities @ centers


def rotation_from_angles(angles_deg: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of (..., 3) = yaw, pitch, roll in degrees."""
    return rotation_from_euler(angles_deg[..., 0], angles_deg[..., 1], angles_deg[..., 2])


class SoftLabels(NamedTuple):
    """What teachers say about a batch; a task nobody teaches is None.

    pose_probabilities: (B, 3, 62) mean of the teachers' softmax, yaw, pitch, roll.
    rotation: (B, 3, 3) chordal mean of the teachers' rotations.
    agreement: (B,) in (0, 1], 1 / (1 + (spread / 8°)²), spread = mean angle to the mean rotation.
    mask_logits: (B, C) mean of the teachers' log-probabilities.
    mask_weight: (B,) 0 where the mask label does not hold for the picture shown (a mask was drawn
        on after the teacher looked); None = it holds everywhere.
    """

    pose_probabilities: Tensor | None
    rotation: Tensor | None
    agreement: Tensor | None
    mask_logits: Tensor | None
    mask_weight: Tensor | None = None


NO_SOFT_LABELS = SoftLabels(None, None, None, None)


def average_teachers(outputs: Sequence[FaceLogits]) -> SoftLabels:
    """The ensemble's opinion: probabilities and rotations averaged over the pose teachers."""
    pose = [output.pose_logits.float() for output in outputs if output.yaw_logits is not None]
    mask = [output.mask_logits for output in outputs if output.mask_logits is not None]
    mask_logits = None
    if mask:
        mask_logits = torch.stack([logits.float().log_softmax(-1) for logits in mask]).mean(0)
    if not pose:
        return SoftLabels(None, None, None, mask_logits)
    probabilities = torch.stack([logits.softmax(-1) for logits in pose])  # (T, B, 3, 62)
    rotations = rotation_from_angles(_expectation_deg(probabilities))  # (T, B, 3, 3)
    rotation = mean_rotation(rotations)
    spread_deg = geodesic_deg(rotations, rotation.expand_as(rotations)).mean(0)
    agreement = 1.0 / (1.0 + (spread_deg / AGREEMENT_SCALE_DEG) ** 2)
    return SoftLabels(probabilities.mean(0), rotation, agreement, mask_logits)


# --- terms, one value a row -------------------------------------------------------------------


def kl_rows(student_logits: Tensor, teacher_probabilities: Tensor) -> Tensor:
    """KL(teacher ‖ student) per row (...): summed over the last axis, never divided by classes."""
    log_student = student_logits.float().log_softmax(-1)
    return F.kl_div(log_student, teacher_probabilities, reduction="none").sum(-1)


def mask_kd_rows(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T² · KL at temperature T per row (B,); T² keeps gradients comparable (Hinton, 2.1)."""
    target = (teacher_logits.float() / temperature).softmax(-1)
    return temperature**2 * kl_rows(student_logits / temperature, target)


def bin_targets(angles_deg: Tensor, smoothing_deg: float) -> Tensor:
    """Target distributions (..., 62) of angles (...): one-hot, or a Gaussian of that width."""
    if smoothing_deg == 0.0:
        return F.one_hot(bin_index(angles_deg).long(), BIN_COUNT).float()
    centers = torch.as_tensor(BIN_CENTERS_DEG, dtype=torch.float32, device=angles_deg.device)
    distance = (angles_deg[..., None] - centers) / smoothing_deg
    return (-0.5 * distance**2).softmax(-1)


def bin_rows(pose_logits: Tensor, angles_deg: Tensor, smoothing_deg: float) -> Tensor:
    """Cross-entropy on bins per row (B,), summed over the three angles.

    An angle outside [−93°, 93°) has no bin: its term is zero (the geodesic term still teaches it).
    """
    target = bin_targets(angles_deg, smoothing_deg)
    rows = -(target * pose_logits.float().log_softmax(-1)).sum(-1)  # (B, 3)
    return (rows * inside_bins(angles_deg)).sum(-1)


def expectation_rows(decoded_deg: Tensor, angles_deg: Tensor) -> Tensor:
    """Mean |difference| of the three angles per row (B,), in units of one bin (3°).

    L1 rather than the paper's square: labels have outliers. Angles outside the bins give zero.
    """
    rows = (decoded_deg - angles_deg).abs() / BIN_WIDTH_DEG
    return (rows * inside_bins(angles_deg)).mean(-1)


def squared_expectation_rows(decoded_deg: Tensor, angles_deg: Tensor) -> Tensor:
    """Hopenet's regression term per row (B,): squared degrees, summed over the three angles."""
    return (((decoded_deg - angles_deg) ** 2) * inside_bins(angles_deg)).sum(-1)


def geodesic_rows(decoded_deg: Tensor, rotation: Tensor) -> Tensor:
    """Angle in radians between decoded and given rotation per row (B,).

    2·asin(‖A − B‖_F / 2√2), with a small constant that keeps the gradient finite at zero.
    """
    difference = rotation_from_angles(decoded_deg) - rotation
    squared = (difference**2).sum((-1, -2)) / 8.0
    return 2.0 * torch.asin(torch.sqrt(squared.clamp(0.0, 1.0 - 1e-6) + 1e-8))


# --- the student's loss -----------------------------------------------------------------------


class Targets(NamedTuple):
    """Ground truth of a batch; rows without it have weight zero.

    angles_deg: (B, 3) yaw, pitch, roll; rotation: (B, 3, 3); pose_weight: (B,) ≥ 0.
    mask_index: (B,) int64 class; mask_weight: (B,) ≥ 0.
    """

    angles_deg: Tensor
    rotation: Tensor
    pose_weight: Tensor
    mask_index: Tensor
    mask_weight: Tensor


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weight of each named term, and the knobs of the terms."""

    pose_bins: float = 0.0
    pose_expectation: float = 0.0
    pose_squared_expectation: float = 0.0
    pose_geodesic: float = 0.0
    pose_kd: float = 0.0
    pose_kd_geodesic: float = 0.0
    mask_label: float = 0.0
    mask_kd: float = 0.0
    bin_smoothing_deg: float = 3.0
    label_smoothing: float = 0.05
    mask_temperature: float = 3.0


def loss_terms(
    outputs: FaceLogits, targets: Targets, soft: SoftLabels, config: LossConfig
) -> dict[str, Tensor]:
    """Every term with a weight above zero, already weighted and averaged over the batch.

    Their sum is the loss. Rows without a label, or without a soft label, add nothing.
    """
    terms: dict[str, Tensor] = {}

    def add(name: str, rows: Tensor, row_weight: Tensor | None = None) -> None:
        weighted = rows if row_weight is None else rows * row_weight
        terms[name] = getattr(config, name) * weighted.mean()

    if outputs.yaw_logits is not None:
        logits = outputs.pose_logits  # (B, 3, 62)
        decoded_deg = decode_deg(logits)
        truth_deg, weight = targets.angles_deg, targets.pose_weight
        if config.pose_bins:
            add("pose_bins", bin_rows(logits, truth_deg, config.bin_smoothing_deg), weight)
        if config.pose_expectation:
            add("pose_expectation", expectation_rows(decoded_deg, truth_deg), weight)
        if config.pose_squared_expectation:
            rows = squared_expectation_rows(decoded_deg, truth_deg)
            add("pose_squared_expectation", rows, weight)
        if config.pose_geodesic:
            add("pose_geodesic", geodesic_rows(decoded_deg, targets.rotation), weight)
        if config.pose_kd and soft.pose_probabilities is not None:
            rows = kl_rows(logits, soft.pose_probabilities).sum(-1)
            add("pose_kd", rows, soft.agreement)
        if config.pose_kd_geodesic and soft.rotation is not None:
            add("pose_kd_geodesic", geodesic_rows(decoded_deg, soft.rotation), soft.agreement)
    if outputs.mask_logits is not None:
        mask_logits = outputs.mask_logits.float()
        if config.mask_label:
            rows = F.cross_entropy(
                mask_logits,
                targets.mask_index,
                reduction="none",
                label_smoothing=config.label_smoothing,
            )
            add("mask_label", rows, targets.mask_weight)
        if config.mask_kd and soft.mask_logits is not None:
            rows = mask_kd_rows(mask_logits, soft.mask_logits, config.mask_temperature)
            add("mask_kd", rows, soft.mask_weight)
    return terms


def published_terms(
    outputs: FaceLogits, soft: SoftLabels, mask_temperature: float = 3.0
) -> dict[str, Tensor]:
    """The published code's loss literally: KL averaged over classes too, no T², no ground truth.

    In ``batchmean`` terms its weights are mask/C and 10·pose/62 (chientv99/maskpose).
    """
    if outputs.mask_logits is None or soft.mask_logits is None or soft.pose_probabilities is None:
        raise ValueError("the published loss needs a student and teachers of both tasks")

    def mean_over_everything(log_student: Tensor, teacher: Tensor) -> Tensor:
        # what ``reduction="mean"`` meant when the code was published; torch is about to change it
        return F.kl_div(log_student, teacher, reduction="none").mean()

    mask = mean_over_everything(
        (outputs.mask_logits.float() / mask_temperature).log_softmax(-1),
        (soft.mask_logits.float() / mask_temperature).softmax(-1),
    )
    log_pose = outputs.pose_logits.float().log_softmax(-1)
    pose = [
        mean_over_everything(log_pose[:, axis], soft.pose_probabilities[:, axis])
        for axis in range(3)
    ]
    return {"mask_kd": mask, "pose_kd": 10.0 * torch.stack(pose).sum()}


def require_finite(total: Tensor, terms: dict[str, Tensor], step: int) -> None:
    """Stop loudly rather than poison the checkpoint."""
    if not math.isfinite(float(total.detach())):
        parts = ", ".join(f"{name}={float(value.detach()):.4g}" for name, value in terms.items())
        raise FloatingPointError(f"the loss is not finite at step {step}: {parts}")
