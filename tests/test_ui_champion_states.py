"""A running studio lets the faces follow the champion, whoever changed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from db_support import add_face, add_model, mask, predict
from waiting import wait_for

from db.database import connect
from db.home import Home
from db.migrations import open_home
from db.models import promote, roll_back
from ui.champion_states import follow_changes
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
