"""Small training sets with drawn heads: what a head shows follows from its pose and its label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from core.datasets.pose_csv import LANDMARK_COLUMNS
from core.head_pose import rotation_from_euler
from core.images import encode_png
from tests.dataset_files import mask_row, pose_row, write_csv
from trainer.mask_overlay import CANONICAL_21

SIDE_PX = 120
SCALE_PX = 22.0


def draw_head(yaw: float, pitch: float, roll: float, tone: int) -> tuple[np.ndarray, np.ndarray]:
    """A head of dots at the 21 mean landmarks, uint8 (120, 120, 3), and their pixels (21, 2)."""
    image = np.full((SIDE_PX, SIDE_PX, 3), (tone, 90, 120), np.uint8)
    turned = CANONICAL_21 @ rotation_from_euler(yaw, pitch, roll).T
    pixels = SIDE_PX / 2 + SCALE_PX * turned[:, :2] * (1.0, -1.0)
    cv2.ellipse(image, (60, 60), (34, 46), roll, 0, 360, (224, 180, 150), -1)
    for point in pixels.round().astype(int):
        cv2.circle(image, tuple(int(v) for v in point), 3, (30, 20, 20), -1)
    return image, pixels


def write_pose_set(root: Path, train: int = 12, val: int = 6) -> Path:
    """A pose-csv set of ``train`` + ``val`` heads."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    rows = []
    for index in range(train + val):
        yaw, pitch, roll = (float(v) for v in rng.uniform(-50, 50, 3) * (1, 0.5, 0.4))
        image, pixels = draw_head(yaw, pitch, roll, int(rng.integers(20, 200)))
        name = f"head{index:03d}.png"
        (root / "images" / name).write_bytes(encode_png(image))
        landmarks = dict(zip(LANDMARK_COLUMNS, pixels.ravel().round(1), strict=True))
        split = "train" if index < train else "val"
        rows.append(pose_row(name, yaw, pitch, roll, split=split, **landmarks))
    write_csv(root / "labels.csv", rows)
    return root


def write_mask_set(root: Path, train: int = 9, val: int = 6) -> Path:
    """A mask-csv set; the mask is a blue lower half, worn under the nose when ``incorrect``."""
    rng = np.random.default_rng(1)
    (root / "images").mkdir(parents=True)
    rows = []
    for index in range(train + val):
        label = ("unmasked", "masked", "incorrect")[index % 3]
        image, _ = draw_head(*(float(v) for v in rng.uniform(-20, 20, 3)), tone=60)
        if label != "unmasked":
            image[60 if label == "masked" else 80 :] = (40, 80, 200)
        name = f"mask{index:03d}.png"
        (root / "images" / name).write_bytes(encode_png(image))
        split = "train" if index < train else "val"
        rows.append(mask_row(name, label=label, split=split, group=str(index)))
    write_csv(root / "labels.csv", rows)
    return root
