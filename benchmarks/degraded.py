"""How far masks are still told on worse pictures of ``val``: few pixels, other crops, bad light.

    python -m benchmarks.degraded --data ../shared/data/pose ../shared/data/mask [--models FILE…]

On ``val`` as it is every model is right on more than 99 of 100 faces, so nothing can be chosen
there. Users bring faces from the back of a crowd. Faces with a pose count as unmasked. *Occluded*
are those of them that face the camera and on which people could not mark mouth or chin, because of
hands, cups, scarves, microphones, long beards. Pixels are those of the whole crop; looser crops
than the sets have are filled by their edges.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import torch

from core.checkpoint import load_checkpoint
from core.face_network import FaceNetwork, build_face_network
from core.faces import MASK_CLASSES, MaskLabel
from core.metrics import MaskMetrics, mask_metrics
from trainer.augment import View, compressed, without_color
from trainer.face_pool import FacePool, load_pool
from trainer.soft_labels import ask, cut_pool
from trainer.train import read_faces
from trainer.validation import drawn_over

_WEIGHTS = Path("core/weights")
SHIPPED = ("student", "teacher-mask-lite0", "teacher-mask-lite1")
_BATCH = 128
#: With less yaw and pitch than this, the head itself hides neither mouth nor chin.
_FACING_DEG = 45.0
_MOUTH_AND_CHIN = (18, 20)  # of the 21 landmarks of AFLW
_UNMASKED = MASK_CLASSES.index(MaskLabel.UNMASKED)

Change = Callable[[np.ndarray], np.ndarray]


def few_pixels(crop: np.ndarray, side_px: int) -> np.ndarray:
    small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, crop.shape[:2], interpolation=cv2.INTER_LINEAR)


def gamma(crop: np.ndarray, exponent: float) -> np.ndarray:
    return (255 * (crop / 255.0) ** exponent).astype(np.uint8)


#: What is done to each crop, and its side ÷ the usual side.
CONDITIONS: dict[str, tuple[Change, float]] = {
    "as it is": (lambda crop: crop, 1.0),
    "tight, × 0.75": (lambda crop: crop, 0.75),
    "loose, × 1.35": (lambda crop: crop, 1.35),
    "24 px": (partial(few_pixels, side_px=24), 1.0),
    "16 px": (partial(few_pixels, side_px=16), 1.0),
    "12 px": (partial(few_pixels, side_px=12), 1.0),
    "dark": (partial(gamma, exponent=2.2), 1.0),
    "bright": (partial(gamma, exponent=0.45), 1.0),
    "grey": (without_color, 1.0),
    "JPEG, quality 12": (partial(compressed, quality=12), 1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--models", type=Path, nargs="+")
    args = parser.parse_args()
    paths = args.models or [_WEIGHTS / f"{name}.safetensors" for name in SHIPPED]
    networks = {str(path): build_face_network(load_checkpoint(path), str(path)) for path in paths}
    readings = [read_faces(folder, args.split) for folder in args.data]
    pool = load_pool(sample for reading in readings for sample in reading.samples)
    drawn = {"masks and other things drawn": CONDITIONS["as it is"]}
    print("| condition | model | specificity | … occluded | recall | MCC | macro-F1 |")
    print("|---|---|---|---|---|---|---|")
    found_here = measure(pool, networks, CONDITIONS)
    found_drawn = measure(drawn_over(pool), networks, drawn) if pool.has_pose.any() else ()
    for condition, model, found in chain(found_here, found_drawn):
        # what is drawn hides faces too
        print(f"| {condition} | {model} | {_cells(found, condition not in drawn)} |", flush=True)


def _cells(found: MaskMetrics, knows_occluded: bool) -> str:
    right = ""
    if knows_occluded and found.specificity_occluded is not None:
        right = f"{found.specificity_occluded * found.n_occluded:.0f} of {found.n_occluded}"
    numbers = (found.specificity, found.recall, found.mcc, found.macro_f1)
    first, *others = ("" if value is None else f"{value:.4f}" for value in numbers)
    return " | ".join((first, right, *others))


def measure(
    pool: FacePool,
    networks: Mapping[str, FaceNetwork],
    conditions: Mapping[str, tuple[Change, float]],
) -> Iterator[tuple[str, str, MaskMetrics]]:
    """(condition, model, figures) for each."""
    truth = np.where(pool.has_mask, pool.mask_index, _UNMASKED)
    occluded = mouth_or_chin_unmarked(pool)
    for condition, (change, scale) in conditions.items():
        for model, network in networks.items():
            probabilities = _answers(network, pool, change, scale)
            yield condition, model, mask_metrics(truth, probabilities, occluded)


def mouth_or_chin_unmarked(pool: FacePool) -> np.ndarray:
    """(N,) whether a face with landmarks that faces the camera lacks that of mouth or chin."""
    facing = pool.has_pose & (np.abs(pool.angles_deg[:, :2]) < _FACING_DEG).all(axis=1)
    marked = np.isfinite(pool.landmarks_px[..., 0])
    return facing & marked.any(axis=1) & ~marked[:, _MOUTH_AND_CHIN].all(axis=1)


def _answers(network: FaceNetwork, pool: FacePool, change: Change, scale: float) -> np.ndarray:
    """Mask probabilities (N, C)."""
    view, logits = View(scale, 0.0, 0.0, 0.0, False, True), []
    for start in range(0, len(pool), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(pool)))
        crops = [change(crop) for crop in cut_pool(pool, rows, network, view).numpy()]
        logits.append(ask(network, torch.from_numpy(np.stack(crops))).mask_logits)
    return torch.cat(logits).float().softmax(-1).numpy()


if __name__ == "__main__":
    main()
