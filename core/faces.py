"""The value types every layer speaks: boxes, poses, mask labels and predictions.

Standard library only, so that ``db`` can use them without loading numpy or torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MaskLabel(StrEnum):
    """How a face mask is worn. Hands, scarves, cups and beards are not masks: ``unmasked``."""

    UNMASKED = "unmasked"
    MASKED = "masked"
    INCORRECT = "incorrect"  # a mask is there, but nose or mouth is uncovered


#: The order of the mask logits of every network here.
MASK_CLASSES: tuple[MaskLabel, ...] = (MaskLabel.UNMASKED, MaskLabel.MASKED, MaskLabel.INCORRECT)


@dataclass(frozen=True, slots=True)
class FaceBox:
    """An axis-aligned box in pixels of the upright image; may reach beyond its edges.

    ``score`` is the detector's confidence in [0, 1], or None for a box drawn by a person
    or read from a data set.
    """

    left_px: float
    top_px: float
    width_px: float
    height_px: float
    score: float | None = None

    def __post_init__(self) -> None:
        numbers = (self.left_px, self.top_px, self.width_px, self.height_px)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"a face box needs finite numbers, got {numbers}")
        if self.width_px <= 0 or self.height_px <= 0:
            raise ValueError(
                f"a face box needs a positive size, got {self.width_px} × {self.height_px} px"
            )

    @property
    def right_px(self) -> float:
        return self.left_px + self.width_px

    @property
    def bottom_px(self) -> float:
        return self.top_px + self.height_px

    @property
    def center_px(self) -> tuple[float, float]:
        """Centre (x, y)."""
        return self.left_px + self.width_px / 2, self.top_px + self.height_px / 2

    @property
    def area_px2(self) -> float:
        return self.width_px * self.height_px

    def square(self, factor: float = 1.0) -> FaceBox:
        """The square around the same centre whose side is ``factor`` × the longer side."""
        side = factor * max(self.width_px, self.height_px)
        x, y = self.center_px
        return FaceBox(x - side / 2, y - side / 2, side, side, self.score)

    def fills(self, width_px: int, height_px: int) -> bool:
        """Whether this box is a whole picture of that size, as of a crop in unknown geometry."""
        box = (self.left_px, self.top_px, self.width_px, self.height_px)
        return box == (0, 0, width_px, height_px)

    def intersection_over_union(self, other: FaceBox) -> float:
        """Overlap in [0, 1]; 1 for equal boxes."""
        width = min(self.right_px, other.right_px) - max(self.left_px, other.left_px)
        height = min(self.bottom_px, other.bottom_px) - max(self.top_px, other.top_px)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area_px2 + other.area_px2 - shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPose:
    """Head rotation in degrees; the convention is stated in ``core.head_pose``.

    yaw > 0: nose to image left; pitch > 0: looking up; roll > 0: clockwise in the image.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """A probability for each mask class; they sum to 1."""

    probabilities: Mapping[MaskLabel, float]

    def __post_init__(self) -> None:
        total = sum(self.probabilities.values())
        if not math.isclose(total, 1.0, abs_tol=1e-3):
            raise ValueError(f"mask probabilities must sum to 1, got {total:.4f}")

    @property
    def label(self) -> MaskLabel:
        """The most probable class."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of ``label``."""
        return self.probabilities[self.label]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePrediction:
    """What one model says about one face.

    A teacher may speak about one task only: the other is None then.
    """

    box: FaceBox
    mask: MaskPrediction | None
    pose: HeadPose | None
    model_id: str
