"""A network between what it was and what it became when it was trained further on other views.

    python -m trainer.average BEFORE FURTHER OUT --share 0.7 --data ../shared/data/{pose,mask}

The weighted mean of the two's tensors keeps most of what the first did well and has most of what
the second learned (Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022, eq. 1).
The mask probabilities are calibrated anew, on ``val``.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from core.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from core.face_network import build_face_network
from trainer.face_pool import load_pool
from trainer.run_folder import code_commit
from trainer.train import judged, read_faces

logger = logging.getLogger(__name__)


#: What a card says of inputs and outputs; where it differs, the same numbers mean something else.
_MEANING = (
    *("network", "input_px", "crop_factor", "mean", "std"),
    *("channel_order", "decode", "mask_classes"),
)


def average(before: Checkpoint, further: Checkpoint, share: float) -> dict[str, Tensor]:
    """(1 − share) · before + share · further, tensor by tensor; counters are ``further``'s.

    Raises CheckpointError unless both are the same network.
    """
    forms = [
        (
            {name: tensor.shape for name, tensor in one.tensors.items()},
            [getattr(one.card, name) for name in _MEANING],
        )
        for one in (before, further)
    ]
    if forms[0] != forms[1]:
        raise CheckpointError(
            f"{before.model_id} and {further.model_id} are not the same network with the same "
            "inputs and outputs: their weights have no mean"
        )
    return {
        name: before.tensors[name].lerp(tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in further.tensors.items()
    }


def write_average(
    before: Path, further: Path, out: Path, share: float, data: Sequence[Path]
) -> None:
    """Raises CheckpointError, DatasetError, and ValueError where ``data`` has no face of val."""
    first, second = load_checkpoint(before), load_checkpoint(further)
    tensors = average(first, second, share)
    readings = [read_faces(folder, "val") for folder in data]
    for folder, reading in zip(data, readings, strict=True):
        logger.info("%s (val): %s", folder.name, reading.report())
    val = load_pool(sample for reading in readings for sample in reading.samples)
    network = build_face_network(replace(second, tensors=tensors), str(out)).network
    card = replace(
        second.card,
        recipe=f"{share:g} {second.card.recipe} + {1 - share:g} {first.card.recipe}",
        commit=code_commit(),
        datasets={**second.card.datasets, "val": val.fingerprint},
    )
    save_checkpoint(out, judged(network, card, val), tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description="The mean of a network and its further training.")
    parser.add_argument("before", type=Path)
    parser.add_argument("further", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the further one, 0 to 1")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    if not 0 <= args.share <= 1:
        parser.error(f"--share {args.share:g}: expected a number from 0 to 1")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        write_average(args.before, args.further, args.out, args.share, args.data)
    except ValueError as error:  # CheckpointError and DatasetError are such
        parser.error(str(error))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
