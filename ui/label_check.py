"""The search for wrong labels, as its page starts and reads it; free of any toolkit."""

from __future__ import annotations

from typing import Final

from db.database import connect
from db.label_errors import LabelCheck, last_check
from db.runs import Run
from ui import face_jobs
from ui.studio import Studio

RECIPE: Final = "check_labels"


def last(studio: Studio) -> LabelCheck | None:
    """What the last check found; None where there was none."""
    with connect(studio.home, read_only=True) as db:
        return last_check(db)


def start(studio: Studio, device: str) -> Run:
    """Check all labels with the student that serves. Raises StudioError."""
    return face_jobs.start(studio, RECIPE, {}, device)
