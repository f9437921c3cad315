"""A network together with all that follows it: uint8 crops in, probabilities and degrees out.

Every runtime computes this very module, or a file exported from it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.checkpoint import Checkpoint, ModelCard
from core.face_network import FaceNetwork, build_face_network
from core.faces import MASK_CLASSES
from core.head_pose import BIN_CENTERS_DEG, BIN_WIDTH_DEG


class FaceAnswers(NamedTuple):
    """Finished answers for B crops, float32; a task that the model does not know is None.

    mask_probabilities: (B, 3), classes in the order of ``core.faces.MASK_CLASSES``.
    angles_deg: (B, 3) yaw, pitch, roll.
    pose_probabilities: (B, 3, 62), the bins of ``core.head_pose`` behind the angles.
    """

    mask_probabilities: Tensor | None
    angles_deg: Tensor | None
    pose_probabilities: Tensor | None


class AnswerNetwork(nn.Module):
    """``FaceAnswers`` of uint8 RGB crops (B, S, S, 3), by the rules of the model card."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.network = network
        self.card = network.card
        values = torch.from_numpy(bin_values_deg(self.card)).float()
        self.register_buffer("bin_values_deg", values, persistent=False)

    def forward(self, crops: Tensor) -> FaceAnswers:
        logits = self.network(crops)
        mask = pose = angles = None
        if logits.mask_logits is not None:
            calibrated = logits.mask_logits.float() / self.card.mask_temperature
            mask = _three_classes(calibrated.softmax(-1))
        if logits.yaw_logits is not None:
            pose = logits.pose_logits.float().softmax(-1)  # (B, 3, 62)
            angles = pose @ self.bin_values_deg
        return FaceAnswers(mask, angles, pose)


def build_answer_network(checkpoint: Checkpoint, source: str) -> AnswerNetwork:
    """The network that a checkpoint describes, filled, in eval mode on the CPU."""
    return AnswerNetwork(build_face_network(checkpoint, source)).eval()


def bin_values_deg(card: ModelCard) -> np.ndarray:
    """The angle each bin stands for (62,): its centre, or its left edge for foreign weights."""
    if card.decode == "left-edges":
        return BIN_CENTERS_DEG - BIN_WIDTH_DEG / 2
    return BIN_CENTERS_DEG


def _three_classes(probabilities: Tensor) -> Tensor:
    """A model without the class ``incorrect`` gives it probability 0."""
    missing = len(MASK_CLASSES) - probabilities.shape[1]
    return functional.pad(probabilities, (0, missing)) if missing else probabilities
