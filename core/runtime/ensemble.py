"""Several models asked as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.checkpoint import CheckpointError
from core.runtime.prediction import BatchPrediction, Runtime


class Ensemble:
    """Several models asked together: probabilities are averaged over those that know the task."""

    def __init__(self, members: Sequence[Runtime]) -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        geometry = {(member.card.input_px, member.card.crop_factor) for member in members}
        if len(geometry) > 1:
            raise CheckpointError(
                f"teachers must see the same crop; these have {sorted(geometry)} "
                "(input px, crop factor)"
            )
        self.members = tuple(members)
        self.card = members[0].card
        self.model_id = "+".join(member.model_id for member in members)
        self.name = "+".join(dict.fromkeys(member.name for member in members))

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        answers = [member.predict_batch(crops_rgb) for member in self.members]
        masks = [a.mask_probabilities for a in answers if a.mask_probabilities is not None]
        angles = [a.angles_deg for a in answers if a.angles_deg is not None]
        poses = [a.pose_probabilities for a in answers if a.pose_probabilities is not None]
        return BatchPrediction(
            np.mean(masks, axis=0) if masks else None,
            # the mean of the expectations is the expectation of the mean distribution
            np.mean(angles, axis=0) if angles else None,
            np.mean(poses, axis=0) if poses else None,
        )
