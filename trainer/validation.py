"""Quick figures on the val faces while a network trains; the full tables come from ``evaluate``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from core.checkpoint import ModelCard
from core.distillation import decode_deg, rotation_from_angles
from core.face_network import FaceNetwork
from core.faces import MASK_CLASSES
from core.head_pose import geodesic_deg
from core.metrics import mask_metrics
from trainer.augment import PLAIN_VIEW
from trainer.face_pool import FacePool
from trainer.precision import autocast
from trainer.soft_labels import cut_pool
from trainer.views import draw_on

BATCH = 128
DRAWN_SEED = 20221


@dataclass(frozen=True)
class Answers:
    """A network's answers on a pool: angles_deg (N, 3), mask_logits (N, C), None if silent."""

    angles_deg: np.ndarray | None
    mask_logits: np.ndarray | None


@torch.inference_mode()
def answer_pool(network: nn.Module, card: ModelCard, pool: FacePool) -> Answers:
    """Answers on the plain view of every face; leaves the network's train/eval mode as it was."""
    was_training = network.training
    face_network = FaceNetwork(network, card).eval()
    angles, masks = [], []
    for start in range(0, len(pool), BATCH):
        rows = np.arange(start, min(start + BATCH, len(pool)))
        crops = cut_pool(pool, rows, face_network, PLAIN_VIEW)
        with autocast(crops.device):
            outputs = face_network(crops)
        if outputs.yaw_logits is not None:
            angles.append(decode_deg(outputs.pose_logits).cpu().numpy())
        if outputs.mask_logits is not None:
            masks.append(outputs.mask_logits.float().cpu().numpy())
    network.train(was_training)
    return Answers(
        np.concatenate(angles) if angles else None, np.concatenate(masks) if masks else None
    )


class Validation:
    """Pose error on plain and on drawn-over faces, mask figures on real and on drawn ones."""

    def __init__(self, pool: FacePool, card: ModelCard) -> None:
        self.pool, self.card = pool, card
        self.drawn = drawn_over(pool) if pool.has_pose.any() else None

    def __call__(self, network: nn.Module) -> dict[str, float]:
        figures = _figures(answer_pool(network, self.card, self.pool), self.pool)
        if self.drawn is not None:
            answers = answer_pool(network, self.card, self.drawn)
            drawn = _figures(answers, self.drawn)
            figures |= {f"drawn_{name}": value for name, value in drawn.items()}
        return figures


def drawn_over(pool: FacePool) -> FacePool:
    """The pose faces of ``pool`` with something drawn on each, the same at every call."""
    rows = np.flatnonzero(pool.has_pose)
    images, labels, kept = [], [], []
    for row in rows:
        image_rgb, label = draw_on(pool, int(row), np.random.default_rng((DRAWN_SEED, int(row))))
        if label is not None:
            images.append(image_rgb)
            labels.append(label)
            kept.append(row)
    part = take(pool, np.array(kept, int))
    return replace(
        part,
        images=images,
        mask_index=np.array([MASK_CLASSES.index(label) for label in labels], np.int64),
        mask_weight=np.ones(len(labels)),
    )


def take(pool: FacePool, rows: np.ndarray) -> FacePool:
    """The pool of these rows, in this order."""
    return FacePool(
        names=tuple(pool.names[row] for row in rows),
        sources=tuple(pool.sources[row] for row in rows),
        images=[pool.images[row] for row in rows],
        crop_factor=pool.crop_factor[rows],
        rotation=pool.rotation[rows],
        angles_deg=pool.angles_deg[rows],
        pose_weight=pool.pose_weight[rows],
        mask_index=pool.mask_index[rows],
        mask_weight=pool.mask_weight[rows],
        landmarks_px=pool.landmarks_px[rows],
        fingerprint=pool.fingerprint,
    )


def _figures(answers: Answers, pool: FacePool) -> dict[str, float]:
    figures: dict[str, float] = {}
    posed, masked = pool.has_pose, pool.has_mask
    if answers.angles_deg is not None and posed.any():
        predicted = answers.angles_deg[posed].astype(float)
        figures["mae_deg"] = float(np.abs(predicted - pool.angles_deg[posed]).mean())
        rotations = rotation_from_angles(torch.from_numpy(predicted)).numpy()
        figures["geodesic_deg"] = float(geodesic_deg(rotations, pool.rotation[posed]).mean())
    if answers.mask_logits is not None and masked.any():
        probabilities = torch.from_numpy(answers.mask_logits[masked]).softmax(-1).numpy()
        nobody = np.zeros(int(masked.sum()), bool)
        metrics = mask_metrics(pool.mask_index[masked], probabilities, nobody)
        for name in ("accuracy", "mcc", "specificity", "macro_f1"):
            value = getattr(metrics, name)
            if value is not None:
                figures[name] = float(value)
    return figures
