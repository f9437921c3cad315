"""Jobs on stored faces that are no training: answering, measuring, surveying. Real pictures."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from core.checkpoint import load_checkpoint
from core.faces import FaceBox, HeadPose
from db.annotations import annotate
from db.database import connect
from db.errors import StudioError
from db.evaluations import evaluations
from db.face_samples import count_unanswered, sample_faces, states_of, unanswered_faces
from db.faces import add_faces
from db.home import Home
from db.labels import Change
from db.migrations import open_home
from db.models import ModelKind, register_model
from db.paired_answers import mask_answers
from db.runs import Run, get_run, submit_run
from tests.retraining_files import make_home
from tests.studio_files import write_network
from tests.training_files import write_mask_set
from trainer.answer_faces import AnswerConfig, answer_faces
from trainer.benchmarks import STORED, imported_benchmarks
from trainer.dataset_import import import_path
from trainer.jobs.job import Progress
from trainer.jobs.local import LocalJobs
from trainer.jobs.run_files import RunFiles
from trainer.loop import TrainingStopped
from trainer.measure import MeasureConfig, measure
from trainer.near_duplicates import near_pairs, perceptual_hash
from trainer.survey import SurveyConfig, reduce_features, survey
from trainer.survey_file import load_survey
from trainer.worker import work

FACES = 24
AHEAD = HeadPose(yaw_deg=0, pitch_deg=0, roll_deg=0)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Labelled drawn faces, an imported mask set, a student and a teacher that know nothing."""
    folder = tmp_path_factory.mktemp("stored")
    home = make_home(folder / "home", FACES)
    import_path(home, write_mask_set(folder / "masks", train=3, val=9), split="val")
    register(home, "student", write_network(folder, "mhpnet"), "student")
    register(home, "teacher", write_network(folder, "lite0-mask"), "mask_teacher")
    return home


def register(home: Home, role: str, path: Path, kind: ModelKind) -> None:
    checkpoint = load_checkpoint(path)
    with connect(home) as db:
        register_model(
            db,
            name=checkpoint.model_id,
            sha256=checkpoint.sha256,
            path=str(path),
            kind=kind,
            recipe=role,
        )


def models(home: Home) -> list[str]:
    """The student, the teacher."""
    with connect(home) as db:
        return [row[0] for row in db.execute("SELECT name FROM models ORDER BY id")]


def queued(home: Home, recipe: str, config: object) -> Run:
    with connect(home) as db:
        return submit_run(db, recipe=recipe, config=asdict(config), device="cpu")  # type: ignore[call-overload]


def progress(home: Home, run: Run, *, stopped: bool = False) -> Progress:
    stop = threading.Event()
    if stopped:
        stop.set()
    return Progress(RunFiles.of(home, run.id), stop)


def test_models_answer_the_faces_they_have_not_seen_and_only_those(home: Home) -> None:
    names = models(home)
    run = queued(home, "answer", AnswerConfig(models=names))
    answer_faces(home, run, progress(home, run))
    with connect(home) as db:
        assert [count_unanswered(db, name, labelled_only=True) for name in names] == [0, 0]
        assert sum(mask_answers(db, *names).values()) == FACES + 9
        latencies = db.execute("SELECT min(latency_ms) FROM predictions").fetchone()
        before = db.execute("SELECT max(created_at) FROM predictions").fetchone()
    assert latencies[0] > 0
    answer_faces(home, run, progress(home, run))
    with connect(home) as db:
        assert db.execute("SELECT max(created_at) FROM predictions").fetchone() == before


def test_a_face_of_which_only_the_pose_is_known_counts_as_labelled(tmp_path: Path) -> None:
    home = make_home(tmp_path, 1)
    with connect(home) as db:
        boxes = [FaceBox(1, 2, 30, 30), FaceBox(40, 2, 30, 30)]
        posed, bare = (face.id for face in add_faces(db, 1, boxes, detector="person"))
        ahead = Change(face_id=posed, base_version=0, pose=AHEAD)
        annotate(db, [ahead], annotator="ann", client_op_id="pose")
        assert unanswered_faces(db, "student", labelled_only=True) == [1, posed]
        assert unanswered_faces(db, "student", labelled_only=False) == [1, posed, bare]


def test_a_picture_that_is_gone_keeps_no_other_from_being_answered(home: Home) -> None:
    with connect(home) as db:
        image = db.execute("SELECT id, path FROM images ORDER BY id LIMIT 1").fetchone()
        add_faces(db, image[0], [FaceBox(1, 2, 30, 30)], detector="person")
    aside = home.root / "aside"
    (home.root / image[1]).rename(aside)
    run = queued(home, "answer", AnswerConfig(models=models(home)[:1], labelled_only=False))
    answer_faces(home, run, progress(home, run))
    aside.rename(home.root / image[1])
    with connect(home) as db:
        assert count_unanswered(db, models(home)[0], labelled_only=False) == 1


def test_an_imported_set_is_measured_from_its_own_folder_and_kept_once(home: Home) -> None:
    with connect(home) as db:
        found = {benchmark.name: benchmark for benchmark in imported_benchmarks(db)}
    masks = found["masks"]
    assert (masks.kind, masks.split) == ("mask-csv", "val")
    assert (found["upload"].kind, found["upload"].faces) == (STORED, FACES)
    config = MeasureConfig(model=models(home)[0], benchmark=asdict(masks))
    run = queued(home, "measure", config)
    for _ in range(2):
        measure(home, run, progress(home, run))
    with connect(home) as db:
        (kept,) = evaluations(db, benchmark="masks")
    assert (kept.model, kept.run_id, kept.report["n"]) == (config.model, run.id, 9)
    assert RunFiles.of(home, run.id).said_progress() is not None


def test_faces_stored_here_are_a_benchmark_of_their_own(home: Home) -> None:
    with connect(home) as db:
        (stored,) = (b for b in imported_benchmarks(db) if b.name == "upload")
    run = queued(home, "measure", MeasureConfig(model=models(home)[0], benchmark=asdict(stored)))
    measure(home, run, progress(home, run))
    with connect(home) as db:
        assert evaluations(db, benchmark="upload")[0].report["n"] == FACES


def test_a_stopped_job_ends_at_its_next_step(home: Home) -> None:
    run = queued(home, "survey", SurveyConfig(model=models(home)[0]))
    with pytest.raises(TrainingStopped):
        survey(home, run, progress(home, run, stopped=True))


def test_a_worker_leads_a_survey_to_its_end(home: Home) -> None:
    config = asdict(SurveyConfig(model=models(home)[0], faces=20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.jobs.local.start_worker", lambda *place: None)
        run = LocalJobs(home).submit(config, device="cpu", recipe="survey")
    with connect(home) as db:  # the runs of the other tests
        db.execute("UPDATE runs SET status = 'cancelled' WHERE id < ?", [run.id])
    assert work(home, "cpu") == 1
    with connect(home) as db:
        ended = get_run(db, run.id)
    assert (ended.status, ended.error) == ("finished", None), LocalJobs(home).logs(run.id)
    found = load_survey(RunFiles.of(home, run.id).survey)
    assert (found.model, found.asked) == (config["model"], 20)
    assert found.positions.shape == (20, 2) and np.isfinite(found.positions).all()
    assert len(set(found.face_ids.tolist())) == 20


def test_a_teacher_has_no_map_and_few_faces_none_either(home: Home, tmp_path: Path) -> None:
    run = queued(home, "survey", SurveyConfig(model=models(home)[1]))
    with pytest.raises(StudioError, match="no student"):
        survey(home, run, progress(home, run))
    empty = open_home(tmp_path)
    register(empty, "student", write_network(tmp_path, "mhpnet"), "student")
    run = queued(empty, "survey", SurveyConfig(model=models(empty)[0]))
    with pytest.raises(StudioError, match="10 readable faces"):
        survey(empty, run, progress(empty, run))


def test_a_sample_is_the_same_each_time_and_keeps_the_share_of_labelled_faces(home: Home) -> None:
    with connect(home) as db:
        chosen = sample_faces(db, 10)
        assert chosen == sample_faces(db, 10)
        assert len(chosen) == len(states_of(db, chosen)) == 10
        assert sum(face.label is not None for face in states_of(db, chosen).values()) >= 9


def test_a_resized_portrait_is_a_duplicate_and_another_crop_is_none(
    astronaut_rgb: np.ndarray,
) -> None:
    small = astronaut_rgb[::4, ::4]
    crops = [astronaut_rgb, small, astronaut_rgb[:, ::-1], astronaut_rgb[100:400, 50:350]]
    hashes = np.array([perceptual_hash(np.ascontiguousarray(crop)) for crop in crops], np.uint64)
    assert [tuple(pair[:2]) for pair in near_pairs(hashes)] == [(0, 1)]


def test_pairs_are_found_across_blocks_as_by_looking_at_all() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 600, dtype=np.uint64)
    hashes[550] = hashes[3] ^ np.uint64(0b101)
    assert near_pairs(hashes, max_bits=4).tolist() == [[3, 550, 2]]


def test_alike_features_lie_together_on_the_map() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 30)
    features = rng.normal(0, 0.1, (60, 512)) + 5 * group[:, None]
    positions = reduce_features(features.astype(np.float32))
    centers = np.stack([positions[group == g].mean(axis=0) for g in (0, 1)])
    nearest = np.linalg.norm(positions[:, None] - centers, axis=-1).argmin(axis=1)
    assert (nearest == group).all()
