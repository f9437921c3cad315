"""What every network here returns: logits by name, never a bare tuple."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class FaceLogits(NamedTuple):
    """Raw outputs of one forward pass; a head that a network lacks is None.

    mask_logits: (B, C), classes in the order of ``core.faces.MASK_CLASSES``.
    yaw_logits, pitch_logits, roll_logits: (B, 62), bins of ``core.head_pose``.
    """

    mask_logits: Tensor | None
    yaw_logits: Tensor | None
    pitch_logits: Tensor | None
    roll_logits: Tensor | None

    @property
    def pose_logits(self) -> Tensor:
        """(B, 3, 62) in the order yaw, pitch, roll."""
        if self.yaw_logits is None or self.pitch_logits is None or self.roll_logits is None:
            raise ValueError("this network has no pose heads")
        return torch.stack([self.yaw_logits, self.pitch_logits, self.roll_logits], dim=1)
