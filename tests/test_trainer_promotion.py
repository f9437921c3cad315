"""Which challenger may serve: figures in pairs, tolerances, reasons in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.datasets import FaceSample
from core.faces import MASK_CLASSES, HeadPose, MaskLabel
from core.intervals import compare_shares
from trainer.comparison import Comparison, changed_share, compare
from trainer.face_results import FaceResult
from trainer.promotion import HELD_OUT, Tolerances, decide


def samples(count: int, *, posed: bool = False) -> list[FaceSample]:
    """Faces of all three classes in turn; posed ones look further and further to one side."""
    return [
        FaceSample(
            image_path=Path("none"),
            name=str(index),
            mask=None if posed else MASK_CLASSES[index % 3],
            pose=HeadPose(yaw_deg=index % 90, pitch_deg=0, roll_deg=0) if posed else None,
        )
        for index in range(count)
    ]


def answers(faces: list[FaceSample], *, wrong: int = 0, off_deg: float = 0.0) -> list[FaceResult]:
    """Right answers but for the mask of the first ``wrong`` faces, and a yaw that is off."""
    results = []
    for index, face in enumerate(faces):
        true = MASK_CLASSES.index(face.mask or MaskLabel.UNMASKED)
        said = (true + 1) % 3 if index < wrong else true
        yaw = (face.pose.yaw_deg if face.pose else 0.0) + off_deg
        pose = HeadPose(yaw_deg=yaw, pitch_deg=0, roll_deg=0)
        results.append(FaceResult(sample=face, pose=pose, mask_probabilities=np.eye(3)[said]))
    return results


def comparisons(
    before: dict[str, float], after: dict[str, float], count: int = 300
) -> list[Comparison]:
    """Champion and challenger on held-out mask labels and on a benchmark of poses."""
    masks, poses = samples(count), samples(count, posed=True)
    return [
        *compare(
            answers(masks, wrong=before["wrong"]), answers(masks, wrong=after["wrong"]), HELD_OUT
        ),
        *compare(
            answers(poses, off_deg=before["off"]), answers(poses, off_deg=after["off"]), "poses"
        ),
    ]


def test_a_challenger_that_is_better_is_promoted_with_its_figures() -> None:
    decision = decide(comparisons({"wrong": 40, "off": 3}, {"wrong": 10, "off": 3}), changed=0.1)
    assert decision.verdict == "promoted"
    assert any("13.33 → 3.33 %" in reason for reason in decision.reasons), decision.reasons


def test_a_challenger_that_is_the_same_is_promoted() -> None:
    same = {"wrong": 20, "off": 3}
    assert decide(comparisons(same, same), changed=0.0).verdict == "promoted"


@pytest.mark.parametrize("after", [{"wrong": 60, "off": 3}, {"wrong": 20, "off": 9}])
def test_a_challenger_that_is_surely_worse_is_rejected(after: dict[str, float]) -> None:
    decision = decide(comparisons({"wrong": 20, "off": 3}, after), changed=0.1)
    assert decision.verdict == "rejected"
    assert "change +" in decision.reasons[0]


def test_one_class_may_not_pay_for_the_others() -> None:
    faces = samples(300)
    worse_class = {str(i) for i in range(0, 300, 3) if i < 60}  # 20 of the 100 unmasked
    better = {str(i) for i in range(300) if i % 3 and i < 40}

    def told(wrong: set[str]) -> list[FaceResult]:
        every, none = answers(faces, wrong=300), answers(faces)
        return [every[i] if face.name in wrong else none[i] for i, face in enumerate(faces)]

    decision = decide(compare(told(better), told(worse_class), HELD_OUT), changed=0.1)
    assert decision.verdict == "rejected"
    assert "unmasked" in decision.reasons[0]


def test_too_few_faces_need_a_person() -> None:
    same = {"wrong": 2, "off": 3}
    decision = decide(comparisons(same, same, count=20), changed=0.0)
    assert decision.verdict == "person"
    assert any("at least 40 faces of different origin are needed" in r for r in decision.reasons)


def test_a_loss_on_a_handful_of_faces_rejects_nobody_but_a_person_looks() -> None:
    same = {"wrong": 20, "off": 3}
    few = samples(6)
    lost = compare(answers(few), answers(few, wrong=6), "small album")
    decision = decide([*comparisons(same, same), *lost], changed=0.0)
    assert decision.verdict == "person"
    assert "more than the 2 points that are tolerated" in decision.reasons[0]


def test_a_rare_class_that_is_forgotten_is_seen() -> None:
    """Nine of 300 faces wear the mask incorrectly, and the challenger no longer knows the class."""
    faces = [
        replace(face, mask=MASK_CLASSES[2 if index < 9 else index % 2])
        for index, face in enumerate(samples(300))
    ]
    mended = answers(faces, wrong=40)[9:]  # the champion errs on others, so that the whole gains
    decision = decide(
        compare([*answers(faces)[:9], *mended], answers(faces, wrong=9), HELD_OUT), changed=0.1
    )
    assert decision.verdict == "person"
    assert [reason.split(":")[0] for reason in decision.reasons] == [
        "mask error on held-out annotations, incorrect (n = 9)"
    ]


@pytest.mark.parametrize(("count", "verdict"), [(188, "person"), (189, "promoted")])
def test_the_same_answers_to_few_faces_prove_nothing(count: int, verdict: str) -> None:
    faces = samples(count)
    decision = decide(compare(answers(faces), answers(faces), HELD_OUT), changed=0.0)
    assert decision.verdict == verdict
    assert ("too few to rule out more" in decision.reasons[0]) == (verdict == "person")


def test_a_promotion_needs_as_many_faces_as_the_page_says() -> None:
    page = (Path(__file__).parents[1] / "docs" / "retraining.md").read_text()
    rows = re.findall(r"^\| (?:none|1|2) (?:is|are) newly wrong \|(.+)\|$", page, re.MULTILINE)
    assert len(rows) == 3
    limits = Tolerances()
    for broken, row in enumerate(rows):
        for mended, count in enumerate(map(int, row.split("|"))):
            assert most_lost(count, broken, mended) <= limits.mask_error
            is_least = most_lost(count - 1, broken, mended) > limits.mask_error
            assert is_least or count == limits.min_faces


def most_lost(count: int, broken: int, mended: int) -> float:
    """The bad end of the interval where the answer changed on so many faces."""
    champion, challenger = np.zeros(count), np.zeros(count)
    champion[:mended], challenger[count - broken :] = 1, 1
    interval = compare_shares(champion, challenger).difference_ci95
    assert interval is not None
    return interval[1]


def test_the_faces_of_one_album_count_as_one() -> None:
    faces = samples(300)
    album = [replace(face, group="album") for face in faces[:240]]
    grouped = [*album, *(replace(face, group=face.name) for face in faces[240:])]
    figure = compare(answers(grouped, wrong=240), answers(grouped), HELD_OUT)[0]
    assert (figure.n, figure.origins) == (300, 61)
    assert figure.champion == pytest.approx(1 / 61) and figure.challenger == 0
    assert "(n = 300 of 61 origins, which count alike)" in figure.text()
    single = samples(61)
    alone = compare(answers(single, wrong=1), answers(single), HELD_OUT)[0]
    assert figure.worse_ci95 == pytest.approx(alone.worse_ci95)
    decision = decide(compare(answers(album, wrong=240), answers(album), HELD_OUT), changed=0.0)
    assert decision.verdict == "person" and "faces of different origin" in decision.reasons[0]


def test_frames_of_a_video_do_not_narrow_the_interval_of_the_pose() -> None:
    noise = np.random.default_rng(5).normal(0, 4, 50)
    frames = [
        replace(face, group=f"video {index // 6}")
        for index, face in enumerate(samples(300, posed=True))
    ]

    def told(faces: list[FaceSample], every: int) -> list[FaceResult]:
        return [
            replace(result, pose=replace(result.pose, pitch_deg=noise[n // every]))
            for n, result in enumerate(answers(faces))
        ]

    videos = compare(answers(frames), told(frames, 6), "videos")[0]
    first = frames[::6]
    singles = compare(answers(first), told(first, 1), "videos")[0]
    assert (videos.n, videos.origins, singles.n) == (300, 50, 50)
    assert videos.worse_ci95 == pytest.approx(singles.worse_ci95)


def test_a_doubtful_difference_needs_a_person() -> None:
    decision = decide(comparisons({"wrong": 20, "off": 3}, {"wrong": 24, "off": 3}), changed=0.02)
    assert decision.verdict == "person"
    assert decision.reasons[0].startswith("mask error on held-out annotations (n = 300)")


def test_many_changed_answers_need_a_person_or_an_independent_benchmark() -> None:
    figures = comparisons({"wrong": 200, "off": 3}, {"wrong": 0, "off": 3})
    decision = decide(figures, changed=0.6)
    assert decision.verdict == "person"
    assert "the answer changes on 60% of the held-out faces" in decision.reasons[0]
    faces = samples(200)
    independent = compare(answers(faces), answers(faces), "imported test set")
    assert decide([*figures, *independent], changed=0.6).verdict == "promoted"


def test_a_pose_that_drifts_without_labels_needs_a_person() -> None:
    faces = samples(200)
    near, far = (compare(answers(faces), answers(faces, off_deg=off), HELD_OUT) for off in (2, 20))
    assert decide(near, changed=0.0).verdict == "promoted"
    assert decide(far, changed=0.0).verdict == "person"
    assert "turned by 20.00° on average" in decide(far, changed=0.0).reasons[0]


def test_a_mask_model_without_any_pose_is_not_promoted_alone() -> None:
    faces = samples(200)
    silent = [replace(result, pose=None) for result in answers(faces)]
    decision = decide(compare(silent, silent, HELD_OUT), changed=0.0)
    assert decision.verdict == "person" and "head pose was not measured" in decision.reasons[0]


def test_tolerances_are_what_decides() -> None:
    same = {"wrong": 2, "off": 3}
    lenient = Tolerances(min_faces=10, mask_error=0.2)
    assert decide(comparisons(same, same, count=20), 0.0, lenient).verdict == "promoted"


def test_only_the_same_faces_are_compared() -> None:
    with pytest.raises(ValueError, match="the same faces"):
        compare(answers(samples(3)), answers(samples(3)), HELD_OUT)


def test_the_share_of_changed_answers_counts_mask_classes() -> None:
    faces = samples(10)
    assert changed_share(answers(faces), answers(faces, wrong=4)) == pytest.approx(0.4)
