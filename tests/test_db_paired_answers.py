"""Two models on the same faces, against counting by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from db_support import add_face, add_model, label, mask, predict
from sqlite_utils import Database

from core.faces import HeadPose, MaskLabel
from db import data_statistics, paired_answers
from db.annotations import annotate
from db.database import connect
from db.filters import FaceFilter
from db.home import Home
from db.labels import Change
from db.migrations import open_home
from db.predictions import Prediction, store_predictions
from db.review_queue import QueueQuery, count, peek
from db.undo import undo

U, M, I = MaskLabel  # noqa: E741
SURE = {U: mask(0.9, 0.1, 0), M: mask(0.2, 0.8, 0), I: mask(0, 0.3, 0.7)}
#: (label, the student's answer, the teacher's answer) of each face; None: nobody labelled it.
FACES = [(M, M, M), (M, U, M), (M, M, U), (U, M, M), (U, U, M), (None, I, M), (I, I, U)]


def turned(angle_deg: float) -> HeadPose:
    return HeadPose(yaw_deg=angle_deg, pitch_deg=0, roll_deg=-angle_deg)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return open_home(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def faces(home: Home) -> list[int]:
    """The faces of ``FACES`` in their order, and one that the teacher never saw."""
    with connect(home) as db:
        add_model(db, "student")
        add_model(db, "teacher", "mask_teacher")
        splits = ["val", "val", *["train"] * (len(FACES) - 1)]
        ids = [add_face(db, home, seed, split=split) for seed, split in enumerate(splits)]
        for face, (said, student, teacher) in zip(ids, FACES, strict=False):
            predict(db, "student", {face: SURE[student]}, turned(10))
            predict(db, "teacher", {face: SURE[teacher]})
            if said:
                label(db, face, said)
        predict(db, "student", {ids[-1]: SURE[M]})
        label(db, ids[-1], M)
    return ids


@pytest.fixture
def db(home: Home, faces: list[int]) -> Iterator[Database]:
    with connect(home, read_only=True) as db:
        yield db


def test_triples_are_counted_where_both_answered_and_people_decided(db: Database) -> None:
    expected = Counter(face for face in FACES if face[0])
    assert paired_answers.mask_answers(db, "student", "teacher") == expected
    assert not paired_answers.mask_answers(db, "student", "nobody")


def test_a_split_is_compared_on_its_own_faces(db: Database, faces: list[int]) -> None:
    models, held_out = ("student", "teacher"), FaceFilter(split="val")
    triples = paired_answers.mask_answers(db, *models, filter=held_out)
    assert triples == Counter(FACES[:2])
    flips = [
        paired_answers.flipped_faces(db, *models, flip, filter=held_out)
        for flip in ("now right", "now wrong")
    ]
    assert flips == [[faces[1]], []]
    assert paired_answers.accuracies(db, models, filter=held_out) == (2, [1, 2])


def test_flipped_faces_are_those_that_one_model_alone_gets_right(
    db: Database, faces: list[int]
) -> None:
    right = paired_answers.flipped_faces(db, "student", "teacher", "now right")
    wrong = paired_answers.flipped_faces(db, "student", "teacher", "now wrong")
    assert right == [faces[1]]
    assert set(wrong) == {faces[2], faces[4], faces[6]}
    assert wrong[0] == faces[2] or wrong[0] == faces[6]  # 0.9, surer than 0.8 of face 4


def test_the_faces_of_a_cell_need_no_label(db: Database, faces: list[int]) -> None:
    assert paired_answers.faces_answered(db, "student", "teacher", I, M) == [faces[5]]
    assert set(paired_answers.faces_answered(db, "student", "teacher", M, M)) == {
        faces[0],
        faces[3],
    }


def test_a_filter_names_the_answers_of_the_student_and_of_one_more_model(
    db: Database, faces: list[int]
) -> None:
    filter = FaceFilter(predicted=(M,), also="teacher:unmasked")
    assert [item.face_id for item in peek(db, QueueQuery(filter=filter)).items] == [faces[2]]
    assert count(db, filter) == 1


def test_a_sample_holds_both_answers_of_every_face_while_there_are_few(
    db: Database, faces: list[int]
) -> None:
    sample = paired_answers.sample_answers(db, "student", "teacher", limit=100)
    assert sorted(answer.face_id for answer in sample) == faces[:-1]
    answer = next(answer for answer in sample if answer.face_id == faces[1])
    assert (answer.label, answer.first_p_masked, answer.second_p_masked) == (M, 0.1, 0.8)
    assert answer.mask_distance == pytest.approx(0.7)
    assert (answer.first_pose, answer.second_pose) == (turned(10), None)


def test_pose_errors_are_means_over_the_three_angles_of_the_same_faces(
    tmp_path: Path,
) -> None:
    home = open_home(tmp_path)
    truth, near, far = (turned(angle) for angle in (0, 3, 9))
    with connect(home) as db:
        add_model(db, "old")
        add_model(db, "new")
        assert paired_answers.pose_answers(db, "old", "new") is None
        ids = [add_face(db, home, n, split="test" if n == 1 else "train") for n in range(3)]
        for face, old, new in zip(ids, (near, far, far), (near, near, truth), strict=True):
            store_predictions(
                db,
                [
                    Prediction(face_id=face, model=name, mask=None, pose=pose)
                    for name, pose in (("old", old), ("new", new))
                ],
            )
            change = Change(face_id=face, base_version=0, pose=truth)
            annotate(db, [change], annotator="ann", client_op_id=f"pose-{face}")
        found = paired_answers.pose_answers(db, "old", "new")
        held_out = paired_answers.pose_answers(db, "old", "new", filter=FaceFilter(split="test"))
    assert held_out is not None
    assert (held_out.n, held_out.first_mae_deg, held_out.second_mae_deg) == (1, 6, 2)
    errors = np.array([[2, 6, 6], [2, 2, 0]])
    assert found is not None
    assert (found.n, found.second_nearer) == (3, 2)
    assert found.first_mae_deg == pytest.approx(errors[0].mean())
    assert found.second_mae_deg == pytest.approx(errors[1].mean())
    assert found.squared_difference == pytest.approx(((errors[1] - errors[0]) ** 2).sum())


def test_balance_counts_every_face_once_and_splits_only_labelled_ones(
    db: Database, faces: list[int]
) -> None:
    (source,) = data_statistics.balance_by_source(db)
    assert (source.part, source.faces) == ("upload", len(faces))
    assert source.counts == {
        "masked": 4,
        "unmasked": 2,
        "incorrect": 1,
        "not a face": 0,
        "unlabelled": 1,
    }
    splits = data_statistics.balance_by_split(db)
    found = [(split.part, split.faces, split.counts["unlabelled"]) for split in splits]
    assert found == [("train", 5, 0), ("val", 2, 0)]


def test_doubtful_labels_are_counted_by_the_day_they_were_given(home: Home, db: Database) -> None:
    (day,) = data_statistics.label_days(db)
    # the student's probability of the label is 0.1 (a masked face) and 0.2 (an unmasked one)
    for threshold, suspected in ((0.75, 2), (0.8, 2), (0.81, 1), (0.9, 1), (0.91, 0)):
        doubted = day.doubted(threshold)
        assert (doubted.labels, doubted.suspected) == (7, suspected), threshold
    first = peek(db, QueueQuery(order="label_error", filter=FaceFilter(status="labelled"))).items[0]
    with connect(home) as writing:
        label(writing, first.face_id, first.label, base_version=first.version)
        assert data_statistics.label_days(db)[0].doubted(0.9).suspected == 0  # confirmed
        undo(writing, annotator="ann", client_op_id="undo")
    assert data_statistics.label_days(db)[0].doubted(0.9).suspected == 1


def test_repeated_pictures_are_counted_once_whatever_their_names(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with connect(home) as db:
        add_face(db, home, 1, name="a.png")
        assert data_statistics.repeated_pictures(db) == 0
        for name in ("b.png", "c.png"):
            add_face(db, home, 1, name=name)
        assert data_statistics.repeated_pictures(db) == 1
