"""How many labels given wrongly on purpose the label check finds, on real faces.

    python -m benchmarks.label_errors ../shared/data/mask --split eval [--faces 1200] [--wrong 40]

A random part of a data set (``images/`` and ``labels.csv``) is imported into a scratch home, some
of its labels are changed as a slip of the hand would (masked becomes unmasked and the other way
round, incorrect becomes masked), and the shipped student's features are checked. Reported: how
many of them are among the first candidates. The data set's own wrong labels count as misses.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import tempfile
from pathlib import Path

from core.faces import MaskLabel
from core.predictor import STUDENT, load_predictor
from db.annotations import annotate, current_annotations
from db.database import connect
from db.filters import FaceFilter
from db.home import Home
from db.label_errors import LabelCheck, labelled_faces
from db.labels import Change
from db.migrations import open_home
from db.review_queue import QueueQuery, peek
from trainer.dataset_import import import_path
from trainer.label_check import check_labels

_SLIP = {
    MaskLabel.MASKED: MaskLabel.UNMASKED,
    MaskLabel.UNMASKED: MaskLabel.MASKED,
    MaskLabel.INCORRECT: MaskLabel.MASKED,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="eval")
    parser.add_argument("--faces", type=int, default=1200)
    parser.add_argument("--wrong", type=int, default=40)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        part = take_part(args.data, args.split, args.faces, Path(folder) / args.data.name)
        home = open_home(Path(folder) / "home")
        import_path(home, part)
        wrong = slip(home, args.wrong)
        check = check_labels(home, load_predictor(str(STUDENT), "cpu"))
        report(home, check, wrong)


def take_part(data: Path, split: str, count: int, part: Path) -> Path:
    """A random part of one split, as a data set of its own; always the same one."""
    with (data / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    chosen = random.Random(0).sample(rows, count)
    (part / "images").mkdir(parents=True)
    with (part / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(chosen)
    for row in chosen:
        shutil.copy(data / "images" / row["file"], part / "images")
    return part


def slip(home: Home, count: int) -> set[int]:
    """Label faces wrongly; returns their numbers."""
    with connect(home) as db:
        chosen = random.Random(1).sample(labelled_faces(db), count)
        before = current_annotations(db, [face.face_id for face in chosen])
        changes = [
            Change(
                face_id=face.face_id,
                base_version=before[face.face_id].version,
                mask=_SLIP[face.label],
            )
            for face in chosen
        ]
        annotate(db, changes, annotator="slip", client_op_id="slip")
    return {face.face_id for face in chosen}


def report(home: Home, check: LabelCheck, wrong: set[int]) -> None:
    print(check.text())
    query = QueueQuery(order="label_error", filter=FaceFilter(status="labelled"))
    with connect(home, read_only=True) as db:
        order = [item.face_id for item in peek(db, query, count=200).items]
    for first in (12, len(wrong), 60, 100, 200):
        found = len(wrong & set(order[:first]))
        print(
            f"among the first {first}: {found} of {len(wrong)} "
            f"(precision {found / first:.0%}, recall {found / len(wrong):.0%})"
        )


if __name__ == "__main__":
    main()
