"""A running studio lets the faces follow the champion, whoever changed it."""

from __future__ import annotations

import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from db_support import add_face, add_model, mask, predict
from waiting import wait_for

from db.backup import back_up, restore
from db.database import connect
from db.home import Home
from db.migrations import open_home
from db.models import promote, roll_back
from ui.champion_states import follow_changes, start_following
from ui.face_measuring import _measure_for_ever
from ui.model_shelf import ModelShelf

BY = {"reason": "a test", "changed_by": "ann"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """``old`` serves, and ``new`` answered the same three faces."""
    home = open_home(tmp_path / "home")
    with connect(home) as db:
        faces = [add_face(db, home, seed) for seed in range(3)]
        for name, said in (("old", mask(0.9, 0.1, 0)), ("new", mask(0.1, 0.9, 0))):
            add_model(db, name)
            predict(db, name, dict.fromkeys(faces, said))
        promote(db, "old", **BY)
    return home


def answers(home: Home) -> set[str]:
    with connect(home, read_only=True) as db:
        return {row[0] for row in db.execute("SELECT predicted_label FROM face_states")}


def test_a_studio_that_starts_or_runs_follows_the_champion(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ui.champion_states._LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("core.predictor.STUDENT", tmp_path / "none.safetensors")
    assert answers(home) == {"masked"}, "what the program that promoted left behind"
    shelf = ModelShelf(home, None, [], "cpu")
    shelf.start()
    try:
        wait_for(lambda: answers(home) == {"unmasked"}, 60)
        with connect(home) as db:
            promote(db, "new", **BY)
        wait_for(lambda: answers(home) == {"masked"}, 60)
        with connect(home) as db:
            roll_back(db, **BY)
        wait_for(lambda: answers(home) == {"unmasked"}, 60)
        assert shelf.wait(60)
    finally:
        shelf.stop()


def test_a_restored_database_is_followed_though_its_last_change_has_the_same_number(
    home: Home, tmp_path: Path
) -> None:
    """The dashboards went on with the other student's answers until the program was restarted."""
    stopping = threading.Event()
    back_up(home, tmp_path / "monday.db")  # before the faces followed the promotion
    followed = follow_changes(home, None, stopping)
    for _ in range(2):  # the same backup again
        restore(home.root, tmp_path / "monday.db")
        assert answers(home) == {"masked"}
        followed = follow_changes(home, followed, stopping)
        assert answers(home) == {"unmasked"}


def failing_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The function of that name raises at its first call what nobody explains."""
    module, _, function = name.rpartition(".")
    original = getattr(sys.modules[module], function)

    def fail(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(name, original)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(name, fail)


def test_following_goes_on_after_a_fault_of_the_disk(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ui.champion_states._LOOK_EVERY_S", 0.05)
    failing_once(monkeypatch, "ui.champion_states.follow_champion")
    stopping = threading.Event()
    start_following(home, stopping)
    try:
        wait_for(lambda: answers(home) == {"unmasked"}, 60)
    finally:
        stopping.set()
    assert "disk I/O error" in caplog.text


def test_measuring_goes_on_after_a_fault_of_the_disk(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Enough(BaseException):
        """Ends what otherwise goes on for ever."""

    def pause(seconds: float) -> None:
        if measured(home) == 3:
            raise Enough

    monkeypatch.setattr("ui.face_measuring.time.sleep", pause)
    failing_once(monkeypatch, "ui.face_measuring.unmeasured_faces")
    with pytest.raises(Enough):
        _measure_for_ever(home)
    assert "disk I/O error" in caplog.text


def measured(home: Home) -> int:
    with connect(home, read_only=True) as db:
        return int(db.execute("SELECT count(*) FROM face_measures").fetchone()[0])


def test_a_change_is_followed_once(home: Home) -> None:
    class Stopping:
        """Counts how often the work pauses."""

        pauses = 0

        def is_set(self) -> bool:
            return False

        def wait(self, seconds: float) -> None:
            self.pauses += 1

    stopping = Stopping()
    change = follow_changes(home, None, stopping)
    assert answers(home) == {"unmasked"} and stopping.pauses == 2
    assert follow_changes(home, change, stopping) == change and stopping.pauses == 2
