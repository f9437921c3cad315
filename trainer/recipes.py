"""Recipes: every knob of a training on one screen, frozen and saved with the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from core.distillation import LossConfig
from trainer.augment import AugmentConfig

#: EfficientNet-Lite's own normalisation, (x − 127) / 128, on pixels in [0, 1].
LITE_MEAN = (127 / 255,) * 3
LITE_STD = (128 / 255,) * 3


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training. Learning rates are for ``batch_size``; epochs count all faces once each.

    A field added here, or to a part, has a default that does what was done without it
    (``is_same_recipe`` relies on it).
    """

    name: str
    network: str  # a name of core.networks
    imagenet: bool = False  # start from ImageNet weights (lite0 networks)
    epochs: float = 10.0
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    optimizer: str = "adamw"  # or "adam"
    warmup_epochs: float = 0.5
    clip_norm: float = 5.0  # 0 = off
    clip_value: float = 0.0  # 0 = off; the paper clips values at 0.5
    ema_decay: float = 0.999  # 0 = off
    precision: str = "bf16"  # autocast dtype, or "fp32"
    compiled: bool = False  # torch.compile: twice as fast for lite networks, slower for ResNets
    seed: int = 1
    # the picture
    input_px: int = 112
    crop_factor: float = 1.25  # an inner part of the 1.43 crop: more pixels on the face
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    # the faces
    pose_faces: float = 1.0  # share of the pose set seen in an epoch
    mask_faces: float = 1.0  # share of the mask set seen in an epoch
    drawn_fraction: float = 0.4  # pose faces that get a mask or another thing drawn on
    incorrect_repeats: int = 1  # how often each real `incorrect` face is seen in an epoch
    drawn_mask_weight: float = 1.0  # of the exact mask label of a drawn face
    undrawn_mask_weight: float = 0.0  # > 0: pose faces with nothing drawn count as unmasked
    # the loss
    loss: LossConfig = field(default_factory=LossConfig)
    published_loss: bool = False  # the published code's loss literally, instead of ``loss``

    def __post_init__(self) -> None:
        if self.epochs <= 0 or self.batch_size < 2 or self.learning_rate <= 0:
            raise ValueError(
                f"recipe {self.name!r} needs epochs > 0, batch_size ≥ 2 and learning_rate > 0; got "
                f"{self.epochs}, {self.batch_size}, {self.learning_rate}"
            )
        if self.precision not in ("bf16", "fp32"):
            raise ValueError(f"precision must be bf16 or fp32, got {self.precision!r}")


POSE_LOSS = LossConfig(pose_bins=0.2, pose_expectation=0.5, pose_geodesic=5.0)
MASK_LOSS = LossConfig(mask_label=1.0)
#: The teachers' mean counts twice as much as the label: the pose labels' own noise (2.9°) is larger
#: than the ensemble's error.
STUDENT_LOSS = LossConfig(
    pose_bins=0.1,
    pose_expectation=0.25,
    pose_geodesic=2.5,
    pose_kd=0.5,
    pose_kd_geodesic=5.0,
    mask_label=1.0,
    mask_kd=2.0,
)
#: Hopenet's: cross-entropy on hard bins + α · squared expectation, α = 0.01 in degrees squared.
PAPER_POSE_LOSS = LossConfig(pose_bins=1.0, pose_squared_expectation=0.01, bin_smoothing_deg=0.0)

_PAPER = Recipe(
    name="paper",
    network="resnet101-pose",
    optimizer="adam",
    weight_decay=0.0,
    warmup_epochs=1.0,
    clip_norm=0.0,
    clip_value=0.5,
    ema_decay=0.0,
    crop_factor=1.43,
    drawn_fraction=0.0,
    epochs=30,
)

_LITE_POSE = Recipe(
    name="lite0",
    network="lite0-pose",
    imagenet=True,
    epochs=4,
    precision="fp32",  # depthwise convolutions are slower in bf16 on CPUs
    compiled=True,
    mean=LITE_MEAN,
    std=LITE_STD,
    loss=POSE_LOSS,
)

_LITE_POSE_FURTHER = replace(_LITE_POSE, epochs=6, learning_rate=5e-4, warmup_epochs=0.25)

POSE_TEACHERS: dict[str, Recipe] = {
    "lite0": _LITE_POSE,
    "lite1": replace(_LITE_POSE, name="lite1", network="lite1-pose"),
    "lite2": replace(_LITE_POSE, name="lite2", network="lite2-pose"),
    # for --init with the lite1 or lite2 teacher
    "lite1-further": replace(_LITE_POSE_FURTHER, name="lite1-further", network="lite1-pose"),
    "lite2-further": replace(_LITE_POSE_FURTHER, name="lite2-further", network="lite2-pose"),
    "resnet18": Recipe(name="resnet18", network="resnet18-pose", epochs=8, loss=POSE_LOSS),
    "regnetx004": Recipe(name="regnetx004", network="regnetx004-pose", epochs=6, loss=POSE_LOSS),
    "paper": replace(_PAPER, loss=PAPER_POSE_LOSS),
    "paper-res2net101": replace(
        _PAPER, name="paper-res2net101", network="res2net101-pose", loss=PAPER_POSE_LOSS
    ),
    "paper-botnet101": replace(
        _PAPER, name="paper-botnet101", network="botnet101-pose", loss=PAPER_POSE_LOSS
    ),
}

_LITE_MASK = Recipe(
    name="lite0",
    network="lite0-mask",
    imagenet=True,
    epochs=3,
    precision="fp32",
    compiled=True,
    learning_rate=7e-4,
    mean=LITE_MEAN,
    std=LITE_STD,
    pose_faces=0.35,
    drawn_fraction=0.6,
    incorrect_repeats=3,
    undrawn_mask_weight=1.0,
    loss=MASK_LOSS,
)

MASK_TEACHERS: dict[str, Recipe] = {
    "lite0": _LITE_MASK,
    # more drawn faces: hands, scarves and microphones are what a mask teacher gets wrong
    "lite1": replace(_LITE_MASK, name="lite1", network="lite1-mask", pose_faces=0.5),
    "paper": replace(
        _PAPER,
        network="resnet152-mask",
        pose_faces=0.0,
        loss=LossConfig(mask_label=1.0, label_smoothing=0.0),
    ),
}

_STUDENT = Recipe(
    name="default",
    network="mhpnet",
    epochs=8,
    incorrect_repeats=3,
    undrawn_mask_weight=1.0,
    loss=STUDENT_LOSS,
)

STUDENTS: dict[str, Recipe] = {
    "default": _STUDENT,
    # for --init with a student that has learned the default
    "further": replace(_STUDENT, name="further", epochs=4, learning_rate=5e-4, warmup_epochs=0.25),
    # for --init with such a student: it had learned scarves, phones, beards and masks on the chin
    # too little
    "drawn": replace(
        _STUDENT,
        name="drawn",
        epochs=2,
        learning_rate=5e-4,
        warmup_epochs=0.1,
        drawn_fraction=0.6,
        drawn_mask_weight=4.0,
    ),
    "quick": Recipe(  # a correction round: from the champion, gently, with the teachers' opinions
        name="quick",
        network="mhpnet",
        epochs=2,
        learning_rate=1e-4,
        ema_decay=0.99,
        incorrect_repeats=2,
        loss=STUDENT_LOSS,
    ),
    "scratch": Recipe(
        name="scratch",
        network="mhpnet",
        epochs=10,
        incorrect_repeats=3,
        undrawn_mask_weight=1.0,
        loss=LossConfig(pose_bins=0.2, pose_expectation=0.5, pose_geodesic=5.0, mask_label=1.0),
    ),
    "paper": replace(_PAPER, network="mhpnet", published_loss=True),
}

RECIPES: dict[str, dict[str, Recipe]] = {
    "pose-teacher": POSE_TEACHERS,
    "mask-teacher": MASK_TEACHERS,
    "student": STUDENTS,
}


def find_recipe(task: str, name: str) -> Recipe:
    """The recipe ``name`` of a task. Raises ValueError that lists what there is."""
    if task not in RECIPES:
        raise ValueError(f"unknown task {task!r}; known: {', '.join(RECIPES)}")
    if name not in RECIPES[task]:
        raise ValueError(f"no recipe {name!r} for {task}; known: {', '.join(RECIPES[task])}")
    return RECIPES[task][name]


def is_same_recipe(saved: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two recipes are one; both as a config.json has them, ``saved`` by an older program.

    Fields that were unknown then count as their defaults, so a run begun before an update goes on
    after it.
    """
    defaults = asdict(Recipe(name="", network=""))
    parts = {part: defaults[part] | saved.get(part, {}) for part in ("augment", "loss")}
    return _as_json(defaults | dict(saved) | parts) == _as_json(now)


def _as_json(values: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(values))
