"""The One-Euro filter: still when nothing moves, quick when something does.

Source: Casiez, Roussel, Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input
in Interactive Systems", CHI 2012.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class OneEuro:
    """The state after one value (N,); ``step`` gives the next. Frozen, so a session can hold it.

    ``min_cutoff_hz``: lower is calmer at rest. ``beta``: higher follows fast moves more closely.
    """

    min_cutoff_hz: float
    beta: float
    value: np.ndarray
    speed: np.ndarray
    time_s: float

    @classmethod
    def start(
        cls, value: np.ndarray, time_s: float, *, min_cutoff_hz: float, beta: float
    ) -> OneEuro:
        return cls(
            min_cutoff_hz=min_cutoff_hz,
            beta=beta,
            value=value,
            speed=np.zeros_like(value),
            time_s=time_s,
        )

    def step(self, value: np.ndarray, time_s: float) -> OneEuro:
        """After a new measurement; a time that does not advance leaves everything as it is."""
        elapsed_s = time_s - self.time_s
        if elapsed_s <= 0:
            return self
        speed_weight = _weight(1.0, elapsed_s)
        speed = self.speed + speed_weight * ((value - self.value) / elapsed_s - self.speed)
        weight = _weight(self.min_cutoff_hz + self.beta * np.abs(speed), elapsed_s)
        return OneEuro(
            min_cutoff_hz=self.min_cutoff_hz,
            beta=self.beta,
            value=self.value + weight * (value - self.value),
            speed=speed,
            time_s=time_s,
        )


def _weight(cutoff_hz: float | np.ndarray, elapsed_s: float) -> float | np.ndarray:
    """How much of a new value counts, 0 … 1, in a low-pass filter of this cut-off."""
    rate = 2 * math.pi * cutoff_hz * elapsed_s
    return rate / (rate + 1)
