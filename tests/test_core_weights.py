"""The shipped weights: small enough, explained, and right about faces that everybody can see."""

from __future__ import annotations

import numpy as np
import pytest

from core.checkpoint import load_checkpoint
from core.faces import MaskLabel
from core.predictor import WEIGHTS, load_predictor, model_files
from core.runtime import load_runtime
from tests.onnx_files import face_crops
from ui.examples import write_examples

FILES = sorted(WEIGHTS.glob("*.safetensors"))


@pytest.fixture(scope="module")
def student():
    return load_predictor("student", "cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> dict:
    from core.images import read_image

    return {path.stem: read_image(path) for path in write_examples(tmp_path_factory.mktemp("p"))}


def test_there_is_a_student_and_teachers_of_both_tasks_within_80_megabytes():
    assert model_files("student") and len(model_files("teacher")) >= 2
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 80e6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_says_what_it_is_and_the_model_card_names_it(path):
    card = load_checkpoint(path).card
    assert card.recipe and card.commit and card.datasets and card.metrics
    assert "non-commercial" in card.licence
    assert f"`{path.name}`" in (WEIGHTS / "README.md").read_text(encoding="utf-8")


def test_the_8_bit_student_answers_as_the_exact_one_does_on_any_processor():
    crops = face_crops(64)
    exact, fast = (load_runtime(WEIGHTS / "student.safetensors", r) for r in ("torch", "onnx-int8"))
    expected, answers = exact.predict_batch(crops), fast.predict_batch(crops)
    # AVX2 without ``session.x64quantprecision``: 0.56°, because sums of 8-bit products overflow.
    assert np.abs(answers.angles_deg - expected.angles_deg).mean() < 0.4
    difference = np.abs(answers.mask_probabilities - expected.mask_probabilities)
    assert difference.mean() < 0.01


def test_a_bare_face_is_unmasked_and_nearly_frontal(student, pictures):
    (face,) = student.predict(pictures["no-mask"])
    assert face.mask.label is MaskLabel.UNMASKED
    assert abs(face.pose.yaw_deg) < 15 and abs(face.pose.roll_deg) < 15


def test_a_mask_is_seen_and_hardly_moves_the_pose(student, pictures):
    (bare,) = student.predict(pictures["no-mask"])
    (masked,) = student.predict(pictures["mask"])
    assert masked.mask.label is MaskLabel.MASKED
    for angle in ("yaw_deg", "pitch_deg", "roll_deg"):
        assert abs(getattr(bare.pose, angle) - getattr(masked.pose, angle)) < 10


def test_mirroring_the_picture_mirrors_the_answer(student, pictures):
    (face,) = student.predict(pictures["no-mask"])
    (mirrored,) = student.predict(pictures["no-mask"][:, ::-1].copy())
    assert mirrored.pose.yaw_deg == pytest.approx(-face.pose.yaw_deg, abs=8)
    assert mirrored.pose.roll_deg == pytest.approx(-face.pose.roll_deg, abs=8)


def test_real_faces_of_an_origin_never_trained_on_are_told_apart(student, shared_data):
    """A floor under gross damage (wrong colours, wrong crop); the figures are in the card."""
    from core.datasets import Reading, read_dataset
    from trainer.evaluate import evaluate

    reading = read_dataset("mask-csv", shared_data / "mask", "eval")
    part = Reading(reading.samples[::20], ())
    assert evaluate(student, part, "mask-csv").mask.accuracy > 0.9
    faces = read_dataset("aflw2000", shared_data / "aflw2000_sample", None)
    assert evaluate(student, faces, "aflw2000").pose.mae_deg < 8
