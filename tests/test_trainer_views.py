"""Random views: labels follow the picture, and the same place gives the same view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.degraded import mouth_or_chin_unmarked
from core.datasets import read_dataset
from core.faces import HeadPose
from core.head_pose import euler_from_rotation, geodesic_deg, rotation_from_euler
from db.annotations import annotate
from db.database import connect
from db.home import Home
from db.labels import Change
from tests.retraining_files import make_home
from tests.training_files import write_mask_set, write_pose_set
from trainer.annotated_faces import read_annotated
from trainer.augment import AugmentConfig, View, cut_view, random_quality, random_view
from trainer.face_pool import FacePool, load_pool
from trainer.label_snapshot import read_snapshot, take_snapshot
from trainer.recipes import STUDENTS, Recipe
from trainer.soft_labels import mirror_probabilities, shift_probabilities
from trainer.validation import take
from trainer.views import (
    BatchSource,
    Position,
    ViewDataset,
    epoch_batches,
    epoch_rows,
    follow_view,
)

RECIPE = Recipe(name="test", network="mhpnet", batch_size=4, input_px=48, incorrect_repeats=3)


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> FacePool:
    root = tmp_path_factory.mktemp("sets")
    pose = read_dataset("pose-csv", write_pose_set(root / "pose"), "train").samples
    mask = read_dataset("mask-csv", write_mask_set(root / "mask"), "train").samples
    return load_pool([*pose, *mask], progress=False)


def dot_picture(x: int, y: int) -> np.ndarray:
    image = np.zeros((121, 121, 3), np.uint8)
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image


def dot_position(image: np.ndarray) -> tuple[float, float]:
    ys, xs = np.nonzero(image[..., 0] > 100)
    return float(xs.mean()), float(ys.mean())


@given(st.floats(-40, 40), st.booleans(), st.floats(-0.05, 0.05), st.floats(0.9, 1.1))
def test_the_picture_is_mirrored_then_turned_clockwise_then_shifted(angle, mirrored, shift, scale):
    view = View(scale, shift, 0.0, angle, mirrored, False)
    x, y = dot_position(cut_view(dot_picture(80, 50), 1.0, view, 121))
    right = (80 - 60.5 - shift * 121) * (-1 if mirrored else 1)
    down = 50 - 60.5
    a = np.radians(angle)
    expected = (
        60 + (right * np.cos(a) - down * np.sin(a)) / scale,
        60 + (right * np.sin(a) + down * np.cos(a)) / scale,
    )
    assert (x, y) == pytest.approx(expected, abs=1.2)


def test_a_plain_view_of_the_whole_picture_is_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut_view(image, 1.0, View(1, 0, 0, 0, False, False), 60), image)


def test_turning_the_picture_clockwise_adds_to_the_roll():
    angles, rotation = np.array([20.0, 5.0, 3.0]), rotation_from_euler(20, 5, 3)
    after, turned = follow_view(angles, rotation, View(1, 0, 0, 10.0, False, False))
    frontal, _ = follow_view(
        np.zeros(3), rotation_from_euler(0, 0, 0), View(1, 0, 0, 10.0, False, False)
    )
    np.testing.assert_allclose(frontal, (0, 0, 10), atol=1e-9)
    np.testing.assert_allclose(after, np.stack(euler_from_rotation(turned)), atol=1e-9)
    assert geodesic_deg(rotation, turned) == pytest.approx(10.0)


def test_mirroring_the_picture_changes_yaw_and_roll():
    angles, _ = follow_view(
        np.array([20.0, 5.0, 3.0]), rotation_from_euler(20, 5, 3), View(1, 0, 0, 0, True, False)
    )
    np.testing.assert_allclose(angles, (-20, 5, -3))


def test_mirrored_probabilities_are_those_of_the_mirrored_angles():
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.ones(62), 3)
    mirrored = mirror_probabilities(probabilities)
    centers = -93 + 3 * (np.arange(62) + 0.5)
    before, after = probabilities @ centers, mirrored @ centers
    np.testing.assert_allclose(after, before * (-1, 1, -1), atol=1e-9)
    np.testing.assert_array_equal(mirror_probabilities(mirrored), probabilities)


@given(st.floats(-12, 12))
def test_shifted_probabilities_keep_their_shape_and_move_their_mean(shift):
    centers = -93 + 3 * (np.arange(62) + 0.5)
    rows = np.exp(-0.5 * ((centers - np.array([[0.0], [10.0], [-20.0]])) / 6) ** 2)
    rows /= rows.sum(-1, keepdims=True)
    moved = shift_probabilities(rows, np.full(3, shift))
    np.testing.assert_allclose(moved.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(moved @ centers, rows @ centers + shift, atol=0.2)


def test_quality_changes_keep_size_and_type_and_never_touch_the_original():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    before = image.copy()
    every = AugmentConfig(
        tone_probability=1,
        gray_probability=1,
        low_resolution_probability=1,
        noise_probability=1,
        jpeg_probability=1,
    )
    for _ in range(20):
        out = random_quality(image, every, rng)
        assert out.shape == image.shape and out.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_crops_of_unknown_margin_vary_more_in_scale():
    rng = np.random.default_rng(4)
    config = AugmentConfig()
    spread = [
        np.std([random_view(config, rng, loose=loose, may_rotate=False).scale for _ in range(400)])
        for loose in (False, True)
    ]
    assert spread[1] > 2 * spread[0]


def test_an_epoch_shows_every_face_once_and_incorrect_ones_thrice(pool):
    rows, counts = np.unique(epoch_rows(pool, RECIPE, 0), return_counts=True)
    np.testing.assert_array_equal(rows, np.arange(len(pool)))
    incorrect = pool.has_mask & (pool.mask_index == 2)
    np.testing.assert_array_equal(counts, np.where(incorrect, 3, 1))


def test_order_depends_on_seed_and_epoch_only(pool):
    assert epoch_batches(pool, RECIPE, 1) == epoch_batches(pool, RECIPE, 1)
    assert epoch_batches(pool, RECIPE, 1) != epoch_batches(pool, RECIPE, 2)


def test_two_ranks_share_each_batch_without_overlap(pool):
    whole = epoch_batches(pool, RECIPE, 0)
    parts = [epoch_batches(pool, RECIPE, 0, rank, 2) for rank in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert sorted([*first, *second]) == sorted(batch) and not set(first) & set(second)


def test_the_same_place_gives_the_same_view_whatever_the_number_of_workers(pool):
    dataset = ViewDataset(pool, RECIPE, None)
    alone = [b.crops.numpy() for b in BatchSource(dataset, workers=0).epoch(0)]
    helped = [b.crops.numpy() for b in BatchSource(dataset, workers=2).epoch(0)]
    np.testing.assert_array_equal(np.concatenate(alone), np.concatenate(helped))
    resumed = [b.crops.numpy() for b in BatchSource(dataset, workers=0).epoch(0, first_step=2)]
    np.testing.assert_array_equal(np.concatenate(alone[2:]), np.concatenate(resumed))


def test_drawn_masks_give_the_label_of_what_was_drawn(pool):
    recipe = replace(RECIPE, drawn_fraction=1.0, drawn_mask_weight=3.0)
    dataset = ViewDataset(pool, recipe, None)
    labels = [int(dataset[Position(0, p, 0)]["mask_index"]) for p in range(60)]
    weights = [float(dataset[Position(0, p, 0)]["mask_weight"]) for p in range(5)]
    assert set(labels) == {0, 1, 2} and weights == [3.0] * 5
    plain = ViewDataset(pool, replace(RECIPE, drawn_fraction=0.0), None)[Position(0, 0, 0)]
    assert float(plain["mask_weight"]) == 0.0  # nobody labelled the mask of a pose face


def test_a_face_of_which_people_gave_only_the_pose_is_not_called_unmasked(home, pool, tmp_path):
    """The faces of a pose set are bare; of others nobody knows whether they wear a mask."""
    assert STUDENTS["default"].undrawn_mask_weight > 0
    recipe = replace(STUDENTS["default"], input_px=48, drawn_fraction=0.0)
    only_posed(make_home(home.root, faces=6))
    take_snapshot(home.root, tmp_path / "run")
    for samples in (
        [one for split in ("train", "val") for one in read_annotated(home.root, split).samples],
        read_snapshot(tmp_path / "run", None).samples,
    ):
        people = load_pool(samples, progress=False)
        assert people.has_pose.all() and people.has_mask.tolist().count(False) == 3
        dataset = ViewDataset(people, recipe, None)
        weights = [float(dataset[Position(0, 0, row)]["mask_weight"]) for row in range(6)]
        np.testing.assert_array_equal(weights, people.has_mask.astype(float))
    bare = ViewDataset(pool, recipe, None)[Position(0, 0, 0)]
    assert (float(bare["mask_weight"]), int(bare["mask_index"])) == (1.0, 0)


def only_posed(home: Home) -> None:
    """Every face gets a pose from a person, every second one loses its mask label."""
    pose = HeadPose(yaw_deg=10, pitch_deg=0, roll_deg=0)
    changes = [
        Change(face_id=face, base_version=1, pose=pose, **({"mask": None} if face % 2 else {}))
        for face in range(1, 7)
    ]
    with connect(home) as db:
        annotate(db, changes, annotator="ann", client_op_id="poses")


def test_a_face_that_looks_at_us_without_a_mark_on_its_chin_is_occluded(pool):
    landmarks = np.zeros((4, 21, 2))
    landmarks[1:, 20] = np.nan  # the chin
    landmarks[3] = np.nan  # nobody marked anything
    angles_deg = np.array([(0, 0, 0), (10, -10, 80), (70, 0, 0), (0, 0, 0)], float)
    faces = replace(take(pool, np.arange(4)), landmarks_px=landmarks, angles_deg=angles_deg)
    assert faces.has_pose.all()
    assert mouth_or_chin_unmarked(faces).tolist() == [False, True, False, False]


def test_a_picture_that_cannot_be_read_is_left_out_and_named(tmp_path, caplog):
    root = write_pose_set(tmp_path / "pose", train=3, val=1)
    (root / "images" / "head001.png").write_bytes(b"not a picture")
    pool = load_pool(read_dataset("pose-csv", root, "train").samples, progress=False)
    assert pool.names == ("head000.png", "head002.png")
    assert "head001.png" in caplog.text


def test_a_picture_that_is_not_the_one_that_was_labelled_is_left_out(tmp_path, caplog):
    root = write_pose_set(tmp_path / "pose", train=2, val=1)
    Image.new("RGB", (120, 90)).save(root / "images" / "head001.png")
    pool = load_pool(read_dataset("pose-csv", root, "train").samples, progress=False)
    assert pool.names == ("head000.png",)
    assert "head001.png: the picture has 120 × 90 px; expected a square crop" in caplog.text
