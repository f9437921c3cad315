"""Face crops with head pose and 21 landmarks: ``images/`` and ``labels.csv``.

Columns: file, split, usable, yaw_deg, pitch_deg, roll_deg, r00..r22 (rotation, the exact label),
spread_deg (disagreement of the label with independent references), lm0_x, lm0_y .. lm20_y
(pixels of the crop, empty = not visible).
Every file is a square of 1.43 × the longer side of the 68-landmark box.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.crop import REFERENCE_FACTOR
from core.datasets.checks import finite, rotation_label
from core.datasets.files import existing_file
from core.datasets.labelled_csv import read_split
from core.datasets.sample import FaceSample, Reading, UnusableEntryError
from core.head_pose import head_pose

LANDMARK_COUNT = 21
ANGLE_COLUMNS = ("yaw_deg", "pitch_deg", "roll_deg")
ROTATION_COLUMNS = tuple(f"r{row}{column}" for row in range(3) for column in range(3))
LANDMARK_COLUMNS = tuple(f"lm{index}_{axis}" for index in range(LANDMARK_COUNT) for axis in "xy")

#: A label whose spread is this large counts half: its error grows with the spread.
HALF_WEIGHT_SPREAD_DEG = 8.0


def read_pose_csv(root: Path, split: str | None = None, at_most: int | None = None) -> Reading:
    """The usable crops of ``split`` (None: all)."""
    required = ("file", "split", "usable", *ANGLE_COLUMNS, *ROTATION_COLUMNS, "spread_deg")
    return read_split(root, (*required, *LANDMARK_COLUMNS), split, _sample, at_most)


def _sample(row: dict[str, str], folder: Path, names: frozenset[str]) -> FaceSample:
    if row["usable"] != "1":
        raise UnusableEntryError("marked as not usable", f"usable is {row['usable']!r}")
    spread_deg = finite(row["spread_deg"], "spread_deg")
    return FaceSample(
        image_path=existing_file(folder, names, row["file"]),
        name=row["file"],
        crop_factor=REFERENCE_FACTOR,
        pose=head_pose(*(finite(row[column], column) for column in ANGLE_COLUMNS)),
        rotation=_rotation(row),
        split=row["split"],
        landmarks_px=_landmarks(row),
        weight=1.0 / (1.0 + (spread_deg / HALF_WEIGHT_SPREAD_DEG) ** 2),
    )


def _rotation(row: dict[str, str]) -> np.ndarray:
    numbers = [finite(row[column], column) for column in ROTATION_COLUMNS]
    return rotation_label(np.array(numbers).reshape(3, 3))


def _landmarks(row: dict[str, str]) -> np.ndarray:
    """(21, 2) pixels of the crop; an empty field becomes NaN."""
    return np.array(
        [finite(row[column], column) if row[column] else np.nan for column in LANDMARK_COLUMNS]
    ).reshape(LANDMARK_COUNT, 2)
