"""The commands that move data and weights, or look after them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ui.model_commands import add_export_options, export_network


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Register them with the parser of ``launch.py``."""
    take = commands.add_parser("import", help="take photos or labelled faces into the database")
    take.add_argument("path", type=Path, metavar="DIR|FILE")
    take.add_argument(
        "--format",
        help="csv, jsonl, coco, voc, folders, photos, aflw2000, biwi, 300w-lp, 300w-lpa, pose-csv, "
        "mafa, fmld, mask-csv or folder (default: found out from the content)",
    )
    take.add_argument("--split", help="one split of a published data set")
    take.add_argument("--source", help="what to call where it comes from (default: its name)")
    _finish(take, import_data)

    give = commands.add_parser("export", help="write the labels, or a model to FILE.onnx")
    give.add_argument("target", type=Path, metavar="FILE|DIR", help="new; never overwritten")
    give.add_argument("--format", help="csv, jsonl, coco, voc or folders (default: by the suffix)")
    give.add_argument("--images", action="store_true", help="with the pictures")
    add_export_options(give)
    _finish(give, export_data)

    save = commands.add_parser("backup", help="copy the database while others write")
    save.add_argument("target", type=Path, metavar="FILE", help=".db, or .tar with the pictures")
    _finish(save, backup)

    back = commands.add_parser("restore", help="bring a backup back")
    back.add_argument("source", type=Path, metavar="FILE")
    _finish(back, restore)

    check = commands.add_parser("check", help="is the database whole, and every picture there?")
    check.add_argument(
        "--repair", action="store_true", help="compute anew what follows from labels"
    )
    _finish(check, check_home)

    turn = commands.add_parser("convert", help="turn the paper authors' .pth into a checkpoint")
    turn.add_argument("source", type=Path, metavar="FILE.pth")
    turn.add_argument("--out", type=Path, metavar="FILE", help="default: beside it, .safetensors")
    turn.set_defaults(command=convert)


def _finish(parser: argparse.ArgumentParser, command: object) -> None:
    parser.add_argument("--home", type=Path, metavar="DIR", help="where photos and labels are kept")
    parser.set_defaults(command=command)


def import_data(args: argparse.Namespace) -> int:
    from core.detector import FaceDetector
    from db.migrations import open_home
    from trainer.dataset_import import import_path
    from ui.terminal import progress_count

    with progress_count("pictures") as progress:
        report = import_path(
            open_home(args.home),
            args.path,
            format=args.format,
            split=args.split,
            source=args.source,
            detect=FaceDetector().detect,
            progress=progress,
        )
    print(report.text())
    return 0


def export_data(args: argparse.Namespace) -> int:
    if args.target.suffix == ".onnx":
        return export_network(args)
    from db.migrations import open_home
    from trainer.dataset_export import export_path

    report = export_path(open_home(args.home), args.target, format=args.format, images=args.images)
    print(report.text())
    return 0


def backup(args: argparse.Namespace) -> int:
    from db.backup import back_up
    from db.migrations import open_home

    print(back_up(open_home(args.home), args.target).text())
    return 0


def restore(args: argparse.Namespace) -> int:
    from db.backup import restore as bring_back

    print(bring_back(args.home, args.source).text())  # the present file may be damaged: not opened
    return 0


def check_home(args: argparse.Namespace) -> int:
    """Exits with 1 where something is wrong, a line for each."""
    from db.check import find_faults, rebuild_states
    from db.database import connect
    from db.migrations import open_home
    from ui.terminal import printable

    home = open_home(args.home)
    with connect(home) as db:
        if args.repair:
            rebuild_states(db)
        faults = find_faults(db, home)
    for fault in faults or [f"{home.root}: all is well"]:
        print(printable(fault))
    return 1 if faults else 0


def convert(args: argparse.Namespace) -> int:
    from core.conversion import convert_published_student

    target = args.out or args.source.with_suffix(".safetensors")
    convert_published_student(args.source, target)
    print(target)
    return 0
