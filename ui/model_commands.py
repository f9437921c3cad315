"""The commands about a model's form and speed: export to ONNX, bench."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """What ``export FILE.onnx`` takes besides the file."""
    parser.add_argument(
        "--runtime",
        default="onnx",
        choices=("onnx", "onnx-int8"),
        help="of FILE.onnx: float32 (default) or 8-bit integers",
    )
    parser.add_argument(
        "--model", default="student", metavar="FILE", help="of FILE.onnx: the checkpoint to export"
    )
    parser.add_argument(
        "--data",
        nargs="+",
        type=Path,
        default=(),
        metavar="DIR",
        help="of FILE.onnx with onnx-int8: labelled faces: train sets the scales, val proves them",
    )


def export_network(args: argparse.Namespace) -> int:
    """Write a checkpoint as ONNX; the labels' ``export`` never sees a .onnx target."""
    from core.checkpoint import CheckpointError
    from core.export_onnx import export_fp32
    from core.predictor import model_files

    source, *others = model_files(args.model)
    if others:
        raise CheckpointError(f"{args.model}: several files; name one of them with --model FILE")
    if args.target.exists():
        raise CheckpointError(f"{args.target}: exists already and is not overwritten; remove it")
    if args.runtime == "onnx":
        export_fp32(source, args.target)
    elif not args.data:
        raise CheckpointError(
            "8-bit scales are set by real faces: give --data DIR, folders in the form of pose-csv "
            "or mask-csv with a train split"
        )
    else:
        from trainer.calibration import UnprovenForm, export_proven

        try:
            change = export_proven(source, args.target, args.data)
        except UnprovenForm as error:
            raise CheckpointError(f"no 8-bit form of {source.name}: {error}") from error
        print(f"differs from {source.name} by {change}")
    print(f"{args.target} ({args.target.stat().st_size / 1e6:.1f} MB)")
    return 0
