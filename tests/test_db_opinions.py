"""Several people on one face: second opinions, agreement, disagreements and their end."""

from __future__ import annotations

import math
from itertools import count

import numpy as np
import pytest
from db_support import add_face, label
from sqlite_utils import Database

from core.faces import HeadPose, MaskLabel
from db.adjudication import cases_of, count_open, decide, open_cases
from db.agreement import Kappa, agreements, kappa
from db.annotations import annotate, history
from db.errors import NotFound, OperationIdReused
from db.events import StaleVersion
from db.filters import FaceFilter
from db.home import Home
from db.labels import Change, Label
from db.review_queue import QueueQuery, peek, take, waiting
from db.reviews import OwnLabel, Review, give_opinion, reviews_of_face, verdict_on
from db.undo import redo, undo

MASKED, UNMASKED, INCORRECT = MaskLabel.MASKED, MaskLabel.UNMASKED, MaskLabel.INCORRECT
NOT_A_FACE = Label(rejected=True)
SECOND = QueueQuery(order="newest", second_opinion=True)
_numbers = count()


@pytest.fixture
def face(db: Database, home: Home) -> int:
    """Labelled "masked" by ann."""
    face_id = add_face(db, home, 1)
    label(db, face_id, MASKED)
    return face_id


def say(db: Database, face_id: int, opinion: Label, who: str = "bob", version: int = 1) -> Review:
    return give_opinion(
        db,
        face_id,
        opinion,
        base_version=version,
        reviewer=who,
        client_op_id=f"opinion {next(_numbers)}",
        blind=True,
    )


def settle(db: Database, face_id: int, mask: MaskLabel, version: int = 1, op: str = "d") -> str:
    change = Change(face_id=face_id, base_version=version, mask=mask)
    return decide(db, change, annotator="carla", client_op_id=op).op


def pose(yaw_deg: float) -> HeadPose:
    return HeadPose(yaw_deg=yaw_deg, pitch_deg=0, roll_deg=0)


def test_an_opinion_is_kept_beside_the_label_and_not_in_its_place(db: Database, face: int) -> None:
    kept = say(db, face, Label(mask=UNMASKED, note="nose visible"))
    assert (kept.verdict, kept.blind, kept.opinion.note) == ("disagree", True, "nose visible")
    assert reviews_of_face(db, face) == [kept]
    assert [(event.version, event.label.mask) for event in history(db, face)] == [(1, MASKED)]


@pytest.mark.parametrize(
    ("label", "opinion", "verdict"),
    [
        (Label(mask=MASKED), Label(mask=MASKED), "agree"),
        (Label(mask=MASKED), Label(mask=INCORRECT), "disagree"),
        (Label(mask=MASKED), NOT_A_FACE, "disagree"),
        (NOT_A_FACE, NOT_A_FACE, "agree"),
        (NOT_A_FACE, Label(mask=MASKED), "disagree"),
        (NOT_A_FACE, Label(), "unsure"),
        (Label(mask=MASKED), Label(), "unsure"),
        (Label(mask=MASKED), Label(pose=pose(0)), "unsure"),
        (Label(mask=MASKED, pose=pose(0)), Label(mask=MASKED, pose=pose(14)), "agree"),
        (Label(mask=MASKED, pose=pose(0)), Label(mask=MASKED, pose=pose(16)), "disagree"),
    ],
)
def test_a_verdict_compares_what_both_speak_about(
    label: Label, opinion: Label, verdict: str
) -> None:
    assert verdict_on(label, opinion) == verdict


def test_a_repeated_opinion_counts_once_and_its_id_is_used_once(db: Database, face: int) -> None:
    given = {"base_version": 1, "reviewer": "bob", "client_op_id": "once", "blind": True}
    once = give_opinion(db, face, Label(mask=MASKED), **given)
    assert give_opinion(db, face, Label(mask=MASKED), **given) == once
    with pytest.raises(OperationIdReused, match="choose a new one"):
        give_opinion(db, face, Label(mask=UNMASKED), **given)


def test_an_opinion_needs_a_label_by_somebody_else_that_has_not_changed(
    db: Database, home: Home, face: int
) -> None:
    with pytest.raises(OwnLabel, match="ask somebody else"):
        say(db, face, Label(mask=MASKED), who="ann")
    with pytest.raises(NotFound, match="no label"):
        say(db, add_face(db, home, 2), Label(mask=MASKED), version=0)
    label(db, face, UNMASKED, base_version=1)
    with pytest.raises(StaleVersion, match="'unmasked' by ann now"):
        say(db, face, Label(mask=MASKED))
    assert reviews_of_face(db, face) == []


def test_a_face_is_asked_about_until_enough_people_have_spoken(db: Database, face: int) -> None:
    three = QueueQuery(order="newest", second_opinion=True, opinions=3)

    def asked(query: QueueQuery, who: str) -> bool:
        seen = [item.face_id for item in peek(db, query, annotator=who).items] == [face]
        assert waiting(db, query, annotator=who) == int(seen)
        taken = take(db, query, annotator=who, lease_s=-1)
        assert [item.face_id for item in taken] == [face] * seen
        return seen

    assert not asked(SECOND, "ann")  # the label is ann's own
    assert asked(SECOND, "bob") and asked(SECOND, "carla")
    say(db, face, Label(mask=MASKED))
    assert not asked(SECOND, "carla") and asked(three, "carla")
    assert not asked(three, "bob")
    say(db, face, Label(mask=MASKED), who="carla")
    assert not asked(three, "dora")
    label(db, face, UNMASKED, base_version=1)  # a new label, new opinions
    assert asked(SECOND, "bob")


def test_a_shared_queue_keeps_how_many_opinions_are_wanted() -> None:
    query = QueueQuery(order="random", second_opinion=True, opinions=4)
    assert QueueQuery.from_json(query.to_json()) == query


def test_the_last_word_of_a_reviewer_counts(db: Database, face: int) -> None:
    say(db, face, Label(mask=UNMASKED))
    say(db, face, Label(mask=MASKED))
    assert open_cases(db) == []
    assert [review.verdict for review in reviews_of_face(db, face)] == ["disagree", "agree"]
    (pair,) = agreements(db)
    assert pair.counts == {("masked", "masked"): 1}


def test_an_open_case_shows_every_opinion_with_who_and_when(db: Database, face: int) -> None:
    said = [say(db, face, Label(mask=UNMASKED)), say(db, face, Label(mask=MASKED), who="carla")]
    (case,) = open_cases(db)
    assert (case.face_id, case.label.annotator, case.label.label.mask) == (face, "ann", MASKED)
    assert case.opinions == tuple(said)
    assert all(review.created_at for review in case.opinions)
    assert open_cases(db, FaceFilter(labels=(UNMASKED,))) == []


def test_a_decision_is_an_event_of_its_own_and_ends_the_case(db: Database, face: int) -> None:
    say(db, face, Label(mask=UNMASKED))
    assert settle(db, face, MASKED) == "adjudication"  # the label stands
    assert settle(db, face, MASKED) == "adjudication"  # sent twice
    assert count_open(db) == 0
    events = history(db, face)
    assert [(e.op, e.annotator, e.label.mask) for e in events] == [
        ("label", "ann", MASKED),
        ("adjudication", "carla", MASKED),
    ]
    assert db.execute("SELECT * FROM adjudications").fetchall() == [
        (events[1].event_id, events[0].event_id)
    ]
    assert len(reviews_of_face(db, face)) == 1


def test_of_two_who_decide_at_once_the_later_sees_a_conflict(db: Database, face: int) -> None:
    say(db, face, Label(mask=UNMASKED))
    settle(db, face, UNMASKED, op="first")
    with pytest.raises(StaleVersion, match="'unmasked' by carla now"):
        settle(db, face, MASKED, op="second")
    with pytest.raises(NotFound, match="nobody disagrees"):
        settle(db, face, MASKED, version=2, op="third")
    assert len(history(db, face)) == 2


def test_an_undone_decision_opens_the_case_again(db: Database, face: int) -> None:
    say(db, face, Label(mask=UNMASKED))
    settle(db, face, MASKED)
    undo(db, annotator="carla", client_op_id="u")
    assert [case.face_id for case in open_cases(db)] == [face]
    assert peek(db, QueueQuery(order="newest", filter=FaceFilter(disputed=True))).items
    assert cases_of(db, [face])[0].opinions[0].opinion.mask == UNMASKED
    redo(db, annotator="carla", client_op_id="r")
    assert open_cases(db) == []
    assert peek(db, QueueQuery(order="newest", filter=FaceFilter(disputed=False))).items


def test_a_label_is_confirmed_by_giving_it_again_agreeing_or_deciding(
    db: Database, home: Home, face: int
) -> None:
    def is_confirmed() -> bool:
        found = [
            bool(peek(db, QueueQuery(order="newest", filter=FaceFilter(confirmed=wanted))).items)
            for wanted in (True, False)
        ]
        assert found.count(True) == 1
        return found[0]

    def given(op: str, **what: object) -> None:
        version = len(history(db, face))
        change = Change(face_id=face, base_version=version, **what)
        annotate(db, [change], annotator="ann", client_op_id=op)

    assert not is_confirmed()
    given("pose alone", pose=pose(3))
    assert not is_confirmed()
    given("note alone", note="blurred")
    assert not is_confirmed()
    given("again", mask=MASKED)
    assert is_confirmed()
    undo(db, annotator="ann", client_op_id="undo")
    assert not is_confirmed()
    redo(db, annotator="ann", client_op_id="redo")
    assert is_confirmed()
    given("another", mask=UNMASKED)
    assert not is_confirmed()
    say(db, face, Label(mask=UNMASKED), version=7)
    assert is_confirmed()
    say(db, face, Label(mask=MASKED), version=7)  # bob's last word
    assert not is_confirmed()
    settle(db, face, MASKED, version=7)
    assert is_confirmed()
    bare = add_face(db, home, 2)  # without a label nothing is confirmed
    found = peek(db, QueueQuery(order="newest", filter=FaceFilter(confirmed=False))).items
    assert [item.face_id for item in found] == [bare]


def test_decisions_are_only_ever_added(db: Database, face: int) -> None:
    say(db, face, Label(mask=UNMASKED))
    settle(db, face, MASKED)
    for sql in (
        "DELETE FROM adjudications",
        "UPDATE adjudications SET disputed_event_id = 2",
        "INSERT OR REPLACE INTO adjudications SELECT * FROM adjudications",
    ):
        with pytest.raises(Exception, match="only ever added"):
            db.execute(sql)


def test_agreement_counts_each_pair_of_people_once_whoever_labelled(
    db: Database, home: Home
) -> None:
    ann = add_face(db, home, 1)
    label(db, ann, MASKED, annotator="ann")
    say(db, ann, NOT_A_FACE, who="bob")
    bob = add_face(db, home, 2)
    label(db, bob, MASKED, annotator="bob")
    say(db, bob, Label(mask=UNMASKED), who="ann")
    (pair,) = agreements(db)
    assert (pair.first, pair.second, pair.share) == ("ann", "bob", 0)
    assert pair.counts == {("masked", "not_a_face"): 1, ("unmasked", "masked"): 1}
    assert set(pair.differ) == set(pair.compared) == {ann, bob}
    assert pair.faces["unmasked", "masked"] == (bob,)


def test_two_who_were_asked_about_one_label_are_compared_too(db: Database, face: int) -> None:
    say(db, face, Label(mask=UNMASKED), who="bob")
    say(db, face, Label(mask=UNMASKED), who="carla")
    found = {(pair.first, pair.second): pair.share for pair in agreements(db)}
    assert found == {("ann", "bob"): 0, ("ann", "carla"): 0, ("bob", "carla"): 1}


def test_opinions_of_people_who_had_seen_the_label_are_left_out(db: Database, face: int) -> None:
    give_opinion(
        db, face, Label(mask=MASKED), base_version=1, reviewer="bob", client_op_id="o", blind=False
    )
    assert agreements(db) == []
    assert agreements(db, blind_only=False)[0].n == 1


TABLES = [
    [[106, 10, 4], [22, 28, 10], [2, 12, 6]],
    [[20, 5], [10, 15]],
    [[1, 0, 0], [0, 3, 1], [0, 0, 7]],
]


def kappa_of(table: list[list[int]]) -> Kappa:
    cells = {(a, b): n for a, row in enumerate(table) for b, n in enumerate(row)}
    found = kappa({(str(a), str(b)): n for (a, b), n in cells.items()})
    assert found is not None
    return found


def test_kappa_is_that_of_the_example_published_with_its_interval() -> None:
    """Fleiss, Cohen and Everitt (1969), Psychological Bulletin 72:323: κ 0.429 ± 0.054."""
    found = kappa_of(TABLES[0])
    assert found.value == pytest.approx(0.429, abs=5e-4)
    assert found.high - found.value == pytest.approx(1.96 * 0.0537, abs=2e-4)


@pytest.mark.parametrize("table", TABLES)
def test_the_interval_is_that_of_the_delta_method_worked_out_by_numbers(
    table: list[list[int]],
) -> None:
    def value(p: np.ndarray) -> float:
        p = p / p.sum()
        chance = p.sum(0) @ p.sum(1)
        return float((np.trace(p) - chance) / (1 - chance))

    p = np.array(table) / np.sum(table)
    steps = 1e-6 * np.eye(p.size).reshape(-1, *p.shape)
    slope = np.array([(value(p + step) - value(p - step)) / 2e-6 for step in steps])
    variance = p.ravel() @ slope**2 - (p.ravel() @ slope) ** 2
    half = 1.96 * math.sqrt(variance / np.sum(table))
    found = kappa_of(table)
    assert found.value == pytest.approx(value(p))
    assert found.value - found.low == pytest.approx(half, rel=1e-3)
    assert found.high == pytest.approx(min(1.0, value(p) + half), rel=1e-3)


def test_kappa_is_undefined_where_everybody_always_says_the_same() -> None:
    assert kappa({("masked", "masked"): 9}) is None
    against = kappa({("a", "b"): 5, ("b", "a"): 5})
    assert against is not None and math.isclose(against.value, -1) and against.low == -1


def test_a_class_alone_is_compared_with_all_others(db: Database, home: Home) -> None:
    given = [(MASKED, MASKED), (MASKED, INCORRECT), (UNMASKED, UNMASKED), (UNMASKED, UNMASKED)]
    for seed, (mine, yours) in enumerate(given):
        face_id = add_face(db, home, seed)
        label(db, face_id, mine)
        say(db, face_id, Label(mask=yours))
    (pair,) = agreements(db)
    assert pair.share == 0.75 and pair.kappa.value == pytest.approx(0.6)
    assert pair.of_class("unmasked").share == 1
    assert pair.of_class("masked").counts == {
        ("masked", "masked"): 1,
        ("masked", "other"): 1,
        ("other", "other"): 2,
    }
