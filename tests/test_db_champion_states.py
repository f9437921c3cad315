"""After a promotion or a roll back the faces show the answers of the student that serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from db_support import add_face, add_model, label, mask, predict
from sqlite_utils import Database

from core.faces import MaskLabel
from db import mask_statistics
from db.champion_states import answering_students, follow_champion, last_change
from db.database import connect, write_transaction
from db.face_samples import count_unanswered
from db.filters import FaceFilter
from db.home import Home
from db.migrations import open_home
from db.models import promote, roll_back
from db.review_queue import count

WRONG, RIGHT = mask(0.9, 0.1, 0), mask(0.1, 0.9, 0)
BY = {"reason": "a test", "changed_by": "ann"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Four faces labelled masked; ``old``, the champion, is wrong about all of them."""
    home = open_home(tmp_path)
    with connect(home) as db:
        add_model(db, "old")
        add_model(db, "new")
        promote(db, "old", **BY)
        faces = [add_face(db, home, seed, split="val") for seed in range(4)]
        predict(db, "old", dict.fromkeys(faces, WRONG))
        for face in faces:
            label(db, face, MaskLabel.MASKED)
    return home


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    with connect(home) as db:
        yield db


def hits(db: Database) -> int:
    """As the dashboards count them."""
    confusion = mask_statistics.confusion(db, FaceFilter())[None]
    return sum(n for (label, said), n in confusion.items() if label is said)


def test_a_champion_that_was_never_asked_is_not_given_the_other_ones_answers(db: Database) -> None:
    promote(db, "new", **BY)
    assert follow_champion(db) is None
    assert answering_students(db, FaceFilter()) == {
        None: {"old": 4},
        "train": {},
        "val": {"old": 4},
        "test": {},
    }
    nowhere = answering_students(db, FaceFilter(source="another"))
    assert not any(nowhere.values())


def test_after_a_roll_back_the_numbers_are_the_former_champions_again(db: Database) -> None:
    """The new one's stayed for good: the old one had answered all, so nothing was asked anew."""
    promote(db, "new", **BY)
    predict(db, "new", dict.fromkeys([1, 2, 3, 4], RIGHT))
    assert hits(db) == 4
    roll_back(db, **BY)
    assert count_unanswered(db, "old", labelled_only=True) == 0
    assert follow_champion(db) == 4
    assert hits(db) == 0 and answering_students(db, FaceFilter())[None] == {}
    assert count(db, FaceFilter(label_error=(0.85, 1.0))) == 4, "the old one doubts the labels"
    assert follow_champion(db) is None, "all is as it should be"


def test_what_a_killed_program_left_is_found_by_the_next(home: Home) -> None:
    with connect(home) as db:
        predict(db, "new", dict.fromkeys([1, 2, 3], RIGHT))
        promote(db, "new", **BY)
        assert follow_champion(db, limit=2) == 2
    with connect(home) as db:
        assert hits(db) == 2
        assert follow_champion(db, limit=2) == 3
        assert hits(db) == 3
        assert answering_students(db, FaceFilter())[None] == {"old": 1, "new": 3}


def test_where_all_is_as_it_should_be_following_waits_for_nobody_who_writes(
    home: Home, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the write lock at the end of each pass."""
    monkeypatch.setattr("db.database.BUSY_TIMEOUT_S", 0.1)
    with connect(home) as other, write_transaction(other):
        assert follow_champion(db) is None


def test_every_change_of_the_champion_has_a_number_of_its_own(db: Database) -> None:
    changes = [last_change(db)]
    promote(db, "new", **BY)
    changes.append(last_change(db))
    roll_back(db, **BY)
    changes.append(last_change(db))
    assert changes == sorted(set(changes)), "also back to the first one"
    assert last_change(db) == changes[-1]
