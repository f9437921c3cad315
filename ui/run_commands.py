"""The commands about trainings: retrain from people's labels, and look after the runs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.runs import Run

_ACTIVE = ("queued", "running")


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Register both with the parser of ``launch.py``."""
    train = commands.add_parser("retrain", help="from people's labels to a better student")
    train.add_argument("--preset", default="quick", choices=("quick", "standard", "full"))
    train.add_argument("--device", default="cpu", help="cpu, cuda:N, cuda:0,cuda:1, or ray")
    train.add_argument(
        "--replay", nargs="+", type=Path, default=(), metavar="DIR", help="data not to forget"
    )
    train.add_argument(
        "--benchmark", nargs="+", type=Path, default=(), metavar="DIR", help="data to measure on"
    )
    train.add_argument(
        "--cluster-workers", type=int, default=0, metavar="N", help="with ray: so many processes"
    )
    train.add_argument("--wait", action="store_true", help="until the run is over")
    _finish(train, retrain)

    look = commands.add_parser("runs", help="list trainings; look at, stop or resume one")
    look.add_argument("run", nargs="?", type=int, metavar="RUN")
    verbs = look.add_mutually_exclusive_group()
    for verb in ("cancel", "pause", "resume", "log"):
        verbs.add_argument(f"--{verb}", dest="verb", action="store_const", const=verb)
    _finish(look, runs)


def _finish(parser: argparse.ArgumentParser, command: object) -> None:
    parser.add_argument("--home", type=Path, metavar="DIR", help="where photos and labels are kept")
    parser.set_defaults(command=command)


def retrain(args: argparse.Namespace) -> int:
    from core.datasets import DatasetError
    from db.migrations import open_home
    from trainer.jobs.ray_cluster import jobs_on
    from trainer.redistill import RetrainingConfig, prepare

    home = open_home(args.home)
    for folder in (*args.replay, *args.benchmark):
        if not (folder / "labels.csv").is_file():
            raise DatasetError(f"{folder}: no labels.csv; give a pose-csv or mask-csv folder")
    config = RetrainingConfig(
        preset=args.preset,
        replay=[str(folder.resolve()) for folder in args.replay],
        benchmarks=[str(folder.resolve()) for folder in args.benchmark],
        cluster_workers=args.cluster_workers,
    )
    jobs = jobs_on(home, args.device)
    run = jobs.submit(prepare(home, config).to_json(), device=args.device)
    print(f"run {run.id} is queued on {run.device}; see `python launch.py runs {run.id}`")
    while args.wait and jobs.status(run.id).status in _ACTIVE:
        time.sleep(1.0)
    return _show(jobs.status(run.id)) if args.wait else 0


def runs(args: argparse.Namespace) -> int:
    from db.database import connect
    from db.migrations import open_home
    from db.runs import list_runs
    from trainer.jobs.local import LocalJobs, tend

    home = open_home(args.home)
    tend(home)
    if args.run is None:
        with connect(home, read_only=True) as db:
            for run in list_runs(db):
                _show(run)
        return 0
    jobs = LocalJobs(home)
    if args.verb == "log":
        jobs.status(args.run)
        print(jobs.logs(args.run))
        return 0
    steer = {"cancel": jobs.cancel, "pause": jobs.pause, "resume": jobs.resume}
    return _show(steer.get(args.verb, jobs.status)(args.run))


def _show(run: Run) -> int:
    """One line about a run; exit code 1 where it failed."""
    from ui.terminal import printable

    asked = f", {run.request} was asked for" if run.request else ""
    told = f": {run.error}" if run.error else f", {run.phase}" if run.status == "running" else ""
    line = f"run {run.id}: {run.recipe} on {run.device}, {run.status}{asked}{told}"
    print(printable(line), file=sys.stderr if run.status == "failed" else sys.stdout)
    return int(run.status == "failed")
