"""MaskPose Studio from the command line: parse, then call.

What a command needs is imported when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ui import data_commands, label_commands, run_commands

#: What scripts see when the input was bad, as with argparse's own errors.
EXIT_BAD_INPUT = 2
#: What ``--json`` without a file means.
_PRINTED = Path("-")

#: Errors whose message is one clear line for the user: (module, class). Named rather than
#: imported: who raised one has loaded its module, and the others are not worth waiting for.
USER_ERRORS = (
    ("core.checkpoint", "CheckpointError"),
    ("core.datasets", "DatasetError"),
    ("core.images", "ImageError"),
    ("db.errors", "StudioError"),
    ("trainer.evaluate", "EvaluationError"),
    ("trainer.run_folder", "TrainingRefused"),
    ("ui.server", "ServeError"),
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    args = build_parser().parse_args(given or ["serve"])
    try:
        return args.command(args)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output left, as in ``| head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not _is_bad_input(error):
            raise
        print(_one_line(error), file=sys.stderr)
        return EXIT_BAD_INPUT


def _is_bad_input(error: Exception) -> bool:
    """Whether the error speaks to the user; anything else is our fault and keeps its traceback."""
    if isinstance(error, OSError):
        return error.filename is not None
    loaded = ((sys.modules.get(module), name) for module, name in USER_ERRORS)
    return isinstance(error, tuple(getattr(module, name) for module, name in loaded if module))


def _one_line(error: Exception) -> str:
    from ui.terminal import printable

    if isinstance(error, OSError):
        return printable(f"{error.filename}: {error.strerror}; check the path")
    return printable(str(error))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launch.py", description="Head pose and mask wearing of faces in photos."
    )
    commands = parser.add_subparsers(title="commands", required=True)
    _add_serve(commands)
    _add_predict(commands)
    _add_evaluate(commands)
    _add_train(commands)
    _add_bench(commands)
    data_commands.add_commands(commands)
    label_commands.add_commands(commands)
    run_commands.add_commands(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("serve", help="open the app in the browser (the default)")
    parser.add_argument("--host", default="127.0.0.1", help="other than this machine: needs --auth")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--home", type=Path, metavar="DIR", help="where photos and labels are kept")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a student to answer with")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--auth",
        action="append",
        default=[],
        metavar="NAME:PASSWORD",
        help="ask everybody to log in; once for each person",
    )
    parser.add_argument("--only", default="all", choices=("all", "demo"), help="a part of the app")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.set_defaults(command=serve)


def serve(args: argparse.Namespace) -> int:
    from ui import server

    server.serve(
        host=args.host,
        port=args.port,
        home=args.home,
        model=args.model,
        device=args.device,
        auth=args.auth,
        only=args.only,
        open_browser=not args.no_browser,
    )
    return 0


def _add_predict(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("predict", help="answer photos: mask, yaw, pitch, roll")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="photos or folders")
    parser.add_argument("--crop", action="store_true", help="each image is a face crop already")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, metavar="DIR", help="draw answers: NAME-faces.jpg")
    _add_model_options(parser)
    parser.set_defaults(command=predict)


def predict(args: argparse.Namespace) -> int:
    from ui import photo_files, terminal

    def load_answer() -> photo_files.Answer:
        from core.predictor import load_predictor

        predictor = load_predictor(args.model, args.device, args.runtime)
        if args.crop:
            return lambda crop_rgb: [predictor.predict_crop(crop_rgb)]
        return predictor.predict

    answers = photo_files.answer_photos(args.paths, load_answer, drawings=args.out)
    if args.json:
        print(terminal.json_text(answers.rows))
    elif answers.rows:
        print(terminal.photo_table(answers.rows))
    for failure in answers.failures:
        print(terminal.printable(failure), file=sys.stderr)
    return EXIT_BAD_INPUT if answers.failures else 0


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("evaluate", help="measure a model on a labelled data set")
    parser.add_argument(
        "kind",
        help="form of the data set: aflw2000, biwi, 300w-lp, 300w-lpa or pose-csv for head pose; "
        "mafa, fmld, mask-csv or folder for masks",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="its folder")
    parser.add_argument("--split", help="the part to measure on (default: all)")
    parser.add_argument("--mask-overlay", action="store_true", help="also with masks drawn on")
    parser.add_argument("--crop-jitter", action="store_true", help="also with crops off by 10 %%")
    _add_figures_option(parser)
    _add_model_options(parser)
    parser.set_defaults(command=evaluate)


def evaluate(args: argparse.Namespace) -> int:
    from ui import terminal

    _check_figures_option(args)
    from core.datasets import read_dataset
    from core.predictor import load_predictor
    from trainer import evaluate as evaluation

    reading = read_dataset(args.kind, args.data, args.split)
    predictor = load_predictor(args.model, args.device, args.runtime)
    result = evaluation.evaluate(
        predictor,
        reading,
        args.kind,
        mask_overlay=args.mask_overlay,
        crop_jitter=args.crop_jitter,
    )
    report = {
        "data": str(args.data),
        "split": args.split,
        "runtime": predictor.runtime.name,
    } | result.report()
    _give_figures(args, report, terminal.metrics_table(report))
    return 0


def _add_figures_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json",
        nargs="?",
        type=Path,
        const=_PRINTED,
        metavar="FILE",
        help="write the figures to FILE; without one, print them instead of a table",
    )


def _check_figures_option(args: argparse.Namespace) -> None:
    """Fails now, not after an hour of measuring."""
    from ui import terminal

    if args.json not in (None, _PRINTED):
        terminal.check_writable(args.json)


def _give_figures(args: argparse.Namespace, report: Mapping[str, Any], table: str) -> None:
    from core.whole_files import write_whole
    from ui import terminal

    text = terminal.json_text(report)
    print(text if args.json == _PRINTED else table)
    if args.json not in (None, _PRINTED):
        write_whole(args.json, text.encode())


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("train", help="teach a teacher or the student")
    parser.add_argument("task", choices=("pose-teacher", "mask-teacher", "student"))
    parser.add_argument(
        "--recipe", default="default", metavar="NAME", help="losses and schedule; teachers need it"
    )
    parser.add_argument(
        "--data", nargs="+", type=Path, required=True, metavar="DIR", help="labelled faces"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of this run")
    parser.add_argument(
        "--teachers", nargs="+", type=Path, default=(), metavar="FILE", help="whom a student asks"
    )
    parser.add_argument("--init", type=Path, metavar="FILE", help="checkpoint to start from")
    parser.add_argument("--resume", action="store_true", help="go on where the run stopped")
    parser.add_argument("--epochs", type=float, help="instead of the recipe's own")
    parser.add_argument("--seed", type=int, help="instead of the recipe's own")
    parser.add_argument("--max-faces", type=int, metavar="N", help="for trials: a part of the data")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="loader processes")
    _add_device_option(parser)
    parser.set_defaults(command=train, refuse=parser.error)


def train(args: argparse.Namespace) -> int:
    import logging

    from core.runtime import resolve_device
    from trainer import train as training

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = vars(args).copy()
    refuse = options.pop("refuse")
    del options["command"]
    options["device"] = resolve_device(args.device)
    try:
        request = training.request_from_arguments(**options)
    except ValueError as error:  # no such recipe: said as argparse says it
        refuse(str(error))
    print(training.train(request))
    return 0


def _add_bench(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("bench", help="measure how fast each runtime answers here")
    parser.add_argument(
        "--model",
        default="student",
        help="student or a .safetensors FILE; what `export` wrote beside it takes part",
    )
    parser.add_argument(
        "--data", nargs="+", type=Path, default=(), metavar="DIR", help="also what accuracy is lost"
    )
    parser.add_argument("--threads", nargs="+", type=int, default=(1, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=10, help="turns of each runtime")
    _add_figures_option(parser)
    _add_device_option(parser)
    parser.set_defaults(command=bench)


def bench(args: argparse.Namespace) -> int:

    _check_figures_option(args)
    from benchmarks import speed, speed_tables
    from core.predictor import model_files
    from core.runtime import resolve_device

    report = speed.run(
        model_files(args.model)[0],
        device=resolve_device(args.device),
        data=args.data,
        threads=args.threads,
        rounds=args.rounds,
    )
    _give_figures(args, report, speed_tables.markdown(report))
    return 0


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="student", help="student, teacher, or a .safetensors or .onnx FILE"
    )
    _add_device_option(parser)
    parser.add_argument(
        "--runtime",
        default="torch",
        choices=("torch", "onnx", "onnx-int8", "cuda-graphs", "auto"),
        help="what computes; auto: the fastest here",
    )


def _add_device_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


if __name__ == "__main__":
    sys.exit(main())
