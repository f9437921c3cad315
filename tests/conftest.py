"""Fixtures shared by all tests: where the real data lie, and faces that are free to use."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

cv2.setNumThreads(1)  # small pictures: threads only get in each other's way


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real labelled faces beside the project; without them the tests that need them skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the research data (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def astronaut_rgb() -> np.ndarray:
    """A public-domain portrait (NASA), uint8 (512, 512, 3)."""
    from skimage import data

    return np.asarray(data.astronaut())
