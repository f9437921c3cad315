"""The queue: orders, filters, leases; and the plans by which SQLite finds the next faces."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest
from db_support import add_face, add_model, label, mask, predict
from sqlite_utils import Database

from benchmarks.database_contents import STUDENT, TEACHER, fill
from core.faces import HeadPose, MaskLabel
from db.annotations import annotate, history
from db.annotators import annotator_id
from db.database import connect, write_transaction
from db.errors import NotFound
from db.filters import FaceFilter
from db.home import Home
from db.label_errors import Suspicion, forget_suspicions, store_suspicions
from db.labels import Change, Label
from db.leases import flag, release, skip, unflag, unskip
from db.migrations import open_home
from db.models import promote
from db.predictions import refresh_states
from db.review_queue import Order, QueueQuery, _for_annotator, _walk, count, peek, take
from db.reviews import give_opinion
from db.saved_queues import NameTaken, save_queue, saved_queue
from db.undo import redo, undo

MASKED, UNMASKED = MaskLabel.MASKED, MaskLabel.UNMASKED
ORDERS = get_args(Order)


@pytest.fixture
def faces(db: Database, home: Home) -> list[int]:
    """Six faces; the student doubts the later ones more, the teacher contradicts the third."""
    faces = [add_face(db, home, seed, source=("web", "camera")[seed % 2]) for seed in range(6)]
    add_model(db, "student")
    add_model(db, "teacher", "mask_teacher")
    doubts = [0.9, 0.8, 0.75, 0.7, 0.6, 0.55]
    said = {f: mask(1 - p, p, 0) for f, p in zip(faces, doubts, strict=True)}
    predict(db, "student", said, HeadPose(yaw_deg=40, pitch_deg=0, roll_deg=0))
    predict(db, "teacher", {**said, faces[2]: mask(1, 0, 0)})
    return faces


def found(db: Database, **query: object) -> list[int]:
    return [item.face_id for item in peek(db, QueueQuery(**query)).items]


def test_each_order_begins_at_its_interesting_end(db: Database, faces: list[int]) -> None:
    assert found(db, order="newest") == faces[::-1]
    assert found(db, order="entropy") == faces[::-1]
    assert found(db, order="disagreement")[0] == faces[2]
    assert sorted(found(db, order="random")) == faces
    for face in faces:
        label(db, face, MASKED if face != faces[1] else UNMASKED)
    labelled = FaceFilter(status="labelled")
    assert found(db, order="label_error", filter=labelled)[:2] == [faces[1], faces[5]]


def test_what_is_labelled_leaves_the_queue_and_comes_back_when_undone(
    db: Database, faces: list[int]
) -> None:
    label(db, faces[5], MASKED)
    assert found(db, order="entropy") == faces[4::-1]
    label(db, faces[5], None, base_version=1)
    assert found(db, order="entropy") == faces[::-1]


@pytest.mark.parametrize("order", ORDERS)
def test_pages_follow_each_other_without_gap_or_repeat(
    db: Database, faces: list[int], order: Order
) -> None:
    for face in faces[:3]:
        label(db, face, UNMASKED, pose=HeadPose(yaw_deg=30, pitch_deg=face, roll_deg=0))
    query = QueueQuery(order=order, filter=FaceFilter())
    page, pages = peek(db, query, count=2), []
    while page.items:
        pages.append([item.face_id for item in page.items])
        page = peek(db, query, count=2, after=page.after) if page.after else page._replace(items=[])
    expected = [item.face_id for item in peek(db, query).items]
    assert [face for page in pages for face in page] == expected
    assert len(expected) == (3 if order in ("label_error", "pose_error") else 6)


FILTERS = {
    "source": (FaceFilter(source="web"), [0, 2, 4]),
    "labels": (FaceFilter(labels=(MASKED,)), [0]),
    "annotator": (FaceFilter(annotator="bob"), [1]),
    "since": (FaceFilter(annotated_from="2020-01-01"), [0, 1, 3]),
    "before": (FaceFilter(annotated_before="2020-01-01"), []),
    "rejected": (FaceFilter(rejected=True), [3]),
    "unlabelled": (FaceFilter(status="unlabelled"), [2, 4, 5]),
    "predicted": (FaceFilter(predicted=(MASKED,), confidence=(0.65, 0.85)), [1, 2, 3]),
    "yaw": (FaceFilter(yaw_deg=(30, 50), pitch_deg=(-1, 1), roll_deg=(-1, 1)), [0, 1, 2, 3, 4, 5]),
    "teacher": (FaceFilter(model="teacher", predicted=(UNMASKED,)), [2]),
    "teacher and source": (FaceFilter(model="teacher", predicted=(MASKED,), source="web"), [0, 4]),
    "teacher, unlabelled": (
        FaceFilter(model="teacher", predicted=(MASKED,), status="unlabelled"),
        [4, 5],
    ),
    "teacher, labelled": (FaceFilter(model="teacher", status="labelled"), [0, 1, 3]),
    "run": (FaceFilter(run=1), []),
    "wrong": (FaceFilter(wrong=True), [1]),
    "disagreement": (FaceFilter(disagreement=(0.5, 1)), [2]),
    "flagged": (FaceFilter(flagged=True), [4]),
    "not flagged": (FaceFilter(flagged=False, source="web"), [0, 2]),
    "name": (FaceFilter(name="3.P"), [3]),
    "split": (FaceFilter(split="train"), []),
    "faces": (FaceFilter(face_ids=(1, 6)), [0, 5]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_the_same_in_the_queue_and_in_the_count(
    db: Database, faces: list[int], name: str
) -> None:
    label(db, faces[0], MASKED)
    label(db, faces[1], UNMASKED, annotator="bob")
    reject = Change(face_id=faces[3], base_version=0, rejected=True)
    annotate(db, [reject], annotator="ann", client_op_id="x")
    flag(db, "ann", faces[4], "is this a mask?")
    filter, expected = FILTERS[name]
    assert sorted(found(db, order="newest", filter=filter)) == [faces[n] for n in expected]
    assert count(db, filter) == len(expected)
    assert FaceFilter.from_json(filter.to_json()) == filter


def test_two_annotators_never_hold_the_same_face(db: Database, faces: list[int]) -> None:
    query = QueueQuery(order="newest")
    ann = [item.face_id for item in take(db, query, annotator="ann", count=2)]
    bob = [item.face_id for item in take(db, query, annotator="bob", count=3)]
    assert (ann, bob) == (faces[:3:-1], faces[3:0:-1])
    again = take(db, query, annotator="ann", count=9, own_too=True)  # her tab is gone
    assert [item.face_id for item in again] == [*ann, faces[0]]
    release(db, "ann", faces[:1])
    release(db, "ann")
    assert [i.face_id for i in take(db, query, annotator="bob", count=9)] == [*ann, faces[0]]


@pytest.mark.parametrize(
    "mark",
    [
        lambda db: skip(db, "ann", 999),
        lambda db: flag(db, "ann", 999),
        lambda db: unflag(db, 999),
    ],
)
def test_a_face_that_is_not_there_is_neither_skipped_nor_flagged(
    db: Database, mark: Callable[[Database], None]
) -> None:
    with pytest.raises(NotFound, match="there is no face 999"):
        mark(db)
    assert not db.execute("SELECT 1 FROM skips UNION ALL SELECT 1 FROM flags").fetchall()


def test_a_lease_ends_by_time_by_label_and_by_skipping(db: Database, faces: list[int]) -> None:
    query = QueueQuery(order="newest")
    take(db, query, annotator="ann", count=6, lease_s=-1)
    taken = [i.face_id for i in take(db, query, annotator="bob", count=6)]
    assert taken == faces[::-1]
    label(db, taken[0], MASKED, annotator="bob")
    skip(db, "bob", taken[1])
    held = db.execute("SELECT face_id FROM leases ORDER BY face_id").fetchall()
    assert [row[0] for row in held] == sorted(taken[2:])
    assert [i.face_id for i in take(db, query, annotator="bob", count=1)] == []
    assert [i.face_id for i in take(db, query, annotator="ann", count=1)] == [taken[1]]
    release(db, "ann")
    unskip(db, "bob", taken[1])
    assert [i.face_id for i in take(db, query, annotator="bob", count=1)] == [taken[1]]


def test_an_item_carries_what_a_screen_shows(db: Database, faces: list[int]) -> None:
    label(db, faces[0], UNMASKED)
    flag(db, "bob", faces[0])
    (item,) = peek(db, QueueQuery(filter=FaceFilter(face_ids=(faces[0],)))).items
    assert (item.version, item.label, item.annotator, item.is_flagged) == (1, UNMASKED, "ann", True)
    assert (item.predicted, item.confidence, item.source) == (MASKED, 0.9, "web")
    assert (item.image_name, item.image_width_px, item.box.width_px) == ("0.png", 48, 24)
    assert item.pose == HeadPose(yaw_deg=40, pitch_deg=0, roll_deg=0)
    unflag(db, faces[0])
    assert not peek(db, QueueQuery(filter=FaceFilter(face_ids=(faces[0],)))).items[0].is_flagged


def test_second_opinions_are_asked_of_others_once(db: Database, faces: list[int]) -> None:
    label(db, faces[0], MASKED, annotator="ann")
    label(db, faces[1], MASKED, annotator="bob")
    query = QueueQuery(order="newest", second_opinion=True)
    assert [i.face_id for i in take(db, query, annotator="bob", lease_s=-1)] == [faces[0]]
    give_opinion(
        db, faces[0], Label(mask=UNMASKED), base_version=1, reviewer="bob", client_op_id="r",
        blind=True,
    )  # fmt: skip
    assert take(db, query, annotator="bob") == []
    assert found(db, order="newest", filter=FaceFilter(disputed=True)) == [faces[0]]


def test_a_suspicion_from_elsewhere_leads_until_the_face_is_labelled_anew(
    db: Database, faces: list[int]
) -> None:
    events = [label(db, face, MASKED) for face in faces]
    suspicion = Suspicion(
        face_id=faces[0], event_id=events[0].event_id, score=0.99, reason="cleanlab: unmasked"
    )
    old = Suspicion(face_id=faces[1], event_id=999, score=1.0, reason="about an older label")
    assert store_suspicions(db, [suspicion, old]) == 1
    refresh_states(db, faces)
    query = QueueQuery(order="label_error", filter=FaceFilter(status="labelled"))
    item = peek(db, query).items[0]
    assert (item.face_id, item.label_error_reason) == (faces[0], "cleanlab: unmasked")
    label(db, faces[0], MASKED, base_version=1, annotator="bob")
    assert peek(db, query).items[-1].face_id == faces[0]
    store_suspicions(db, [replace(suspicion, event_id=events[0].event_id + 6)])
    forget_suspicions(db)
    refresh_states(db, faces)
    assert peek(db, query).items[-1].face_id == faces[0]


def test_a_suspicion_outlives_what_says_nothing_of_the_mask(db: Database, faces: list[int]) -> None:
    face = faces[0]
    event = label(db, face, MASKED)
    suspicion = Suspicion(face_id=face, event_id=event.event_id, score=0.99, reason="so")
    store_suspicions(db, [suspicion])

    def given(**what: object) -> str | None:
        version = len(history(db, face))
        change = Change(face_id=face, base_version=version, **what)
        annotate(db, [change], annotator="ann", client_op_id=f"op {version}")
        return reason()

    def taken_back() -> str | None:
        undo(db, annotator="ann", client_op_id=f"undo {len(history(db, face))}")
        return reason()

    def done_again() -> str | None:
        redo(db, annotator="ann", client_op_id=f"redo {len(history(db, face))}")
        return reason()

    def reason() -> str | None:
        (item,) = peek(db, QueueQuery(order="newest", filter=FaceFilter(face_ids=(face,)))).items
        assert (item.label_error == 0.99) == (item.label_error_reason == "so")
        return item.label_error_reason

    assert given(mask=UNMASKED) is None
    assert taken_back() == "so"
    assert done_again() is None
    assert taken_back() == "so"
    assert given(pose=HeadPose(yaw_deg=1, pitch_deg=2, roll_deg=3)) == "so"
    assert given(note="blurred") == "so"
    assert given(mask=MASKED) is None  # confirmed
    assert given(pose=HeadPose(yaw_deg=3, pitch_deg=2, roll_deg=1)) is None
    assert given(note="sharp") is None
    assert given(mask=UNMASKED) is None
    for _ in range(4):  # until the confirmation is undone too
        found = taken_back()
    assert found == "so"
    assert [done_again() for _ in range(4)] == [None] * 4
    assert given(mask=MASKED) is None  # now somebody has thought about it
    assert given(note="sharper") is None
    assert taken_back() is None
    forget_suspicions(db)
    assert [taken_back() for _ in range(5)] == [None] * 5  # nothing is left to come back


def test_a_suspected_label_that_is_undone_and_done_again_stays_suspected(
    db: Database, faces: list[int]
) -> None:
    event = label(db, faces[0], MASKED)
    store_suspicions(
        db, [Suspicion(face_id=faces[0], event_id=event.event_id, score=0.99, reason="so")]
    )
    for step, reason in ((undo, None), (redo, "so")):
        step(db, annotator="ann", client_op_id=step.__name__)
        query = QueueQuery(order="newest", filter=FaceFilter(face_ids=(faces[0],), status=None))
        assert [item.label_error_reason for item in peek(db, query).items] == [reason]


def test_the_champion_decides_the_order(db: Database, faces: list[int]) -> None:
    add_model(db, "other")
    predict(db, "other", {face: mask(0, 1, 0) for face in faces})
    promote(db, "student", reason="test", changed_by="ann")
    refresh_states(db, faces)
    assert found(db, order="entropy") == faces[::-1]


def test_a_saved_queue_comes_back_as_it_was(db: Database) -> None:
    query = QueueQuery(order="random", filter=FaceFilter(labels=(MASKED,), yaw_deg=(-20.0, 5.5)))
    save_queue(db, "monday", query, created_by="ann")
    assert save_queue(db, "monday", query, created_by="bob").created_by == "ann"
    assert saved_queue(db, "monday").query == query
    with pytest.raises(NameTaken, match="by ann: choose a new name"):
        save_queue(db, "monday", QueueQuery(), created_by="bob")


def test_words_that_are_no_filter_or_order_are_named() -> None:
    with pytest.raises(ValueError, match="no filter is called 'colour'"):
        FaceFilter.from_json('{"colour": "red"}')
    with pytest.raises(ValueError, match="no order is called 'best'"):
        QueueQuery.from_json('{"order": "best"}')


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = open_home(tmp_path_factory.mktemp("many"))
    with connect(home) as db:
        fill(db, faces=3000, annotations=900)
    return home


@pytest.mark.parametrize("status", ["unlabelled", "labelled", None, "second opinion"])
@pytest.mark.parametrize("order", ORDERS)
def test_no_order_reads_all_faces_or_sorts_them(many: Home, order: Order, status: str) -> None:
    query = QueueQuery(order=order, filter=FaceFilter(status=status))
    if status == "second opinion":
        query = QueueQuery(order=order, second_opinion=True)
    with connect(many) as db:
        with write_transaction(db):
            who = annotator_id(db, "annotator 1")
        after = _walk(db, query, 50, None)[-1:] or [None]
        for place in (None, after[0]):
            plans = explained(
                db, lambda at=place: _walk(db, query, 50, at, _for_annotator(query, who, False))
            )
            for line in plans:
                assert not re.search(r"SCAN (s|f|p|face_states|faces|predictions)\b", line), line
                # Of two walks (labelled and not) only the first rows of each are merged.
                assert "TEMP B-TREE" not in line or status is None, line
            assert any(re.search(r"SEARCH s USING (COVERING )?INDEX", line) for line in plans)


def explained(db: Database, call: object) -> list[str]:
    """The plans of all queries that a call makes."""
    statements: list[tuple[str, object]] = []
    with db.tracer(lambda sql, values: statements.append((sql, values))):
        call()
    return [
        row[3]
        for sql, values in statements
        if sql.lstrip().startswith(("SELECT", "WITH"))
        for row in db.conn.execute(f"EXPLAIN QUERY PLAN {sql}", values or ())
    ]


def test_the_benchmark_fills_in_what_the_real_code_would(many: Home) -> None:
    with connect(many) as db:
        columns = "face_id, model_id, predicted_label, round(entropy, 6), round(label_error, 6)"
        sql = f"SELECT {columns} FROM face_states ORDER BY face_id LIMIT 200"
        before = db.execute(sql).fetchall()
        refresh_states(db, range(1, 201))
        assert db.execute(sql).fetchall() == before
        assert count(db, FaceFilter(model=TEACHER)) == count(db, FaceFilter(model=STUDENT)) == 3000
