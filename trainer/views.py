"""From a pool of faces to training batches: which faces, in which order, in which random view.

Everything is a function of (seed, epoch, position): the same run gives the same batches whatever
the number of loader processes, and a resumed run continues where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.distillation import NO_SOFT_LABELS, SoftLabels, Targets
from core.faces import MASK_CLASSES, MaskLabel
from core.head_pose import euler_from_rotation, mirror_rotation, rotation_from_euler
from trainer.annotated_faces import ANNOTATIONS
from trainer.augment import View, cut_view, random_quality, random_view
from trainer.face_pool import FacePool
from trainer.mask_overlay import CANONICAL_21, draw_mask, fit_head_frame
from trainer.recipes import Recipe
from trainer.soft_labels import SoftLabelTable, inner_fraction, mirror_probabilities, turned

#: Faces turned further than this are not rotated in the picture: Euler angles jump there.
MAX_YAW_TO_ROTATE_DEG = 60.0
#: Fewer visible landmarks than this do not place a drawn mask well.
MIN_LANDMARKS_TO_DRAW = 6
UNMASKED = MASK_CLASSES.index(MaskLabel.UNMASKED)
#: Batch normalisation of fewer faces is noise.
FACES_A_PROCESS = 16


class Position(NamedTuple):
    """One place in a run: ``row`` of the pool is seen at ``position`` of ``epoch``."""

    epoch: int
    position: int
    row: int


class Batch(NamedTuple):
    """crops: (B, S, S, 3) uint8; ``soft`` is empty (None fields) without teachers."""

    crops: Tensor
    targets: Targets
    soft: SoftLabels

    def to(self, device: torch.device) -> Batch:
        def move(values: NamedTuple) -> list[Tensor | None]:
            return [None if v is None else v.to(device, non_blocking=True) for v in values]

        return Batch(
            self.crops.to(device, non_blocking=True),
            Targets(*move(self.targets)),  # type: ignore[arg-type]
            SoftLabels(*move(self.soft)),
        )


def epoch_rows(pool: FacePool, recipe: Recipe, epoch: int) -> np.ndarray:
    """The pool rows of one epoch in random order, with the recipe's shares and repeats."""
    rng = np.random.default_rng((recipe.seed, epoch))
    incorrect = MASK_CLASSES.index(MaskLabel.INCORRECT)
    real_incorrect = np.flatnonzero(pool.has_mask & (pool.mask_index == incorrect))
    rows = np.concatenate(
        [
            _share(rng, np.flatnonzero(pool.has_pose), recipe.pose_faces),
            _share(rng, np.flatnonzero(pool.has_mask & ~pool.has_pose), recipe.mask_faces),
            np.repeat(real_incorrect, max(0, recipe.incorrect_repeats - 1)),
        ]
    )
    return rng.permutation(rows)


def _share(rng: np.random.Generator, rows: np.ndarray, share: float) -> np.ndarray:
    return rows if share >= 1.0 else rng.permutation(rows)[: round(share * len(rows))]


def epoch_batches(
    pool: FacePool, recipe: Recipe, epoch: int, rank: int = 0, world: int = 1
) -> list[list[Position]]:
    """The batches of ``rank`` in one epoch; a global batch of ``batch_size`` is split over ranks.

    The last, short batch is dropped (batch statistics of few faces are noise), unless it is all.
    """
    rows = epoch_rows(pool, recipe, epoch)
    count = max(1, len(rows) // recipe.batch_size)
    positions = [Position(epoch, place, int(row)) for place, row in enumerate(rows)]
    batches = (positions[i * recipe.batch_size : (i + 1) * recipe.batch_size] for i in range(count))
    return [batch[rank::world] for batch in batches]


def faces_in_batch(pool: FacePool, recipe: Recipe) -> int:
    """How many faces every batch has, of all processes together: few where an epoch has few."""
    return min(recipe.batch_size, len(epoch_rows(pool, recipe, 0)))


def most_processes(faces: int) -> int:
    """How many processes can share a batch of so many faces so that batch normalisation still sees
    many of them."""
    return max(1, faces // FACES_A_PROCESS)


def steps_per_epoch(pool: FacePool, recipe: Recipe) -> int:
    return max(1, len(epoch_rows(pool, recipe, 0)) // recipe.batch_size)


class ViewDataset(Dataset):
    """Random views of a pool; indexed by ``Position``, so that workers need no state."""

    def __init__(self, pool: FacePool, recipe: Recipe, soft: SoftLabelTable | None) -> None:
        if soft is not None and len(soft) != len(pool):
            raise ValueError(f"{len(soft)} soft labels for {len(pool)} faces")
        self.pool, self.recipe, self.soft = pool, recipe, soft

    def __getitem__(self, place: Position) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.recipe.seed, place.epoch, place.position))
        pool, row, recipe = self.pool, place.row, self.recipe
        image_rgb, drawn = pool.images[row], None
        if pool.has_pose[row] and rng.random() < recipe.drawn_fraction:
            image_rgb, drawn = draw_on(pool, row, rng)
        view = random_view(
            recipe.augment,
            rng,
            loose=not np.isfinite(pool.crop_factor[row]),
            may_rotate=abs(pool.angles_deg[row, 0]) < MAX_YAW_TO_ROTATE_DEG,
        )
        fraction = inner_fraction(pool, row, recipe.crop_factor)
        crop = cut_view(image_rgb, fraction, view, recipe.input_px)
        item = {"crops": random_quality(crop, recipe.augment, rng)}
        item |= self._pose_targets(row, view) | self._mask_targets(row, drawn)
        if self.soft is not None:
            item |= self._soft_labels(self.soft, row, view, drawn is not None)
        return item

    def _pose_targets(self, row: int, view: View) -> dict[str, np.ndarray]:
        angles, rotation = follow_view(self.pool.angles_deg[row], self.pool.rotation[row], view)
        return {
            "angles_deg": angles.astype(np.float32),
            "rotation": rotation.astype(np.float32),
            "pose_weight": np.asarray(self.pool.pose_weight[row], np.float32),
        }

    def _mask_targets(self, row: int, drawn: MaskLabel | None) -> dict[str, np.ndarray]:
        index, weight = self.pool.mask_index[row], self.pool.mask_weight[row]
        if drawn is not None:
            index, weight = MASK_CLASSES.index(drawn), self.recipe.drawn_mask_weight
        elif self._is_bare(row):
            index, weight = UNMASKED, self.recipe.undrawn_mask_weight
        return {
            "mask_index": np.asarray(index, np.int64),
            "mask_weight": np.asarray(weight, np.float32),
        }

    def _is_bare(self, row: int) -> bool:
        """Whether a face without a mask label shows no mask all the same: pose sets are of bare
        faces. What a person said nothing of may be worn in any way."""
        said_nothing = self.pool.sources[row] != ANNOTATIONS
        return bool(said_nothing and self.pool.has_pose[row] and not self.pool.has_mask[row])

    def _soft_labels(
        self, soft: SoftLabelTable, row: int, view: View, drawn: bool
    ) -> dict[str, np.ndarray]:
        probabilities, rotation = soft.pose_probabilities[row], soft.rotation[row]
        if view.mirrored:
            probabilities, rotation = mirror_probabilities(probabilities), mirror_rotation(rotation)
        if view.rotation_deg:
            rotation, probabilities = turned(rotation, probabilities, _turn(view))
        return {
            "soft_probabilities": probabilities.astype(np.float32),
            "soft_rotation": rotation.astype(np.float32),
            "soft_agreement": soft.agreement[row].astype(np.float32),
            "soft_mask_logits": soft.mask_logits[row].astype(np.float32),
            # the teachers saw the face without what was drawn: only the exact label holds
            "soft_mask_weight": np.asarray(not drawn, np.float32),
        }


def draw_on(
    pool: FacePool, row: int, rng: np.random.Generator
) -> tuple[np.ndarray, MaskLabel | None]:
    """The picture with a mask or another thing drawn on; unchanged, None where it cannot be."""
    landmarks = pool.landmarks_px[row]
    if np.isfinite(landmarks[:, 0]).sum() < MIN_LANDMARKS_TO_DRAW:
        return pool.images[row], None
    try:
        frame = fit_head_frame(landmarks, pool.rotation[row], CANONICAL_21)
    except ValueError:  # few landmarks in a line, or a label far off: nothing to draw on
        return pool.images[row], None
    drawn = draw_mask(pool.images[row], frame, rng)
    return drawn.image_rgb, drawn.label


def follow_view(
    angles_deg: np.ndarray, rotation: np.ndarray, view: View
) -> tuple[np.ndarray, np.ndarray]:
    """Angles (3,) and rotation (3, 3) of the head in the random view."""
    if view.mirrored:
        angles_deg = angles_deg * (-1.0, 1.0, -1.0)
        rotation = mirror_rotation(rotation)
    if view.rotation_deg:
        rotation = _turn(view) @ rotation
        angles_deg = np.stack(euler_from_rotation(rotation))
    return angles_deg, rotation


def _turn(view: View) -> np.ndarray:
    return rotation_from_euler(0.0, 0.0, view.rotation_deg)


def collate(items: Sequence[dict[str, np.ndarray]]) -> Batch:
    columns = {
        name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]
    }
    targets = Targets(*(columns[name] for name in Targets._fields))
    soft = NO_SOFT_LABELS
    if "soft_rotation" in columns:
        soft = SoftLabels(
            columns["soft_probabilities"],
            columns["soft_rotation"],
            columns["soft_agreement"],
            columns["soft_mask_logits"],
            columns["soft_mask_weight"],
        )
    return Batch(columns["crops"], targets, soft)


@dataclass(frozen=True)
class BatchSource:
    """Batches of any epoch, prepared by ``workers`` processes ahead of the network."""

    dataset: ViewDataset
    workers: int = 2
    rank: int = 0
    world: int = 1

    @property
    def steps(self) -> int:
        return steps_per_epoch(self.dataset.pool, self.dataset.recipe)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        pool, recipe = self.dataset.pool, self.dataset.recipe
        batches = epoch_batches(pool, recipe, epoch, self.rank, self.world)[first_step:]
        loader: DataLoader = DataLoader(
            self.dataset,
            batch_sampler=batches,  # type: ignore[arg-type]
            collate_fn=collate,
            num_workers=self.workers,
            prefetch_factor=4 if self.workers else None,
        )
        return iter(loader)


def total_steps(recipe: Recipe, steps: int) -> int:
    return max(1, math.ceil(recipe.epochs * steps))
