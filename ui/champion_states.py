"""Keeps what dashboards and review queue know of the faces the serving student's, whoever promoted
it: this program, a training, another program on the same home folder."""

from __future__ import annotations

import logging
import threading
import time

from db.champion_states import follow_champion, last_change
from db.database import connect
from db.errors import StudioError
from db.home import Home

_LOOK_EVERY_S = 5.0

_LOG = logging.getLogger(__name__)


def start_following(home: Home, stopping: threading.Event) -> None:
    """Follow the champion in a thread of its own until ``stopping`` is set."""
    threading.Thread(
        target=_follow_until, args=(home, stopping), name="champion-states", daemon=True
    ).start()


def _follow_until(home: Home, stopping: threading.Event) -> None:
    followed = None  # at the start everything is looked at: an earlier program may have died
    while not stopping.is_set():
        try:
            followed = follow_changes(home, followed, stopping)
        except StudioError as error:  # a full disk, a foreign lock: later perhaps
            _LOG.warning("the faces do not follow the champion: %s", error)
        except Exception:  # such as a disk that fails to read: a thread that ends never comes back
            _LOG.exception("the faces do not follow the champion")
        stopping.wait(_LOOK_EVERY_S)


def follow_changes(
    home: Home, followed: tuple[str, int] | None, stopping: threading.Event
) -> tuple[str, int]:
    """Bring all faces up to the last change of the champion, unless that is ``followed`` already.

    Returns that change. A later one meanwhile, or a restore, is another, so that it comes next.
    """
    with connect(home) as db:
        change = last_change(db)
        after: int | None = 0 if change != followed else None
        while after is not None and not stopping.is_set():
            began = time.monotonic()
            after = follow_champion(db, after=after)
            # Half of one processor at most, and the write lock free for people in between.
            stopping.wait(time.monotonic() - began)
    return change
