"""One action on many faces, from a table: each is one gesture, and undone as one.

The functions return one line about what happened.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.faces import MaskLabel
from db.database import connect, write_transaction
from db.filters import FaceFilter
from db.labels import Change, describe
from db.leases import flag, unflag
from db.queue_items import QueueItem
from db.review_queue import QueueQuery, peek
from ui import actions
from ui.studio import Studio

#: Of one action: it is written in one transaction, for which others wait (a second or two).
MAX_FACES = 10_000


def all_faces(studio: Studio, filter: FaceFilter) -> list[QueueItem]:
    """All faces of a filter, at most ``MAX_FACES``."""
    with connect(studio.home, read_only=True) as db:
        return peek(db, QueueQuery(order="newest", filter=filter), count=MAX_FACES).items


def label(
    studio: Studio,
    faces: Sequence[QueueItem],
    *,
    verdict: actions.Verdict | None,
    annotator: str,
) -> str:
    """Say the same of all these faces; None takes their labels away. Raises StaleVersion."""
    changes = [_change(face, verdict) for face in faces if verdict or face.is_labelled]
    if not changes:
        return "None of these faces has a label."
    actions.apply_changes(studio, changes, annotator=annotator, op_id=actions.new_op_id())
    return f"{len(changes):,} faces: {verdict or 'no label'}"


def flag_faces(studio: Studio, faces: Sequence[QueueItem], *, annotator: str) -> str:
    """Mark faces for a talk about them."""
    set_flags(studio, [face.face_id for face in faces], True, annotator=annotator)
    return f"{len(faces):,} faces flagged"


def unflag_faces(studio: Studio, faces: Sequence[QueueItem], *, annotator: str) -> str:
    """Take all flags off faces, whoever put them there."""
    set_flags(studio, [face.face_id for face in faces], False, annotator=annotator)
    return f"The flags of {len(faces):,} faces are gone"


def set_flags(studio: Studio, face_ids: Sequence[int], flagged: bool, *, annotator: str) -> None:
    """All of it or nothing. Doing it twice changes nothing. Raises NotFound."""
    with connect(studio.home) as db, write_transaction(db):
        for face_id in face_ids:
            if flagged:
                flag(db, annotator, face_id)
            else:
                unflag(db, face_id)


def undo(studio: Studio, *, annotator: str) -> str:
    """Take back the annotator's last gesture. Raises NothingToUndo, StaleVersion."""
    events = actions.undo_last(studio, annotator=annotator)
    now = {describe(event.label) for event in events}
    faces = f"face {events[0].face_id}" if len(events) == 1 else f"{len(events):,} faces"
    return f"Undone on {faces}, now: {', '.join(sorted(now))}"


def _change(face: QueueItem, verdict: actions.Verdict | None) -> Change:
    base = {"face_id": face.face_id, "base_version": face.version}
    if verdict is None:
        return Change(**base, mask=None, rejected=False)
    if verdict == actions.NOT_A_FACE:
        return Change(**base, rejected=True)
    return Change(**base, mask=MaskLabel(verdict))
