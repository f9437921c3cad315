"""Drawn masks: the label is true, the pose is followed, the rest of the picture stays as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.faces import MaskLabel
from core.head_pose import rotation_from_euler
from trainer.mask_overlay import (
    CANONICAL_21,
    MASK_STYLES,
    HeadFrame,
    Worn,
    draw_mask,
    fit_head_frame,
    landmarks_21_from_68,
)

NOSE_TIP = CANONICAL_21[14]
MOUTH = CANONICAL_21[18]
CHIN = CANONICAL_21[20]
MASKS = (Worn.COVERING, Worn.UNDER_NOSE, Worn.ON_CHIN)


def skin_picture(side_px: int = 120) -> np.ndarray:
    """A skin-coloured gradient, uint8 (side, side, 3)."""
    down = np.linspace(0.75, 1.05, side_px)[:, None, None]
    across = np.linspace(0.9, 1.0, side_px)[None, :, None]
    return np.clip(np.array((205, 160, 135)) * down * across, 0, 255).astype(np.uint8)


def head_at(
    yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0, side_px: int = 120
) -> HeadFrame:
    """A head of ordinary size in the middle of a picture."""
    rotation = np.asarray(rotation_from_euler(yaw_deg, pitch_deg, roll_deg))
    return HeadFrame(rotation, side_px * 0.24, np.array((0.5, 0.42)) * side_px)


def coverage_at(drawn, frame: HeadFrame, point: np.ndarray) -> float:
    """How much of the head point's pixel is hidden."""
    x, y = np.rint(frame.project(point)).astype(int)
    return float(drawn.coverage[y, x])


@pytest.mark.parametrize("style", MASK_STYLES)
def test_what_is_covered_is_what_the_label_says(style: str) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pose = (rng.uniform(-40, 40), rng.uniform(-20, 20), rng.uniform(-20, 20))
        frame = head_at(*pose)
        for worn in MASKS:
            drawn = draw_mask(skin_picture(), frame, rng, worn=worn, style=style)
            nose, mouth, chin = (coverage_at(drawn, frame, at) for at in (NOSE_TIP, MOUTH, CHIN))
            where = f"{worn} {style} seed {seed} pose {pose}"
            assert (nose > 0.5) == (worn is Worn.COVERING), where
            assert (mouth > 0.5) == (worn is not Worn.ON_CHIN), where
            assert chin > 0.5, where
            expected = MaskLabel.MASKED if worn is Worn.COVERING else MaskLabel.INCORRECT
            assert (drawn.label, drawn.worn, drawn.style) == (expected, worn, style)


@pytest.mark.parametrize("yaw_deg", [-75, -60, 60, 75])
def test_a_mask_at_profile_covers_the_nose_and_the_near_cheek_but_no_eye(yaw_deg: int) -> None:
    near = np.sign(yaw_deg)  # yaw > 0 turns the nose to image left: the right cheek is near
    for seed in range(8):
        frame = head_at(yaw_deg)
        drawn = draw_mask(skin_picture(), frame, np.random.default_rng(seed), worn=Worn.COVERING)
        cheek = np.array((near * 0.55, -0.8, 0.12))
        assert coverage_at(drawn, frame, NOSE_TIP - (0, 0, 0.1)) > 0.5
        assert coverage_at(drawn, frame, cheek) > 0.5
        eye = CANONICAL_21[10 if near > 0 else 7] + (0, 0.05, 0)
        assert coverage_at(drawn, frame, eye) < 0.2


def test_eyes_and_forehead_stay_free_under_every_mask() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        frame = head_at(rng.uniform(-40, 40), rng.uniform(-15, 15), rng.uniform(-30, 30))
        drawn = draw_mask(skin_picture(), frame, rng, worn=MASKS[seed % 3])
        for eye in CANONICAL_21[[7, 10]]:
            assert coverage_at(drawn, frame, eye) < 0.2
        assert coverage_at(drawn, frame, np.array((0, 0.95, 0.25))) == 0


@pytest.mark.parametrize("worn", [kind for kind in Worn if kind not in MASKS])
def test_other_things_are_labelled_unmasked_and_change_the_picture(worn: Worn) -> None:
    for seed in range(8):
        drawn = draw_mask(skin_picture(), head_at(), np.random.default_rng(seed), worn=worn)
        assert drawn.label is MaskLabel.UNMASKED
        assert drawn.coverage.sum() > 100


@pytest.mark.parametrize("worn", Worn)
def test_the_same_seed_draws_the_same_picture_and_another_seed_another(worn: Worn) -> None:
    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return draw_mask(skin_picture(), head_at(20), rng, worn=worn).image_rgb

    assert np.array_equal(draw(5), draw(5))
    assert not np.array_equal(draw(5), draw(6))


@pytest.mark.parametrize("worn", Worn)
def test_nothing_changes_outside_and_the_given_picture_is_left_alone(
    worn: Worn, astronaut_rgb: np.ndarray
) -> None:
    before = astronaut_rgb.copy()
    rotation = np.asarray(rotation_from_euler(-15.0, 0.0, -5.0))
    frame = HeadFrame(rotation, 38.0, np.array((222.0, 110.0)))
    drawn = draw_mask(astronaut_rgb, frame, np.random.default_rng(1), worn=worn)
    assert np.array_equal(astronaut_rgb, before)
    assert drawn.image_rgb.shape == before.shape and drawn.image_rgb.dtype == np.uint8
    far = np.hypot(*(np.indices(before.shape[:2]) - np.array((140, 222))[:, None, None])) > 230
    assert np.array_equal(drawn.image_rgb[far], before[far])
    assert not np.array_equal(drawn.image_rgb, before)


@pytest.mark.parametrize("yaw_deg", [-100, -90, 0, 90, 100])
@pytest.mark.parametrize("side_px", [32, 120, 333])
def test_any_pose_and_picture_size_can_be_drawn(yaw_deg: int, side_px: int) -> None:
    picture = skin_picture(side_px)
    for seed, worn in enumerate(Worn):
        frame = head_at(yaw_deg, (-60, 0, 60)[seed % 3], (-90, 0, 150)[seed % 3], side_px)
        drawn = draw_mask(picture, frame, np.random.default_rng(seed), worn=worn)
        assert drawn.image_rgb.shape == picture.shape
        assert drawn.coverage.max() <= 1 and drawn.coverage.min() >= 0


def test_a_face_outside_the_picture_leaves_it_unchanged() -> None:
    frame = HeadFrame(np.eye(3), 30.0, np.array((-900.0, 50.0)))
    drawn = draw_mask(skin_picture(), frame, np.random.default_rng(0), worn=Worn.COVERING)
    assert np.array_equal(drawn.image_rgb, skin_picture())
    assert drawn.coverage.max() == 0


def test_a_mask_is_darker_in_a_dark_picture_and_grey_in_a_grey_one() -> None:
    light, frame = skin_picture(), head_at()
    dark = (light * 0.3).astype(np.uint8)
    grey = np.repeat(cv2.cvtColor(light, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    for seed in range(10):
        in_light, in_dark, in_grey = (
            draw_mask(picture, frame, np.random.default_rng(seed), worn=Worn.COVERING)
            for picture in (light, dark, grey)
        )
        inside = in_light.coverage > 0.9
        assert in_dark.image_rgb[inside].mean() < 0.6 * in_light.image_rgb[inside].mean()
        colors = in_grey.image_rgb[inside].astype(int)
        assert np.ptp(colors, axis=1).max() <= 2


def test_a_fitted_frame_gives_back_scale_center_and_landmarks() -> None:
    rotation = np.asarray(rotation_from_euler(35.0, -10.0, 12.0))
    true = HeadFrame(rotation, 27.0, np.array((61.0, 48.0)))
    landmarks = true.project(CANONICAL_21)
    landmarks[[0, 6, 12, 17]] = np.nan
    fitted = fit_head_frame(landmarks, rotation, CANONICAL_21)
    assert fitted.scale_px == pytest.approx(27.0)
    assert fitted.center_px == pytest.approx(true.center_px)
    assert fitted.project(CANONICAL_21) == pytest.approx(true.project(CANONICAL_21))


def test_a_fitted_frame_bends_toward_a_landmark_that_lies_elsewhere() -> None:
    true = head_at()
    landmarks = true.project(CANONICAL_21)
    landmarks[20] += (0, 6)  # an open mouth
    fitted = fit_head_frame(landmarks, true.rotation, CANONICAL_21)
    assert fitted.project(CHIN)[1] > true.project(CHIN)[1] + 2.5
    assert np.linalg.norm(fitted.project(CANONICAL_21[7]) - true.project(CANONICAL_21[7])) < 1.5


def test_landmarks_of_the_68_layout_map_to_the_aflw_order() -> None:
    points = np.stack((np.arange(68.0), np.zeros(68)), axis=1)
    mapped = landmarks_21_from_68(points)
    assert np.isnan(mapped[[12, 16]]).all()
    assert mapped[14, 0] == 30 and mapped[17, 0] == 48 and mapped[20, 0] == 8
    assert np.isfinite(mapped).all(axis=1).sum() == 19


@pytest.mark.parametrize(
    ("landmarks", "rotation", "message"),
    [
        (np.zeros((5, 2)), np.eye(3), "shape"),
        (np.full((21, 2), np.nan), np.eye(3), "at least 3 visible"),
        (np.zeros((21, 2)), np.eye(3), "do not fit"),
        (np.zeros((21, 2)), np.full((3, 3), np.nan), "finite"),
    ],
)
def test_landmarks_that_cannot_be_fitted_raise_one_clear_error(
    landmarks: np.ndarray, rotation: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_head_frame(landmarks, rotation, CANONICAL_21)


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        (np.zeros((120, 120), np.uint8), {}, "RGB"),
        (np.zeros((120, 120, 3), np.float32), {}, "RGB"),
        (np.zeros((20, 120, 3), np.uint8), {}, "at least 32"),
        (skin_picture(), {"worn": Worn.COVERING, "style": "tweed"}, "surgical"),
        (skin_picture(), {"worn": Worn.CUP, "style": "surgical"}, "no style"),
    ],
)
def test_bad_input_raises_one_clear_error(picture: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_mask(picture, head_at(), np.random.default_rng(0), **options)


def test_real_faces_at_every_yaw_get_masks_over_their_marked_nose_and_mouth(
    shared_data: Path,
) -> None:
    with (shared_data / "pose" / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["usable"] == "1"][::400]
    hidden, marked = 0, 0
    for seed, row in enumerate(rows):
        rotation = np.array([[float(row[f"r{i}{j}"]) for j in range(3)] for i in range(3)])
        marks = [[float(row[f"lm{k}_{axis}"] or "nan") for axis in "xy"] for k in range(21)]
        frame = fit_head_frame(np.array(marks), rotation, CANONICAL_21)
        bgr = cv2.imread(str(shared_data / "pose" / "images" / row["file"]))
        picture = np.ascontiguousarray(bgr[..., ::-1])
        drawn = draw_mask(picture, frame, np.random.default_rng(seed), worn=Worn.COVERING)
        for index in (13, 14, 15, 17, 18, 19):
            if np.isfinite(marks[index]).all():
                x, y = np.clip(np.rint(marks[index]).astype(int), 0, 119)
                marked += 1
                hidden += drawn.coverage[y, x] > 0.5
    assert marked > 100
    assert hidden / marked > 0.97
