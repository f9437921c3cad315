"""The command that looks for wrong labels."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Register it with the parser of ``launch.py``."""
    check = commands.add_parser("check-labels", help="find labels that look wrong")
    check.add_argument("--home", type=Path, metavar="DIR", help="where photos and labels are kept")
    check.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    check.set_defaults(command=check_labels)


def check_labels(args: argparse.Namespace) -> int:
    from core.runtime import resolve_device
    from db.migrations import open_home
    from trainer import label_check

    home = open_home(args.home)
    predictor = label_check.serving_predictor(home, resolve_device(args.device))
    print(label_check.check_labels(home, predictor).text())
    return 0
