"""Checkpoints: safetensors with everything needed to use them. Nothing is ever unpickled.

The header of the file holds a ``ModelCard`` as JSON; loading is strict, and a mismatch lists the
keys. Half-precision storage halves the shipped size; tensors are float32 again in memory.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.faces import MASK_CLASSES
from core.head_pose import BIN_COUNT, BIN_WIDTH_DEG, MIN_ANGLE_DEG
from core.whole_files import put_in_place, sha256_of

FORMAT = "maskpose-checkpoint-1"
#: A larger file is refused before it is read (the largest teacher here has 240 MB).
MAX_FILE_BYTES = 1 << 30

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

#: What every network here is built for: a card that says otherwise would not be obeyed.
_ALLOWED: Mapping[str, tuple[Any, ...]] = {
    "channel_order": ("rgb", "bgr"),
    "decode": ("centers", "left-edges"),
    "bin_count": (BIN_COUNT,),
    "bin_width_deg": (BIN_WIDTH_DEG,),
    "min_angle_deg": (MIN_ANGLE_DEG,),
    "mask_classes": tuple(tuple(map(str, MASK_CLASSES[:n])) for n in (2, len(MASK_CLASSES))),
}


#: What JSON from strangers can make a card raise; the last two: endless numbers and brackets.
_CARD_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class CheckpointError(ValueError):
    """A model file that cannot be used; the message is one clear line."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a weights file says about itself.

    ``crop_factor`` is the side of the input square ÷ the longer side of the 68-landmark box.
    ``mean`` and ``std`` apply to pixels scaled to [0, 1], in ``channel_order``.
    ``decode`` is ``centers`` or, for the paper authors' weights, ``left-edges``.
    ``mask_temperature`` divides the mask logits before the softmax (calibrated on val).
    """

    network: str
    input_px: int = 112
    crop_factor: float = 1.25
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    channel_order: str = "rgb"
    bin_count: int = BIN_COUNT
    bin_width_deg: float = BIN_WIDTH_DEG
    min_angle_deg: float = MIN_ANGLE_DEG
    decode: str = "centers"
    mask_classes: tuple[str, ...] = tuple(str(label) for label in MASK_CLASSES)
    mask_temperature: float = 1.0
    run_id: str = ""
    recipe: str = ""
    commit: str = ""
    datasets: Mapping[str, str] = field(default_factory=dict)  # name → fingerprint
    metrics: Mapping[str, float] = field(default_factory=dict)
    licence: str = "research, non-commercial"

    def __post_init__(self) -> None:
        for name, values in _ALLOWED.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {values}, got {getattr(self, name)!r}")
        for name in ("network", "run_id", "recipe", "commit", "licence"):
            _require(self, name, isinstance(getattr(self, name), str), "text")
        for name in ("datasets", "metrics"):
            _require(self, name, isinstance(getattr(self, name), Mapping), "entries by name")
        _require(self, "network", self.network != "", "the name of a network")
        _require(self, "input_px", isinstance(self.input_px, int), "a whole number")
        if not 16 <= self.input_px <= 1024 or not 0.5 <= self.crop_factor <= 4.0:
            raise ValueError(
                f"input_px {self.input_px} or crop_factor {self.crop_factor} is out of range"
            )
        _require(self, "mean", _are_three(self.mean), "three finite numbers")
        is_scale = _are_three(self.std) and min(self.std) > 0
        _require(self, "std", is_scale, "three finite numbers above 0")
        is_temperature = _is_finite(self.mask_temperature) and self.mask_temperature > 0
        _require(self, "mask_temperature", is_temperature, "a finite number above 0")


def _require(card: ModelCard, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {expected}, got {getattr(card, name)!r}")


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _are_three(values: Sequence[object]) -> bool:
    return len(values) == 3 and all(map(_is_finite, values))


@dataclass(frozen=True)
class Checkpoint:
    """A model card, its tensors (float32, CPU) and the SHA-256 of the file they came from."""

    card: ModelCard
    tensors: dict[str, Tensor]
    sha256: str = ""

    @property
    def model_id(self) -> str:
        """A short name that no other weights share: network and the start of the file's hash."""
        return f"{self.card.network}-{self.sha256[:8]}" if self.sha256 else self.card.network


def save_checkpoint(
    path: Path, card: ModelCard, tensors: Mapping[str, Tensor], *, half: bool = False
) -> None:
    """Write a checkpoint; the file appears whole or not at all."""
    prepared = {}
    for name, value in tensors.items():
        value = value.detach().to("cpu").contiguous().clone()
        prepared[name] = value.half() if half and value.is_floating_point() else value
    header = {"format": FORMAT, "card": json.dumps(asdict(card), sort_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(prepared, partial, metadata=header)
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises CheckpointError for anything that is not one of ours."""
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such model file; give a .safetensors written by `launch.py train`, "
            "or turn a foreign .pth into one with `launch.py convert`"
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB, refused")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: _float32(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError) as error:  # RuntimeError: odd number formats
        hint = " (a .pth? try `launch.py convert`)" if path.suffix != ".safetensors" else ""
        raise CheckpointError(f"{path}: not a safetensors file{hint}: {error}") from None
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: has format {header.get('format')!r}, expected {FORMAT!r}; "
            "foreign weights go through `launch.py convert`"
        )
    return Checkpoint(parse_card(path, header.get("card", "")), tensors, sha256_of(path))


def _float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Strict loading whose error lists every missing, unexpected, misshapen or infinite tensor."""
    own = network.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - own.keys())
    shapes = sorted(k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape)
    if missing or unexpected or shapes:
        raise CheckpointError(
            f"{source}: weights do not fit the network; missing: {_short(missing)}; "
            f"unexpected: {_short(unexpected)}; wrong shape: {_short(shapes)}"
        )
    endless = sorted(name for name, value in tensors.items() if not value.isfinite().all())
    if endless:
        raise CheckpointError(
            f"{source}: some weights are no finite numbers, as of a training that failed: "
            f"{_short(endless)}; take an earlier checkpoint"
        )
    network.load_state_dict(dict(tensors), strict=True)


def _short(names: list[str], limit: int = 5) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def parse_card(path: Path, text: str) -> ModelCard:
    """The model card in a file's header. Raises CheckpointError."""
    try:
        values: dict[str, Any] = json.loads(text)
        known = {item.name for item in fields(ModelCard)}
        unknown = sorted(values.keys() - known)
        if unknown:
            raise ValueError(f"unknown entries {_short(unknown)}")
        for name in ("mean", "std", "mask_classes"):
            values[name] = tuple(values[name])
        return ModelCard(**values)
    except _CARD_ERRORS as error:
        raise CheckpointError(f"{path}: its model card cannot be read: {error}") from None
