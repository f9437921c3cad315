"""Faces left out because of their pictures: remembered until the files change or are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from db_support import add_face
from sqlite_utils import Database

from db.database import connect, write_transaction
from db.home import Home
from db.images import get_image
from db.unreadable_faces import note_unreadable, unreadable_faces


@pytest.fixture
def faces(db: Database, home: Home) -> list[int]:
    """The picture of the first one is gone; the second one's is there."""
    faces = [add_face(db, home, seed) for seed in range(3)]
    path_of(db, home, faces[0]).unlink()
    return faces


def path_of(db: Database, home: Home, face: int) -> Path:
    (image,) = db.execute("SELECT image_id FROM faces WHERE id = ?", [face]).fetchone()
    return home.root / get_image(db, image).path


def test_they_are_remembered_until_they_are_read(
    db: Database, home: Home, faces: list[int]
) -> None:
    gone, there, other = faces
    assert unreadable_faces(db, home) == []
    note_unreadable(db, home, [gone, there], {other})
    note_unreadable(db, home, [gone], set())
    assert unreadable_faces(db, home) == [gone, there]
    note_unreadable(db, home, [], {there, other})  # a disk that failed to read it once
    assert unreadable_faces(db, home) == [gone]


def test_who_is_let_in_to_the_picture_again_is_asked_again(
    db: Database, home: Home, faces: list[int]
) -> None:
    _, there, _ = faces
    note_unreadable(db, home, [there], set())
    os.chmod(path_of(db, home, there), 0o600)
    assert unreadable_faces(db, home) == []


def test_only_so_many_are_remembered(
    db: Database, home: Home, faces: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.unreadable_faces._REMEMBERED", 2)
    note_unreadable(db, home, faces, set())
    assert unreadable_faces(db, home) == faces[:2]


def test_where_all_were_read_nobody_who_writes_is_waited_for(
    db: Database, home: Home, faces: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.database.BUSY_TIMEOUT_S", 0.1)
    note_unreadable(db, home, faces[:1], set())
    with connect(home) as other, write_transaction(other):
        note_unreadable(db, home, [], set(faces[1:]))
