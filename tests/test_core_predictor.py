"""From a picture to answers: geometry, ensembles, and models that are not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core import predictor as predictor_module
from core.checkpoint import CheckpointError, ModelCard, save_checkpoint
from core.crop import cut_square
from core.detector import landmark_box
from core.faces import MASK_CLASSES, FaceBox
from core.networks import create_network
from core.predictor import load_predictor, model_files
from core.runtime import Ensemble, load_runtime, resolve_device


def write_model(path: Path, network: str = "mhpnet", **card) -> Path:
    torch.manual_seed(len(network))
    tensors = create_network(network).state_dict()
    save_checkpoint(path, ModelCard(network=network, **card), tensors)
    return path


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "s.safetensors")


def test_faces_are_found_cut_as_in_training_and_answered(student, astronaut_rgb):
    predictor = load_predictor(str(student), "cpu")
    faces = predictor.predict(astronaut_rgb)
    assert len(faces) == 1
    (face,) = faces
    assert face.box.score is not None and face.model_id == predictor.model_id
    assert sum(face.mask.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    square = landmark_box(face.box).square(predictor.crop_factor)
    crop = cut_square(astronaut_rgb, square, 112)
    answer = predictor.predict_batch(crop[None])
    assert face.pose.yaw_deg == pytest.approx(float(answer.yaw_deg[0]))
    assert list(face.mask.probabilities) == list(MASK_CLASSES)


def test_a_crowd_is_answered_in_batches_in_the_order_of_the_boxes(student, astronaut_rgb):
    predictor = load_predictor(str(student), "cpu")
    boxes = [FaceBox(3.0 * i, 2.0 * i, 100, 120) for i in range(70)]
    together = predictor.predict_boxes(astronaut_rgb, boxes)
    assert [face.box for face in together] == boxes
    alone = predictor.predict_boxes(astronaut_rgb, boxes[66:67])[0]
    assert together[66].pose.yaw_deg == pytest.approx(alone.pose.yaw_deg, abs=1e-3)
    assert predictor.predict_boxes(astronaut_rgb, []) == []


def test_a_crop_is_used_whole_and_padded_to_a_square(student, astronaut_rgb):
    predictor = load_predictor(str(student), "cpu")
    crop = astronaut_rgb[20:220, 150:300]
    face = predictor.predict_crop(crop)
    assert face.box == FaceBox(0, 0, 150, 200)
    padded = np.zeros((200, 200, 3), np.uint8)
    padded[:, 25:175] = crop
    same = predictor.predict_crop(padded)
    assert face.pose.yaw_deg == pytest.approx(same.pose.yaw_deg, abs=1e-3)


def test_an_ensemble_averages_and_a_task_nobody_knows_is_none(tmp_path):
    paths = [
        write_model(tmp_path / "a.safetensors", "resnet18-pose"),
        write_model(tmp_path / "b.safetensors", "regnetx004-pose"),
        write_model(tmp_path / "c.safetensors", "lite0-mask"),
    ]
    members = [load_runtime(path) for path in paths]
    crops = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    answers = [member.predict_batch(crops) for member in members]
    whole = Ensemble(members).predict_batch(crops)
    np.testing.assert_allclose(
        whole.angles_deg, (answers[0].angles_deg + answers[1].angles_deg) / 2, atol=1e-4
    )
    np.testing.assert_allclose(whole.mask_probabilities, answers[2].mask_probabilities)
    pose_only = Ensemble(members[:2]).predict_batch(crops)
    assert pose_only.mask_probabilities is None and pose_only.rotation.shape == (2, 3, 3)


def test_teachers_that_see_different_crops_are_refused_together(tmp_path):
    first = write_model(tmp_path / "a.safetensors", "resnet18-pose", crop_factor=1.25)
    second = write_model(tmp_path / "b.safetensors", "resnet18-pose", crop_factor=1.43)
    with pytest.raises(CheckpointError, match="must see the same crop"):
        Ensemble([load_runtime(first), load_runtime(second)])


def test_the_mask_temperature_of_the_card_calibrates_the_probabilities(tmp_path):
    cold = write_model(tmp_path / "a.safetensors")
    warm = write_model(tmp_path / "b.safetensors", mask_temperature=4.0)
    crops = np.random.default_rng(1).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    first, second = (
        load_runtime(p).predict_batch(crops).mask_probabilities[0] for p in (cold, warm)
    )
    expected = first ** (1 / 4.0)
    np.testing.assert_allclose(second, expected / expected.sum(), atol=1e-5)


def test_shipped_weights_that_are_missing_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(predictor_module, "WEIGHTS", tmp_path)
    monkeypatch.setattr(predictor_module, "STUDENT", tmp_path / "student.safetensors")
    for model in ("student", "teacher"):
        with pytest.raises(CheckpointError, match=rf"no {model} weights .* launch.py train"):
            model_files(model)
    with pytest.raises(CheckpointError, match="no such model file"):
        load_predictor(str(tmp_path / "mine.safetensors"))


def test_devices_are_named_or_refused_in_one_line():
    assert resolve_device("cpu") == "cpu"
    for name in ("gpu", "cuda:x", "cuda:99"):
        with pytest.raises(CheckpointError):
            resolve_device(name)


@pytest.mark.cuda
def test_cuda_answers_as_the_cpu_does(student):
    crops = np.random.default_rng(2).integers(0, 256, (8, 112, 112, 3), dtype=np.uint8)
    answers = [load_runtime(student, device=d).predict_batch(crops) for d in ("cpu", "cuda:0")]
    np.testing.assert_allclose(answers[0].angles_deg, answers[1].angles_deg, atol=0.05)


def test_model_cards_with_two_mask_classes_give_incorrect_no_probability(tmp_path):
    path = write_model(
        tmp_path / "two.safetensors", "mhpnet-2class", mask_classes=("unmasked", "masked")
    )
    runtime = load_runtime(path)
    assert runtime.card.mask_classes == ("unmasked", "masked")
    crops = np.zeros((1, 112, 112, 3), np.uint8)
    assert runtime.predict_batch(crops).mask_probabilities[0, 2] == 0.0
