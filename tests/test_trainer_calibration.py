"""Calibration shows the 8-bit form every kind of face alike, rare ones first of all."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.checkpoint import ModelCard, save_checkpoint
from core.datasets import DatasetError, FaceSample
from core.faces import HeadPose, MaskLabel
from core.images import encode_png
from core.networks import create_network
from core.runtime import BatchPrediction
from launch import main
from tests.onnx_files import write_checkpoint
from tests.training_files import write_mask_set, write_pose_set
from trainer import calibration
from trainer.calibration import (
    Change,
    UnprovenForm,
    change_between,
    faces_to_scale_and_prove,
    kind_of,
    quantise_beside,
)

CARD = ModelCard(network="mhpnet", input_px=32)
FACE = FaceSample(image_path=Path("face.png"), name="face")


def turned(yaw_deg: float) -> FaceSample:
    return replace(FACE, pose=HeadPose(yaw_deg=yaw_deg, pitch_deg=0, roll_deg=0))


def test_kinds_are_mask_labels_or_how_far_the_head_is_turned() -> None:
    assert kind_of(replace(turned(80), mask=MaskLabel.INCORRECT)) == "incorrect"
    kinds = [kind_of(turned(yaw)) for yaw in (0, -29, 45, -61, 90)]
    assert kinds == ["frontal", "frontal", "turned", "profile", "profile"]
    assert kind_of(FACE) == "unlabelled"


def test_rare_kinds_get_as_many_as_common_ones() -> None:
    faces = [turned(0)] * 1000 + [turned(70)] * 30 + [replace(FACE, mask=MaskLabel.MASKED)] * 10
    chosen = calibration._every_kind_alike(faces, 60, np.random.default_rng(0))
    assert Counter(map(kind_of, chosen)) == {"frontal": 25, "profile": 25, "masked": 10}
    assert len({kind_of(face) for face in chosen[:20]}) == 3  # mixed, as batches must be


def test_scales_are_set_by_the_training_split_of_all_folders(tmp_path: Path) -> None:
    folders = [write_pose_set(tmp_path / "pose", val=100), write_mask_set(tmp_path / "mask")]
    scaling, others = faces_to_scale_and_prove(folders, CARD)
    assert scaling.shape == (12 + 9, 32, 32, 3) and scaling.dtype == np.uint8
    assert others.shape == (100 + 6, 32, 32, 3)
    scaling, others = faces_to_scale_and_prove(folders, CARD, count=101)
    assert (len(scaling), len(others)) == (21, 101)


@pytest.mark.parametrize(
    ("train", "val", "counts"), [(12, 100, (12, 100)), (60, 50, (30, 80)), (80, 0, (40, 40))]
)
def test_where_few_are_held_out_half_of_the_others_prove(tmp_path, train, val, counts) -> None:
    folder = write_pose_set(tmp_path / "pose", train=train, val=val)
    scaling, others = faces_to_scale_and_prove([folder], CARD)
    assert (len(scaling), len(others)) == counts
    assert not contents(scaling) & contents(others)


def test_a_handful_of_faces_proves_nothing(tmp_path: Path) -> None:
    """The proof could rest on one face, which any 8-bit form passes."""
    folder = write_pose_set(tmp_path / "pose", train=60, val=9)
    with pytest.raises(UnprovenForm, match=r"39 faces are too few .*: 40 are needed"):
        faces_to_scale_and_prove([folder], CARD)


def test_a_picture_that_sets_the_scales_proves_nothing(tmp_path: Path) -> None:
    """A data set in the app and replayed, too: by chance in both splits, and cut otherwise."""
    folder = write_pose_set(tmp_path / "pose", train=40, val=110)
    app = write_mask_set(tmp_path / "app", train=30, val=30)
    for number in range(15):  # half of val are pictures on which the other folder trains
        copied = (folder / "images" / f"head{number:03d}.png").read_bytes()
        (app / "images" / f"mask{30 + number:03d}.png").write_bytes(copied)
    scaling, others = faces_to_scale_and_prove([app, folder], CARD)
    assert (len(scaling), len(others)) == (70, 110 + 15)


def contents(crops: np.ndarray) -> set[bytes]:
    return {crop.tobytes() for crop in crops}


def test_unreadable_pictures_are_left_out_and_said_so(tmp_path: Path, caplog) -> None:
    folder = write_pose_set(tmp_path / "pose", val=100)
    (folder / "images" / "head000.png").write_bytes(b"")
    assert len(faces_to_scale_and_prove([folder], CARD)[0]) == 11
    assert "left out of the calibration" in caplog.text


def test_folders_without_a_training_face_are_refused(tmp_path: Path) -> None:
    folder = write_pose_set(tmp_path / "pose", train=0, val=2)
    with pytest.raises(DatasetError, match="no split 'train'"):
        faces_to_scale_and_prove([folder], CARD)


def test_a_checkpoint_gets_its_8_bit_form_beside_it_once(tmp_path: Path) -> None:
    checkpoint = write_student(tmp_path)
    folders = [write_pose_set(tmp_path / "pose", val=40), write_mask_set(tmp_path / "mask")]
    quantise_beside(checkpoint, folders)
    small = tmp_path / "student.int8.onnx"
    assert 0 < small.stat().st_size < checkpoint.stat().st_size / 2
    written = small.stat().st_mtime_ns
    quantise_beside(checkpoint, folders)
    assert small.stat().st_mtime_ns == written


def write_student(folder: Path) -> Path:
    """A network that is sure of its mask class; of fresh weights all three are about as likely."""
    torch.manual_seed(0)
    tensors = create_network("mhpnet").state_dict()
    tensors["mask_head.bias"][0] += 3
    checkpoint = folder / "student.safetensors"
    save_checkpoint(checkpoint, CARD, tensors)
    return checkpoint


def test_an_8_bit_form_that_answers_otherwise_is_not_kept(tmp_path: Path, caplog, capsys) -> None:
    """Scales from black pictures leave no room for what faces do inside the network."""
    pose = write_pose_set(tmp_path / "pose", val=100)
    for picture in sorted((pose / "images").iterdir())[:12]:
        picture.write_bytes(encode_png(np.zeros((120, 120, 3), np.uint8)))
    checkpoint = tmp_path / "student.safetensors"
    write_checkpoint(checkpoint, CARD)
    quantise_beside(checkpoint, [pose])
    assert "no 8-bit form of student.safetensors: it differs by" in caplog.text
    target = tmp_path / "student.int8.onnx"
    command = ["export", str(target), "--runtime", "onnx-int8", "--model", str(checkpoint)]
    assert main([*command, "--data", str(pose)]) == 2
    assert "no 8-bit form of student.safetensors: it differs by" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.onnx")) + list(tmp_path.glob(".*.onnx"))


def test_an_export_says_how_the_8_bit_form_differs(tmp_path: Path, capsys) -> None:
    checkpoint, target = write_student(tmp_path), tmp_path / "small.onnx"
    pose = write_pose_set(tmp_path / "pose", val=40)
    command = ["export", str(target), "--runtime", "onnx-int8", "--model", str(checkpoint)]
    assert main([*command, "--data", str(pose)]) == 0 and target.exists()
    said = capsys.readouterr().out
    assert re.search(r"differs from student\.safetensors by 0\.\d+° and 0\.0% .*46 faces", said)


def test_a_small_change_is_half_a_degree_and_one_face_in_a_hundred() -> None:
    def change(angle_deg: float, classes: float) -> Change:
        return Change(angle_deg=angle_deg, classes=classes, faces=100)

    assert change(0.5, 0.01).is_small
    for angle_deg, classes in ((0.6, 0.0), (0.0, 0.02), (float("nan"), 0.0)):
        assert not change(angle_deg, classes).is_small


def test_the_change_counts_angles_and_classes() -> None:
    before = BatchPrediction(np.eye(3)[[0, 1]], np.zeros((2, 3)), None)
    after = BatchPrediction(np.eye(3)[[0, 2]], np.array([(3.0, 0, 0), (0, 0, 0)]), None)
    one, other = (SimpleNamespace(predict_batch=lambda _, a=a: a) for a in (before, after))
    change = change_between(one, other, np.zeros((2, 32, 32, 3), np.uint8))
    assert change == Change(angle_deg=0.5, classes=0.5, faces=2)


def test_a_checkpoint_without_faces_to_scale_by_stays_alone(tmp_path: Path, caplog) -> None:
    checkpoint = tmp_path / "student.safetensors"
    save_checkpoint(checkpoint, CARD, create_network("mhpnet").state_dict())
    quantise_beside(checkpoint, [write_pose_set(tmp_path / "pose", train=0, val=2)])
    assert not list(tmp_path.glob("*.onnx")) and "no 8-bit form of student" in caplog.text
