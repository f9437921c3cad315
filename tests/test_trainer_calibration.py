"""Calibration shows the 8-bit form every kind of face alike, rare ones first of all."""

from __future__ import annotations

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
from tests.training_files import write_mask_set, write_pose_set
from trainer import calibration
from trainer.calibration import (
    Change,
    calibration_crops,
    change_between,
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


def test_crops_come_from_the_training_split_of_all_folders(tmp_path: Path) -> None:
    folders = [write_pose_set(tmp_path / "pose"), write_mask_set(tmp_path / "mask")]
    crops = calibration_crops(folders, CARD, count=100)
    assert crops.shape == (12 + 9, 32, 32, 3) and crops.dtype == np.uint8
    assert calibration_crops(folders, CARD, count=5).shape == (5, 32, 32, 3)


def test_unreadable_pictures_are_left_out_and_said_so(tmp_path: Path, caplog) -> None:
    folder = write_pose_set(tmp_path / "pose")
    (folder / "images" / "head000.png").write_bytes(b"")
    assert len(calibration_crops([folder], CARD)) == 11
    assert "left out of the calibration" in caplog.text


def test_folders_without_a_training_face_are_refused(tmp_path: Path) -> None:
    folder = write_pose_set(tmp_path / "pose", train=0, val=2)
    with pytest.raises(DatasetError, match="no split 'train'"):
        calibration_crops([folder], CARD)


def test_a_checkpoint_gets_its_8_bit_form_beside_it_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    checkpoint = tmp_path / "student.safetensors"
    save_checkpoint(checkpoint, CARD, create_network("mhpnet").state_dict())
    folders = [write_pose_set(tmp_path / "pose"), write_mask_set(tmp_path / "mask")]
    quantise_beside(checkpoint, folders)
    small = tmp_path / "student.int8.onnx"
    assert 0 < small.stat().st_size < checkpoint.stat().st_size / 2
    written = small.stat().st_mtime_ns
    quantise_beside(checkpoint, folders)
    assert small.stat().st_mtime_ns == written


def test_an_8_bit_form_that_answers_otherwise_is_not_kept(tmp_path: Path, caplog) -> None:
    """Scales from black pictures leave no room for what faces do inside the network."""
    pose = write_pose_set(tmp_path / "pose")
    for picture in sorted((pose / "images").iterdir())[:12]:
        picture.write_bytes(encode_png(np.zeros((120, 120, 3), np.uint8)))
    torch.manual_seed(0)
    checkpoint = tmp_path / "student.safetensors"
    save_checkpoint(checkpoint, CARD, create_network("mhpnet").state_dict())
    quantise_beside(checkpoint, [pose])
    assert not list(tmp_path.glob("*.onnx"))
    assert "no 8-bit form of student.safetensors: it differs by" in caplog.text


def test_changes_are_measured_on_faces_that_set_no_scale(tmp_path: Path, monkeypatch) -> None:
    asked: dict[str, np.ndarray] = {}

    def measure(one, other, crops):
        asked["measured"] = crops
        return Change(angle_deg=0.1, classes=0.0, faces=len(crops))

    def export(source, target, crops):
        asked["scaled"] = crops
        target.write_bytes(b"8 bits")

    monkeypatch.setattr(calibration, "export_int8", export)
    monkeypatch.setattr(calibration, "load_runtime", lambda path: path)
    monkeypatch.setattr(calibration, "change_between", measure)
    for val, counts in ((6, (12, 6)), (0, (6, 6))):  # held-out faces, else every other one
        folder = write_pose_set(tmp_path / f"pose{val}", val=val)
        checkpoint = tmp_path / f"student{val}.safetensors"
        save_checkpoint(checkpoint, CARD, create_network("mhpnet").state_dict())
        quantise_beside(checkpoint, [folder])
        assert checkpoint.with_suffix(".int8.onnx").read_bytes() == b"8 bits"
        assert (len(asked["scaled"]), len(asked["measured"])) == counts
        both = [{crop.tobytes() for crop in crops} for crops in asked.values()]
        assert not both[0] & both[1]


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
