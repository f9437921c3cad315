"""A network between what it was and what it became when it was trained further on other views.

    python -m trainer.average BEFORE FURTHER OUT --share 0.7 --data ../shared/data/{pose,mask}

The weighted mean of the two's tensors keeps most of what the first did well and has most of what
the second learned (Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022, eq. 1).
The mask probabilities are calibrated anew, on ``val``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from core.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from core.datasets import DatasetError
from core.face_network import build_face_network
from trainer.face_pool import load_pool
from trainer.run_folder import code_commit
from trainer.train import judged, read_faces


def average(before: Checkpoint, further: Checkpoint, share: float) -> dict[str, Tensor]:
    """(1 − share) · before + share · further, tensor by tensor; counters are ``further``'s.

    Raises CheckpointError unless both are the same network.
    """
    shapes = [{name: t.shape for name, t in one.tensors.items()} for one in (before, further)]
    if shapes[0] != shapes[1]:
        raise CheckpointError(
            f"{before.model_id} and {further.model_id} are not the same network: "
            "only weights of one shape have a mean"
        )
    return {
        name: before.tensors[name].lerp(tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in further.tensors.items()
    }


def write_average(
    before: Path, further: Path, out: Path, share: float, data: Sequence[Path]
) -> None:
    """Raises CheckpointError and DatasetError."""
    first, second = load_checkpoint(before), load_checkpoint(further)
    tensors = average(first, second, share)
    samples = (sample for folder in data for sample in read_faces(folder, "val").samples)
    network = build_face_network(replace(second, tensors=tensors), str(out)).network
    card = replace(
        second.card,
        recipe=f"{share:g} {second.card.recipe} + {1 - share:g} {first.card.recipe}",
        commit=code_commit(),
    )
    save_checkpoint(out, judged(network, card, load_pool(samples)), tensors)


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
    try:
        write_average(args.before, args.further, args.out, args.share, args.data)
    except (CheckpointError, DatasetError) as error:
        parser.error(str(error))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
