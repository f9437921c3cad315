"""The last stage of a run: its model against the champion, then registered, all in one step.

A worker starts this as ``python -m trainer.challenge HOME RUN`` when the training is done.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.checkpoint import Checkpoint, load_checkpoint
from core.datasets import FaceSample
from core.predictor import load_predictor
from core.whole_files import write_whole
from db.database import connect, write_transaction
from db.errors import StudioError
from db.home import Home
from db.models import (
    Model,
    list_models,
    model_in_use,
    promote,
    register_model,
    set_challenger,
)
from db.runs import Run, get_run
from trainer.calibration import quantise_beside
from trainer.changed_faces import Answered, show_changes
from trainer.comparison import answer_both, changed_share, compare
from trainer.jobs.lifeline import watch_lifeline
from trainer.jobs.run_files import RunFiles
from trainer.label_snapshot import read_snapshot
from trainer.promotion import HELD_OUT, Decision, decide
from trainer.redistill import RetrainingConfig, config_of, guarded, serving_model, torch_device
from trainer.same_pictures import pictures_of
from trainer.train import read_benchmark, read_faces

BY_RUN = "run {}"

logger = logging.getLogger(__name__)


def conclude(home: Home, run: Run) -> None:
    """Measure the run's model, decide, and write down everything in one transaction.

    Killed before its end, this leaves no trace in the registry and can be done again.
    """
    if _model_of(home, run.id):
        return
    files = RunFiles.of(home, run.id)
    champion = _champion(home)
    results = measure(home, run, champion, files)
    comparisons = [c for name, pair in results.items() for c in compare(*pair, name)]
    held_out = results.get(HELD_OUT)
    changed = changed_share(*held_out) if held_out else 0.0
    decision = decide(comparisons, changed)
    logger.info("%s: %s", decision.verdict, "; ".join(decision.reasons))
    report = {
        "champion": champion.name if champion else None,
        "decision": asdict(decision),
        "changed_share": changed,
        "comparisons": [asdict(comparison) for comparison in comparisons],
        "faces": show_changes(results, files.changed),
    }
    write_whole(files.comparison, json.dumps(report, indent=1).encode())
    register(home, run, files, champion, report, decision)


def measure(home: Home, run: Run, champion: Model | None, files: RunFiles) -> Answered:
    """Both models' answers on the held-out annotations and on every benchmark."""
    device = torch_device(run.device)
    before = load_predictor(str(serving_model(home)), device)
    after = load_predictor(str(files.model), device)
    return {
        name: answer_both(before, after, samples)
        for name, samples in benchmarks(files, config_of(run)).items()
    }


def benchmarks(files: RunFiles, config: RetrainingConfig) -> dict[str, Sequence[FaceSample]]:
    """Held-out annotations; faces imported as ``test``, by data set; the folders of the config, but
    for what the run was taught."""
    sets: dict[str, list[FaceSample]] = {HELD_OUT: list(read_snapshot(files.root, "val").samples)}
    for sample in read_snapshot(files.root, "test").samples:
        sets.setdefault(sample.attributes["data_set"], []).append(sample)
    taught = _taught_pictures(files, config) if config.benchmarks else frozenset()
    for folder in map(Path, config.benchmarks):
        name = folder.name if folder.name not in sets else str(folder)
        samples = read_benchmark(folder)
        pairs = zip(samples, pictures_of(samples), strict=True)
        sets[name] = [sample for sample, picture in pairs if picture not in taught]
        if len(sets[name]) < len(samples):
            left_out = len(samples) - len(sets[name])
            logger.info("%s: %d faces left out, the run may have learned from them", name, left_out)
    return {name: samples for name, samples in sets.items() if samples}


def _taught_pictures(files: RunFiles, config: RetrainingConfig) -> frozenset[str | None]:
    """SHA-256 of every picture that the run could learn from; of replay it took a random part."""
    folders = [files.root, *map(Path, config.replay)]
    samples = [sample for folder in folders for sample in read_faces(folder, "train").samples]
    return frozenset(pictures_of(samples)) - {None}


def register(
    home: Home,
    run: Run,
    files: RunFiles,
    champion: Model | None,
    report: Mapping[str, Any],
    decision: Decision,
) -> None:
    """The model into the registry and its alias set; all or nothing."""
    checkpoint = load_checkpoint(files.model)
    path = _keep(home, files.model, checkpoint)
    if decision.verdict != "rejected":
        quantise_beside(home.root / path, [files.root, *map(Path, config_of(run).replay)])
    by, reason = BY_RUN.format(run.id), "; ".join(decision.reasons)
    with connect(home) as db, write_transaction(db):
        if model_in_use(db, "champion") != champion:
            raise StudioError("another model became champion meanwhile: resume to compare anew")
        register_model(
            db,
            name=checkpoint.model_id,
            sha256=checkpoint.sha256,
            path=path,
            kind="student",
            recipe=checkpoint.card.recipe,
            run_id=run.id,
            metrics={**checkpoint.card.metrics, "report": report},
            licence=checkpoint.card.licence,
        )
        if decision.verdict == "promoted":
            promote(db, checkpoint.model_id, reason=reason, changed_by=by)
        elif decision.verdict == "person":
            set_challenger(db, checkpoint.model_id, reason=reason, changed_by=by)


def _keep(home: Home, model: Path, checkpoint: Checkpoint) -> str:
    """A copy among the checkpoints, which backups include; its path below the home folder."""
    path = f"checkpoints/{checkpoint.model_id}.safetensors"
    if not (home.root / path).exists():
        write_whole(home.root / path, model.read_bytes())
    return path


def _champion(home: Home) -> Model | None:
    with connect(home, read_only=True) as db:
        return model_in_use(db, "champion")


def _model_of(home: Home, run_id: int) -> Model | None:
    """The model that this run registered, if it came so far."""
    with connect(home, read_only=True) as db:
        return next((model for model in list_models(db) if model.run_id == run_id), None)


def main(arguments: Sequence[str]) -> int:
    home, run_id = Home.at(Path(arguments[0])), int(arguments[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    watch_lifeline()
    with connect(home, read_only=True) as db:
        run = get_run(db, run_id)
    return guarded(RunFiles.of(home, run_id), lambda: conclude(home, run))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
