"""Measuring a model: with an oracle that reads each answer from the pixels, planted there."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.datasets import FaceSample, Reading, Skipped, read_dataset
from core.faces import MASK_CLASSES, FaceBox, HeadPose, MaskLabel
from core.images import encode_png
from core.runtime import BatchPrediction
from trainer.crop_views import face_rng, jittered_square
from trainer.evaluate import Evaluation, EvaluationError, evaluate
from trainer.face_results import BATCH_SIZE, predict_faces


@dataclass
class Oracle:
    """Reads yaw from red, pitch from green and the mask class from blue of the centre pixel."""

    model_id: str = "oracle"
    crop_factor: float = 1.43
    input_px: int = 16
    answers_pose: bool = True
    answers_mask: bool = True
    yaw_error_deg: float = 0.0

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        assert crops_rgb.dtype == np.uint8
        assert crops_rgb.shape[1:] == (self.input_px, self.input_px, 3)
        assert len(crops_rgb) <= BATCH_SIZE
        red, green, blue = crops_rgb[:, 8, 8].T.astype(np.float32)
        angles_deg = np.stack([red - 128 + self.yaw_error_deg, green - 128, 0 * red], axis=1)
        masks = np.full((len(crops_rgb), 3), 0.05)
        masks[np.arange(len(crops_rgb)), blue.astype(int) % 3] = 0.9
        return BatchPrediction(
            mask_probabilities=masks if self.answers_mask else None,
            angles_deg=angles_deg if self.answers_pose else None,
            pose_probabilities=None,
        )


def plant(folder: Path, name: str, yaw_deg: int, pitch_deg: int, label: MaskLabel) -> Path:
    """A 32-px picture of one colour that tells the oracle its answer."""
    color = (yaw_deg + 128, pitch_deg + 128, MASK_CLASSES.index(label))
    path = folder / name
    path.write_bytes(encode_png(np.full((32, 32, 3), color, np.uint8)))
    return path


def pose_reading(folder: Path, yaws_deg: list[int]) -> Reading:
    samples = [
        FaceSample(
            image_path=plant(folder, f"{index}.png", yaw_deg, 5, MaskLabel.UNMASKED),
            name=f"{index}.png",
            crop_factor=1.43,
            pose=HeadPose(yaw_deg=yaw_deg, pitch_deg=5, roll_deg=0),
        )
        for index, yaw_deg in enumerate(yaws_deg)
    ]
    return Reading(tuple(samples), ())


def mask_reading(folder: Path) -> Reading:
    """Two sources; the pictures of "b" show another class than their label says."""
    rows = [
        ("a", MaskLabel.MASKED, MaskLabel.MASKED, None, None),
        ("a", MaskLabel.UNMASKED, MaskLabel.UNMASKED, True, None),
        ("a", MaskLabel.INCORRECT, MaskLabel.INCORRECT, None, None),
        ("b", MaskLabel.UNMASKED, MaskLabel.MASKED, None, 1),
        ("b", MaskLabel.UNMASKED, MaskLabel.MASKED, False, 0),
    ]
    samples = [
        FaceSample(
            image_path=plant(folder, f"{index}.png", 0, 0, shown),
            name=f"{index}.png",
            mask=label,
            source=source,
            lower_face_occluded=occluded,
            occlusion_level=level,
        )
        for index, (source, label, shown, occluded, level) in enumerate(rows)
    ]
    return Reading(tuple(samples), ())


def test_an_oracle_makes_no_error(tmp_path: Path) -> None:
    yaws_deg = list(range(-98, 99, 2))  # more than one batch
    evaluation = evaluate(Oracle(), pose_reading(tmp_path, yaws_deg), "pose-csv")
    assert evaluation.pose is not None
    assert evaluation.pose.n == len(yaws_deg) > BATCH_SIZE
    assert evaluation.pose.mae_deg == 0
    assert [result.sample.name for result in evaluation.results] == [
        f"{index}.png" for index in range(len(yaws_deg))
    ]


def test_a_planted_error_of_6_degrees_of_yaw_is_found(tmp_path: Path) -> None:
    evaluation = evaluate(Oracle(yaw_error_deg=6), pose_reading(tmp_path, [-70, 0, 40]), "biwi")
    assert evaluation.pose is not None
    assert evaluation.pose.yaw_mae_deg == pytest.approx(6)
    assert evaluation.pose.mae_deg == pytest.approx(2)
    assert evaluation.pose.by_yaw["30-60"].mae_deg == pytest.approx(2)


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    reading = pose_reading(tmp_path, [0, 10, 100, -30])
    (tmp_path / "1.png").write_bytes(b"\x89PNG but then nothing")
    (tmp_path / "3.png").unlink()
    reading = Reading(reading.samples, (Skipped("4.mat", "label file is missing"),))
    report = evaluate(Oracle(), reading, "aflw2000").report()
    assert (report["n"], report["excluded"]) == (1, 4)
    assert report["excluded_reasons"] == {
        "label file is missing": 1,
        "angle beyond 99°": 1,
        "image cannot be used": 2,
    }


def test_mask_figures_and_sources_follow_the_labels(tmp_path: Path) -> None:
    report = evaluate(Oracle(), mask_reading(tmp_path), "mask-csv").report()
    assert (report["n"], report["n_binary"], report["n_occluded"]) == (5, 4, 2)
    assert (report["recall"], report["specificity"]) == (1, pytest.approx(1 / 3))
    assert report["specificity_occluded"] == pytest.approx(1 / 2)
    assert report["by_source"]["a"]["three_class_accuracy"] == 1
    assert report["by_source"]["b"]["three_class_accuracy"] == 0
    assert "mae_deg" not in report


def test_a_model_of_the_other_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="oracle does not answer what mask-csv has labels"):
        evaluate(Oracle(answers_mask=False), mask_reading(tmp_path), "mask-csv")


def test_data_without_a_usable_face_are_refused_with_the_reasons() -> None:
    reading = Reading((), (Skipped("a", "image is missing"), Skipped("b", "image is missing")))
    with pytest.raises(EvaluationError, match=r"no face to measure \(2 × image is missing\)"):
        evaluate(Oracle(), reading, "aflw2000")
    with pytest.raises(EvaluationError, match="the data set is empty"):
        evaluate(Oracle(), Reading((), ()), "aflw2000")


def test_labels_of_both_tasks_are_reported_apart(tmp_path: Path) -> None:
    reading = pose_reading(tmp_path, [0, 20])
    samples = [dataclasses.replace(of, mask=MaskLabel.UNMASKED) for of in reading.samples]
    report = evaluate(Oracle(), Reading(tuple(samples), ()), "pose-csv").report()
    assert report["pose"]["n"] == report["mask"]["n"] == 2
    assert report["pose"]["mae_deg"] == 0


def assert_is_json(evaluation: Evaluation) -> None:
    report = evaluation.report()
    assert json.loads(json.dumps(report, allow_nan=False)).keys() == report.keys()
    json.dumps(evaluation.rows(), allow_nan=False)


def test_reports_and_rows_are_plain_json(tmp_path: Path) -> None:
    assert_is_json(evaluate(Oracle(), mask_reading(tmp_path), "mask-csv"))
    evaluation = evaluate(Oracle(), pose_reading(tmp_path, [7]), "biwi", crop_jitter=True)
    assert_is_json(evaluation)
    (row,) = evaluation.rows()
    assert (
        row["true_pose"] == row["predicted_pose"] == {"yaw_deg": 7, "pitch_deg": 5, "roll_deg": 0}
    )
    assert row["mask_probabilities"] == {"unmasked": 0.9, "masked": 0.05, "incorrect": 0.05}


def test_jitter_of_a_face_is_the_same_in_any_order_and_differs_between_faces(
    tmp_path: Path,
) -> None:
    first, second = pose_reading(tmp_path, [0, 0]).samples
    square = FaceBox(10, 20, 100, 100)
    assert jittered_square(square, face_rng(first)) == jittered_square(square, face_rng(first))
    assert jittered_square(square, face_rng(first)) != jittered_square(square, face_rng(second))


def test_jitter_stays_within_ten_percent_and_reaches_far() -> None:
    square = FaceBox(10, 20, 100, 100)
    rng = np.random.default_rng(0)
    jittered = [jittered_square(square, rng) for _ in range(500)]
    shifts = np.array([of.center_px for of in jittered]) - square.center_px
    sides = np.array([of.width_px for of in jittered])
    assert 9 < np.abs(shifts).max() <= 10
    assert 90 <= sides.min() < 91
    assert 109 < sides.max() <= 110
    assert all(of.width_px == pytest.approx(of.height_px) for of in jittered)


def test_jitter_is_compared_on_the_same_faces(tmp_path: Path) -> None:
    evaluation = evaluate(
        Oracle(yaw_error_deg=3), pose_reading(tmp_path, [-40, 0, 40]), "biwi", crop_jitter=True
    )
    jitter = evaluation.report()["crop_jitter"]
    # The pictures are of one colour, so moving the crop changes nothing.
    assert (jitter["n"], jitter["mae_deg"], jitter["plain_mae_deg"]) == (3, 1, 1)
    assert (jitter["increase_deg"], jitter["increase_deg_ci95"]) == (0, (0, 0))


def test_answers_do_not_depend_on_the_thread_that_loads_first(tmp_path: Path) -> None:
    samples = pose_reading(tmp_path, list(range(-90, 91, 1))).samples
    results, skipped = predict_faces(Oracle(), samples)
    assert not skipped
    assert [result.pose for result in results] == [sample.pose for sample in samples]


@pytest.mark.parametrize(
    ("kind", "folder", "split"),
    [
        ("aflw2000", "aflw2000_sample", None),
        ("pose-csv", "pose", "val"),
        ("mask-csv", "mask", "val"),
    ],
)
def test_real_data_sets_are_measured(
    kind: str, folder: str, split: str | None, shared_data: Path
) -> None:
    reading = read_dataset(kind, shared_data / folder, split)
    few = Reading(reading.samples[:40], reading.skipped)
    oracle = Oracle(answers_pose=kind != "mask-csv", answers_mask=False)
    if kind == "mask-csv":
        results, skipped = predict_faces(oracle, few.samples)
        assert (len(results), len(skipped)) == (40, 0)
        return
    report = evaluate(oracle, few, kind).report()
    assert report["n"] + report["excluded"] == 40 + len(reading.skipped)
