"""Foreign weights into checkpoints of ours: ``launch.py convert FILE.pth``.

Known form: the paper authors' published student (chientv99/maskpose, ``MergeResNet``): keys
``conv1 bn1 layer1..4 linear fc_yaw fc_pitch fc_roll fc_mask``; it sees BGR, (x − 127.5) / 128, and
its 62 bins are decoded at their left edges. Class 0 is unmasked, 1 masked.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checkpoint import (
    MAX_FILE_BYTES,
    CheckpointError,
    ModelCard,
    load_weights,
    save_checkpoint,
)
from core.faces import MaskLabel
from core.networks import create_network

PUBLISHED_CARD = ModelCard(
    network="mhpnet-2class",
    crop_factor=1.43,
    mean=(127.5 / 255,) * 3,
    std=(128 / 255,) * 3,
    channel_order="bgr",
    decode="left-edges",
    mask_classes=(str(MaskLabel.UNMASKED), str(MaskLabel.MASKED)),
    recipe="published by the paper's authors",
    licence="as published by its authors; research",
)

_RENAMED = {
    "linear": "pose_neck.0",
    "fc_yaw": "yaw_head",
    "fc_pitch": "pitch_head",
    "fc_roll": "roll_head",
    "fc_mask": "mask_head",
}


def convert_published_student(source: Path, target: Path) -> None:
    """Write ``target`` (.safetensors) from the authors' ``source`` (.pth).

    Reads tensors only, never code. Raises CheckpointError for a file of any other form, and where
    ``target`` is there already.
    """
    if target.exists():
        raise CheckpointError(f"{target}: is there already; name another --out")
    tensors = {own_name(name): value for name, value in read_pth(source).items()}
    load_weights(create_network(PUBLISHED_CARD.network), tensors, str(source))
    save_checkpoint(target, PUBLISHED_CARD, tensors)


def own_name(name: str) -> str:
    """Our name of one of the authors' tensors."""
    name = name.removeprefix("module.")
    first, _, rest = name.partition(".")
    return f"{_RENAMED.get(first, f'backbone.{first}')}.{rest}"


def read_pth(path: Path) -> Mapping[str, Tensor]:
    """The state dict in a ``.pth``, or under its ``state_dict`` or ``model``; nothing is run."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB, refused")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd pickles: refused below, in our words
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        # Damaged pickles raise nearly anything. Torch's own words advise to run the file's code;
        # ours do not.
        raise CheckpointError(
            f"{path}: cannot be read as plain tensors: it is damaged, no .pth, or holds more than "
            "names and tensors, which is never run; save its state_dict() alone"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(f"{path}: holds no state dict; expected names and tensors")
    return content
