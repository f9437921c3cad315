"""What every runtime is and returns."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from core.checkpoint import ModelCard
from core.head_pose import rotation_from_euler


class BatchPrediction(NamedTuple):
    """Answers for B crops; a task that the model does not know is None.

    mask_probabilities: (B, 3) float32, classes in the order of ``MASK_CLASSES``.
    angles_deg: (B, 3) float32 yaw, pitch, roll.
    pose_probabilities: (B, 3, 62) float32, the bins behind the angles.
    """

    mask_probabilities: np.ndarray | None
    angles_deg: np.ndarray | None
    pose_probabilities: np.ndarray | None

    @property
    def yaw_deg(self) -> np.ndarray | None:
        return None if self.angles_deg is None else self.angles_deg[:, 0]

    @property
    def pitch_deg(self) -> np.ndarray | None:
        return None if self.angles_deg is None else self.angles_deg[:, 1]

    @property
    def roll_deg(self) -> np.ndarray | None:
        return None if self.angles_deg is None else self.angles_deg[:, 2]

    @property
    def rotation(self) -> np.ndarray | None:
        """(B, 3, 3) head to camera."""
        return None if self.angles_deg is None else rotation_from_euler(*self.angles_deg.T)


class Runtime(Protocol):
    """One loaded model, ready to answer.

    ``model_id`` names the weights, whatever computes with them; ``name`` says what does, as in
    ``core.runtime.RUNTIMES``.
    """

    name: str
    model_id: str
    card: ModelCard

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        """Answers for uint8 crops (B, S, S, 3), S = ``card.input_px``."""
        ...
