"""Wrong labels are found without having been learned; real pictures, real SQLite."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from core.faces import MASK_CLASSES
from core.predictor import Predictor, load_predictor
from core.runtime.torch_runtime import TorchRuntime
from db.database import connect
from db.errors import StudioError
from db.filters import FaceFilter
from db.home import Home
from db.label_errors import CANDIDATE, LabelledFace, last_check
from db.queue_items import QueueItem
from db.review_queue import QueueQuery, peek
from db.runs import submit_run
from tests.retraining_files import make_home, say
from tests.studio_files import write_network
from trainer import student_features
from trainer.jobs.job import Progress
from trainer.jobs.run_files import RunFiles
from trainer.label_cache import KEPT_FILES
from trainer.label_check import (
    check_labels,
    find_suspicions,
    out_of_sample,
    run_check,
)
from trainer.student_features import features_of_faces, student_network

UNMASKED, MASKED, INCORRECT = MASK_CLASSES
#: Faces 7 and 16 of the home below show a face without mask.
WRONG = {7: MASKED, 16: MASKED}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)  # now and then a random network mixes the drawn classes up
    return write_network(tmp_path_factory.mktemp("student"), "mhpnet")


@pytest.fixture(scope="module")
def predictor(student: Path) -> Predictor:
    return load_predictor(str(student), "cpu")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """60 drawn faces of three classes; two labels are wrong."""
    home = make_home(tmp_path / "home", 60)
    say(home, WRONG, version=1)
    return home


def clusters(wrong: dict[int, int], n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 16) of three well-kept classes, and labels of which some are wrong."""
    labels = np.arange(n) % 3
    features = np.random.default_rng(0).normal(size=(n, 16)) + 6 * np.eye(16)[labels]
    for row, label in wrong.items():
        labels[row] = label
    return features, labels


def faces_of(labels: np.ndarray) -> list[LabelledFace]:
    return [
        LabelledFace(face_id=row + 1, event_id=row + 1, label=MASK_CLASSES[label], group=str(row))
        for row, label in enumerate(labels)
    ]


def queue(home: Home) -> list[QueueItem]:
    query = QueueQuery(order="label_error", filter=FaceFilter(status="labelled"))
    with connect(home) as db:
        return peek(db, query).items


def test_wrong_labels_come_first_with_the_reason_in_words() -> None:
    wrong = {0: 1, 30: 2, 61: 0}
    features, labels = clusters(wrong)
    probabilities = out_of_sample(features, labels, [str(row) for row in range(len(labels))])
    found = find_suspicions(faces_of(labels), features, probabilities)
    first = sorted(found, key=lambda one: -one.score)[: len(wrong)]
    assert {one.face_id - 1 for one in first} == set(wrong)
    assert first[0].score >= CANDIDATE
    assert found[0].reason.startswith("other labels say unmasked")
    assert found[0].reason.endswith("of the 5 most similar faces 5 are unmasked")
    assert found[1].score < CANDIDATE and found[1].reason.startswith("other labels agree: masked")


def test_no_face_is_judged_by_a_model_that_saw_its_group() -> None:
    """Noise as features: who has seen a face knows its label by heart, who has not can only guess.

    Each face is there twice, in one group: a split through a group would give itself away.
    """
    labels = np.random.default_rng(1).integers(0, 3, 150).repeat(2)
    features = np.random.default_rng(2).normal(size=(150, 400)).repeat(2, axis=0)
    together = out_of_sample(features, labels, [str(row // 2) for row in range(300)])
    apart = out_of_sample(features, labels, [str(row) for row in range(300)])
    assert (together.argmax(1) == labels).mean() < 0.5 < (apart.argmax(1) == labels).mean()
    np.testing.assert_allclose(together.sum(1), 1)


def test_a_class_without_labels_gets_no_probability() -> None:
    features, labels = clusters({})
    kept = labels != 2
    probabilities = out_of_sample(features[kept], labels[kept], list(map(str, range(80))))
    assert (probabilities[:, 2] == 0).all()
    found = find_suspicions(faces_of(labels[kept]), features[kept], probabilities)
    assert not [one for one in found if one.score >= CANDIDATE]


def test_the_queue_shows_suspected_errors_first(home: Home, predictor: Predictor) -> None:
    said: list[str] = []
    found = check_labels(home, predictor, lambda done, phase: said.append(phase))
    assert (found.faces, found.left_out, found.model) == (60, 0, predictor.model_id)
    assert found.accuracy > 0.8 and found.candidates >= 2
    assert said[0] == "looking at 60 faces" and said[-1] == "comparing 60 labels"
    first = queue(home)[:2]
    assert {item.face_id for item in first} == set(WRONG)
    assert all("other labels say unmasked" in item.label_error_reason for item in first)
    with connect(home) as db:
        candidates = FaceFilter(label_error=(CANDIDATE, 1.0))
        items = peek(db, QueueQuery(order="label_error", filter=candidates)).items
        assert len(items) == found.candidates
        assert last_check(db) == found


def test_a_corrected_label_is_no_longer_suspected(home: Home, predictor: Predictor) -> None:
    check_labels(home, predictor)
    say(home, {7: UNMASKED}, version=2)
    assert 7 not in [item.face_id for item in queue(home)]  # no student has answered it
    check_labels(home, predictor)
    assert next(item for item in queue(home) if item.face_id == 7).label_error < CANDIDATE


def test_features_are_computed_once(
    home: Home, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, features = features_of_faces(home, predictor, [3, 1, 2])
    assert (ids.tolist(), features.shape) == ([3, 1, 2], (3, 512))
    monkeypatch.setattr(student_features, "features_of_crops", None)  # would be noticed
    again, same = features_of_faces(home, predictor, [1, 3])
    assert again.tolist() == [1, 3]
    np.testing.assert_array_equal(same, features[[1, 0]])
    monkeypatch.undo()


@pytest.mark.parametrize("kept", [0, 1500])
def test_damaged_features_are_computed_anew(home: Home, predictor: Predictor, kept: int) -> None:
    features_of_faces(home, predictor, [1])
    path = home.root / "cache" / f"features-{predictor.model_id}.npz"
    whole = path.read_bytes()
    for damaged in (whole[:kept], whole[:kept] + bytes(len(whole) - kept), b"damaged"):
        path.write_bytes(damaged)
        assert features_of_faces(home, predictor, [1])[0].tolist() == [1]


def test_features_of_the_latest_models_are_kept(home: Home, predictor: Predictor) -> None:
    for number in range(KEPT_FILES + 2):
        runtime = TorchRuntime(student_network(predictor), f"student-{number}", "cpu")
        features_of_faces(home, Predictor(runtime), [1])
    names = sorted(path.name for path in (home.root / "cache").iterdir())
    assert names == [f"features-student-{number}.npz" for number in (2, 3, 4)]


def test_too_few_labels_are_named(tmp_path: Path, predictor: Predictor) -> None:
    home = make_home(tmp_path / "few", 9)
    with pytest.raises(StudioError, match="there are 3 unmasked, 3 masked, 3 incorrect: label"):
        check_labels(home, predictor)


def test_a_rare_class_and_an_unreadable_picture_are_left_out(
    home: Home, predictor: Predictor
) -> None:
    rare = {face: UNMASKED for face in range(3, 58, 3)}  # all but one of the class incorrect
    say(home, rare, version=1)
    with connect(home) as db:
        path = db.execute("SELECT path FROM images WHERE id = 1").fetchone()[0]
    (home.root / path).write_bytes(b"damaged")
    found = check_labels(home, predictor)
    assert (found.faces, found.left_out) == (58, 2)


def test_the_job_checks_with_the_model_that_it_names(home: Home, student: Path) -> None:
    from core.checkpoint import load_checkpoint
    from db.models import register_model

    checkpoint = load_checkpoint(student)
    with connect(home) as db:
        register_model(
            db, name=checkpoint.model_id, sha256=checkpoint.sha256, path=str(student),
            kind="student", recipe="test",
        )  # fmt: skip
        config = {"model": checkpoint.model_id}
        run = submit_run(db, recipe="check_labels", config=config, device="cpu")
    run_check(home, run, Progress(RunFiles.of(home, run.id), threading.Event()))
    assert {item.face_id for item in queue(home)[:2]} == set(WRONG)
