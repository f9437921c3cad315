"""Labels: what is written, what is refused, what a retry does, what undo brings back."""

from __future__ import annotations

import sqlite3

import pytest
from db_support import add_face, add_model, label, mask, predict
from sqlite_utils import Database

from core.faces import HeadPose, MaskLabel
from db.annotations import annotate, current_annotation, history, restore
from db.check import find_faults, rebuild_states
from db.errors import NotFound, NothingToUndo, NotTheLast, OperationIdReused
from db.events import StaleVersion
from db.home import Home
from db.labels import Change, Label
from db.undo import label_before, next_redo, next_undo, redo, undo

MASKED, UNMASKED, INCORRECT = MaskLabel.MASKED, MaskLabel.UNMASKED, MaskLabel.INCORRECT
POSE = HeadPose(yaw_deg=10, pitch_deg=-5, roll_deg=0)


@pytest.fixture
def face(db: Database, home: Home) -> int:
    return add_face(db, home, 1)


def rows(db: Database, sql: str) -> list[dict[str, object]]:
    return list(db.query(sql))


def masks(db: Database, face: int) -> list[MaskLabel | None]:
    return [annotation.label.mask for annotation in history(db, face)]


def test_a_label_is_an_event_and_the_current_value(db: Database, face: int) -> None:
    label(db, face, MASKED, op="key-1")
    assert rows(db, "SELECT face_id, mask_label, annotator, version FROM annotations") == [
        {"face_id": face, "mask_label": "masked", "annotator": "ann", "version": 1}
    ]
    assert rows(
        db, "SELECT op, mask_label, previous_mask_label, base_version FROM annotation_history"
    ) == [{"op": "label", "mask_label": "masked", "previous_mask_label": None, "base_version": 0}]


def test_a_second_label_keeps_the_first_in_the_history(db: Database, face: int) -> None:
    label(db, face, MASKED)
    label(db, face, INCORRECT, base_version=1, annotator="bob")
    assert [(a.version, a.annotator, a.label.mask) for a in history(db, face)] == [
        (1, "ann", MASKED),
        (2, "bob", INCORRECT),
    ]
    assert rows(
        db,
        "SELECT mask_label, previous_mask_label FROM annotation_history ORDER BY version DESC"
        " LIMIT 1",
    ) == [{"mask_label": "incorrect", "previous_mask_label": "masked"}]


def test_a_retried_gesture_does_nothing_twice(db: Database, face: int) -> None:
    first = label(db, face, MASKED, op="key-1")
    label(db, face, UNMASKED, base_version=1, annotator="bob")
    assert label(db, face, MASKED, op="key-1") == first
    assert masks(db, face) == [MASKED, UNMASKED]


def test_an_operation_id_stands_for_one_gesture(db: Database, face: int) -> None:
    label(db, face, MASKED, op="key-1")
    with pytest.raises(OperationIdReused, match="other labels"):
        label(db, face, UNMASKED, op="key-1")
    with pytest.raises(OperationIdReused, match="already stands for a label by ann"):
        label(db, face, MASKED, op="key-1", annotator="bob")


def test_a_stale_label_is_a_conflict_that_shows_what_is_there(db: Database, face: int) -> None:
    label(db, face, MASKED, annotator="ann")
    with pytest.raises(StaleVersion, match="it is 'masked' by ann now") as caught:
        label(db, face, UNMASKED, annotator="bob")
    (conflict,) = caught.value.conflicts
    assert (conflict.face_id, conflict.base_version) == (face, 0)
    assert conflict.current == current_annotation(db, face)
    assert masks(db, face) == [MASKED]


def test_one_conflict_stops_the_whole_gesture(db: Database, home: Home, face: int) -> None:
    others = [add_face(db, home, seed) for seed in (2, 3)]
    label(db, face, MASKED)
    changes = [Change(face_id=f, base_version=0, mask=UNMASKED) for f in (*others, face)]
    with pytest.raises(StaleVersion):
        annotate(db, changes, annotator="bob", client_op_id="grid")
    assert [masks(db, f) for f in (*others, face)] == [[], [], [MASKED]]


def test_a_change_of_the_pose_leaves_the_mask(db: Database, face: int) -> None:
    label(db, face, MASKED)
    change = Change(face_id=face, base_version=1, pose=POSE)
    (annotation,) = annotate(db, [change], annotator="ann", client_op_id="pose")
    assert annotation.label == Label(mask=MASKED, pose=POSE)


def test_a_rejected_face_has_no_mask_until_it_is_a_face_again(db: Database, face: int) -> None:
    label(db, face, MASKED)
    reject = Change(face_id=face, base_version=1, rejected=True)
    assert annotate(db, [reject], annotator="ann", client_op_id="x")[0].label == Label(
        rejected=True
    )
    assert label(db, face, UNMASKED, base_version=2).label == Label(mask=UNMASKED)


def test_a_face_that_does_not_exist_is_named(db: Database, face: int) -> None:
    with pytest.raises(NotFound, match="99"):
        label(db, 99, MASKED)
    assert rows(db, "SELECT * FROM annotation_actions") == []


def test_an_earlier_version_can_be_restored(db: Database, face: int) -> None:
    label(db, face, MASKED)
    label(db, face, UNMASKED, base_version=1)
    given = {"base_version": 2, "annotator": "bob", "client_op_id": "back"}
    restored = restore(db, face, 1, **given)
    assert (restored.op, restored.version, restored.label.mask) == ("restore", 3, MASKED)
    assert restore(db, face, 1, **given) == restored
    assert masks(db, face) == [MASKED, UNMASKED, MASKED]
    with pytest.raises(NotFound, match="no version 9"):
        restore(db, face, 9, base_version=3, annotator="bob", client_op_id="other")


def test_undo_and_redo_walk_through_the_gestures(db: Database, face: int) -> None:
    for version, value in enumerate((MASKED, UNMASKED, INCORRECT)):
        label(db, face, value, base_version=version)
    ids = iter(range(100))

    def step(verb: object) -> MaskLabel | None:
        (annotation,) = verb(db, annotator="ann", client_op_id=f"step-{next(ids)}")
        return annotation.label.mask

    assert [step(undo), step(undo), step(redo), step(undo), step(undo)] == [
        UNMASKED,
        MASKED,
        UNMASKED,
        MASKED,
        None,
    ]
    assert next_undo(db, "ann") == []
    with pytest.raises(NothingToUndo, match="nothing of ann is left to undo"):
        step(undo)
    assert next_redo(db, "ann")[0].label.mask == MASKED
    assert [step(redo), step(redo), step(redo)] == [MASKED, UNMASKED, INCORRECT]
    with pytest.raises(NothingToUndo, match="left to redo"):
        step(redo)
    assert rows(db, "SELECT mask_label FROM annotations") == [{"mask_label": "incorrect"}]
    assert find_faults(db, None) == []


def test_a_new_label_ends_the_redo(db: Database, face: int) -> None:
    label(db, face, MASKED)
    undo(db, annotator="ann", client_op_id="u")
    label(db, face, UNMASKED, base_version=2)
    assert next_redo(db, "ann") == []
    assert next_undo(db, "ann")[0].label.mask == UNMASKED


def test_undo_takes_a_whole_gesture_back_once(db: Database, home: Home) -> None:
    faces = [add_face(db, home, seed) for seed in range(40)]
    changes = [Change(face_id=f, base_version=0, mask=MASKED) for f in faces]
    annotate(db, changes, annotator="ann", client_op_id="grid")
    first = undo(db, annotator="ann", client_op_id="u")
    assert [a.label for a in first] == [Label()] * 40
    assert undo(db, annotator="ann", client_op_id="u") == first
    assert rows(db, "SELECT * FROM annotations") == []


def test_undo_takes_back_the_gesture_that_is_meant_or_none(db: Database, face: int) -> None:
    label(db, face, MASKED, op="seen here")
    label(db, face, UNMASKED, base_version=1, op="in another window")
    with pytest.raises(NotTheLast, match=f"another one now .face {face}: unmasked"):
        undo(db, annotator="ann", client_op_id="u-1", gesture="seen here")
    (undone,) = undo(db, annotator="ann", client_op_id="u-2", gesture="in another window")
    assert (undone.label.mask, label_before(db, undone).mask) == (MASKED, UNMASKED)
    redo(db, annotator="ann", client_op_id="r-1", gesture="in another window")
    undo(db, annotator="ann", client_op_id="u-3", gesture="in another window")
    assert masks(db, face)[-1] == MASKED


def test_undo_never_takes_back_what_another_said(db: Database, face: int) -> None:
    label(db, face, MASKED, annotator="ann")
    label(db, face, UNMASKED, base_version=1, annotator="bob")
    with pytest.raises(StaleVersion, match="it is 'unmasked' by bob now"):
        undo(db, annotator="ann", client_op_id="u")
    assert masks(db, face) == [MASKED, UNMASKED]
    undo(db, annotator="bob", client_op_id="u")
    assert masks(db, face) == [MASKED, UNMASKED, MASKED]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE annotation_events SET mask_label = 'unmasked'",
        "DELETE FROM annotation_events",
        "DELETE FROM annotation_actions",
        "UPDATE annotation_actions SET created_at = 'x'",
        "INSERT OR REPLACE INTO annotation_events (id, action_id, face_id, version, mask_label)"
        " SELECT id, action_id, face_id, version, 'unmasked' FROM annotation_events",
        "INSERT INTO annotation_events (action_id, face_id, version, mask_label)"
        " SELECT action_id, face_id, 1, 'unmasked' FROM annotation_events",
        "INSERT OR REPLACE INTO annotation_actions (id, client_op_id, annotator_id, kind,"
        " created_at) SELECT id, 'new', annotator_id, kind, '' FROM annotation_actions",
        "DELETE FROM faces",
    ],
)
def test_no_program_can_change_what_was_said(db: Database, home: Home, face: int, sql: str) -> None:
    label(db, face, MASKED)
    before = rows(db, "SELECT * FROM annotation_history")
    other = sqlite3.connect(home.database_path)  # as any other tool would
    other.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(sql)
    other.close()
    assert rows(db, "SELECT * FROM annotation_history") == before


def test_the_states_can_be_rebuilt_from_the_events(db: Database, home: Home) -> None:
    faces = [add_face(db, home, seed) for seed in range(5)]
    add_model(db, "student")
    predict(db, "student", {face: mask(0.2, 0.7, 0.1) for face in faces})
    for face in faces[:3]:
        label(db, face, UNMASKED)
    undo(db, annotator="ann", client_op_id="u")
    before = rows(db, "SELECT * FROM face_states")
    db.execute("UPDATE face_states SET mask_label = 'incorrect', version = 7, entropy = NULL")
    assert [fault.split(":")[0] for fault in find_faults(db, None)] == [f"face {f}" for f in faces]
    rebuild_states(db)
    assert rows(db, "SELECT * FROM face_states") == before
    assert find_faults(db, None) == []


def test_a_face_has_the_split_of_its_picture(db: Database, home: Home) -> None:
    face = add_face(db, home, 0, split="val")
    other = add_face(db, home, 1)

    def splits() -> list[object]:
        return [row[0] for row in db.execute("SELECT split FROM face_states ORDER BY face_id")]

    assert splits() == ["val", None]
    image = "(SELECT image_id FROM faces WHERE id = ?)"
    db.execute(f"UPDATE images SET split = 'test' WHERE id = {image}", [other])  # by another tool
    assert splits() == ["val", "test"]
    db.execute("UPDATE face_states SET split = 'train' WHERE face_id = ?", [face])
    assert [fault.split(":")[0] for fault in find_faults(db, None)] == [f"face {face}"]
    rebuild_states(db)
    assert splits() == ["val", "test"]
