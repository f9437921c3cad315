"""Make a finished run's checkpoint ready to ship: half precision, half the size, same card.

    python -m trainer.ship runs/student/model.safetensors core/weights/student.safetensors

The tensors are float32 again when loaded; angles change by less than 0.01°
(``tests/test_core_checkpoint.py``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.checkpoint import load_checkpoint, save_checkpoint


def ship(source: Path, target: Path) -> None:
    """Write ``target`` from ``source`` in half precision."""
    checkpoint = load_checkpoint(source)
    save_checkpoint(target, checkpoint.card, checkpoint.tensors, half=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Store a checkpoint in half precision.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    ship(args.source, args.target)
    print(f"{args.target}: {args.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
