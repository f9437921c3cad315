"""Which faces are shown of those on which challenger and champion differ, and how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.datasets import FaceSample
from core.faces import FaceBox, HeadPose, MaskLabel
from core.images import encode_png, read_image
from tests.training_files import SIDE_PX, draw_head
from trainer.changed_faces import CROP_PX, SHOWN, show_changes
from trainer.face_results import FaceResult

MASKED, UNMASKED = np.array([0.1, 0.8, 0.1]), np.array([0.8, 0.1, 0.1])


def turned(yaw_deg: float) -> HeadPose:
    return HeadPose(yaw_deg=yaw_deg, pitch_deg=0, roll_deg=0)


STRAIGHT, ASIDE = turned(0), turned(30)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "head.png"
    path.write_bytes(encode_png(draw_head(0, 0, 0, tone=90)[0]))
    return path


def face(
    picture: Path, name: str = "a", mask: MaskLabel | None = None, pose: HeadPose | None = None
) -> FaceSample:
    square = FaceBox(0, 0, SIDE_PX, SIDE_PX)
    return FaceSample(
        name=name,
        split="val",
        image_path=picture,
        crop_square=square,
        crop_factor=1.43,
        mask=mask,
        pose=pose,
    )


def answer(sample: FaceSample, pose: HeadPose | None = None, mask=None) -> FaceResult:
    return FaceResult(sample=sample, pose=pose, mask_probabilities=mask)


def test_masks_that_became_right_or_wrong_are_told_apart(picture: Path, tmp_path: Path) -> None:
    samples = [face(picture, mask=MaskLabel.MASKED), face(picture, mask=MaskLabel.UNMASKED)]
    before = [answer(sample, mask=UNMASKED) for sample in samples]
    after = [answer(sample, mask=MASKED) for sample in samples]
    shown = show_changes({"album": (before, after)}, tmp_path / "changed")
    assert [one["text"] for one in shown["mask better"]] == ["unmasked → masked, labelled masked"]
    assert [one["text"] for one in shown["mask worse"]] == ["unmasked → masked, labelled unmasked"]
    crop = read_image(tmp_path / "changed" / shown["mask better"][0]["file"])
    assert crop.shape == (CROP_PX, CROP_PX, 3)


def test_poses_are_judged_by_their_label_and_only_shown_without(
    picture: Path, tmp_path: Path
) -> None:
    samples = [face(picture, pose=STRAIGHT), face(picture, pose=ASIDE), face(picture)]
    before = [answer(sample, STRAIGHT) for sample in samples]
    after = [answer(sample, ASIDE) for sample in samples]
    shown = show_changes({"album": (before, after)}, tmp_path / "changed")
    texts = {kind: [one["text"] for one in faces] for kind, faces in shown.items() if faces}
    assert texts == {
        "pose worse": ["off by 0° → 10°"],
        "pose better": ["off by 10° → 0°"],
        "pose turned": ["turned by 30°"],
    }
    pair = read_image(tmp_path / "changed" / shown["pose better"][0]["file"])
    assert pair.shape == (CROP_PX, 2 * CROP_PX, 3)
    assert (pair[:, :CROP_PX] != pair[:, CROP_PX:]).any()


def test_the_greatest_changes_are_shown_and_small_ones_never(picture: Path, tmp_path: Path) -> None:
    samples = [face(picture, name=f"face {turn}", pose=STRAIGHT) for turn in range(40)]
    before = [answer(sample, STRAIGHT) for sample in samples]
    after = [answer(sample, turned(turn)) for turn, sample in enumerate(samples)]
    shown = show_changes({"album": (before, after)}, tmp_path / "changed")["pose worse"]
    assert [one["name"] for one in shown] == [f"face {39 - place}" for place in range(SHOWN)]
    few = show_changes({"album": (before[:9], after[:9])}, tmp_path / "changed")
    assert not any(few.values()) and not (tmp_path / "changed").exists()
