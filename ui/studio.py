"""What a running app has: the home folder, the models, and who is working.

Every screen of the process shares one studio: the server opens it, tests open their own.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from db.home import Home
from db.migrations import open_home
from ui.data_jobs import DataJobs
from ui.guard import USER_HEADER
from ui.model_shelf import ModelShelf

_current: Studio | None = None


@dataclass(frozen=True, kw_only=True)
class Studio:
    """``annotator``: whose labels these are where nobody has to log in."""

    home: Home
    models: ModelShelf
    annotator: str
    jobs: DataJobs = field(default_factory=DataJobs)

    def who(self, headers: Mapping[str, str] | None) -> str:
        """Who sends this request: who is logged in or gave a name, else the owner of the studio.

        The guard lets nobody but itself set the header.
        """
        return unquote((headers or {}).get(USER_HEADER) or "") or self.annotator


def open_studio(
    home: Path | None = None,
    student: Path | None = None,
    teachers: Sequence[Path] | None = None,
    device: str = "auto",
) -> Studio:
    """Open the home folder; this studio is the current one now. ``models.start`` loads them."""
    place = open_home(home)
    shelf = ModelShelf(place, student, teachers, device)
    studio = Studio(home=place, models=shelf, annotator=_who())
    use_studio(studio)
    return studio


def use_studio(studio: Studio | None) -> None:
    global _current
    _current = studio


def current_studio() -> Studio:
    """The studio of this process. Streamlit runs its pages without arguments, hence this."""
    if _current is None:
        raise RuntimeError("no studio is open: start with `python launch.py serve`")
    return _current


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user entry
        return "local"
