"""Undo and redo: new events that bring an earlier label back, gesture by gesture, per annotator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from sqlite_utils import Database

from db.annotators import annotator_id
from db.database import placeholders, select, select_one, write_transaction
from db.errors import NothingToUndo, NotTheLast
from db.events import (
    Annotation,
    Conflict,
    StaleVersion,
    event_of_version,
    events_of_action,
    find_action,
    last_events,
    write_action,
)
from db.labels import Label, describe


def undo(
    db: Database, *, annotator: str, client_op_id: str, gesture: str | None = None
) -> list[Annotation]:
    """Take back the annotator's last gesture; returns the new events, one for each face.

    Where somebody else has changed one of its faces since, nothing happens and StaleVersion says
    what is there now. ``gesture`` is the operation id that the caller expects to be the last:
    NotTheLast where it is another one, made in another window.
    """
    with write_transaction(db):
        return _step(db, "undo", annotator, client_op_id, gesture)


def redo(
    db: Database, *, annotator: str, client_op_id: str, gesture: str | None = None
) -> list[Annotation]:
    """Do the gesture again that was undone last, unless a new one came since."""
    with write_transaction(db):
        return _step(db, "redo", annotator, client_op_id, gesture)


def next_undo(db: Database, annotator: str) -> list[Annotation]:
    """What ``undo`` would take back; empty where nothing is left."""
    target_id = _undoable(db, annotator)
    return events_of_action(db, target_id) if target_id else []


def next_redo(db: Database, annotator: str) -> list[Annotation]:
    """What ``redo`` would do again; empty where nothing is left."""
    target_id = _redoable(db, annotator)
    return events_of_action(db, target_id) if target_id else []


def label_before(db: Database, event: Annotation) -> Label:
    """What the face was before an event."""
    if event.version == 1:
        return Label()
    return event_of_version(db, event.face_id, event.version - 1).label


def _step(
    db: Database,
    kind: Literal["undo", "redo"],
    annotator: str,
    client_op_id: str,
    gesture: str | None,
) -> list[Annotation]:
    done = find_action(db, client_op_id, annotator, kind)
    if done:
        return events_of_action(db, done)
    target_id = _undoable(db, annotator) if kind == "undo" else _redoable(db, annotator)
    if target_id is None:
        raise NothingToUndo(f"nothing of {annotator} is left to {kind}")
    target = events_of_action(db, target_id)
    if gesture not in (None, target[0].client_op_id):
        last = ", ".join(f"face {event.face_id}: {describe(event.label)}" for event in target[:3])
        raise NotTheLast(f"the last gesture to {kind} is another one now ({last})")
    current = last_events(db, [event.face_id for event in target])
    who = annotator_id(db, annotator)
    _refuse_others(db, who, target, current)
    labels = {
        event.face_id: event.label if kind == "redo" else label_before(db, event)
        for event in target
    }
    action_id = write_action(db, who, kind, client_op_id, labels, current, target_id)
    return events_of_action(db, action_id)


def _refuse_others(
    db: Database, who: int, target: Sequence[Annotation], current: Mapping[int, Annotation]
) -> None:
    """Raise StaleVersion where somebody else labelled one of the faces after the gesture."""
    sql = (
        "SELECT 1 FROM annotation_events e JOIN annotation_actions a ON a.id = e.action_id"
        " WHERE e.face_id = ? AND e.version > ? AND a.annotator_id <> ? LIMIT 1"
    )
    conflicts = [
        Conflict(
            face_id=event.face_id,
            base_version=event.version,
            current=current[event.face_id],
        )
        for event in target
        if select_one(db, sql, [event.face_id, event.version, who])
    ]
    if conflicts:
        raise StaleVersion(conflicts)


def _undoable(db: Database, annotator: str) -> int | None:
    """The annotator's last gesture that is not undone: walks back from the newest action."""
    undone: dict[int, bool] = {}  # gesture → whether its latest undo or redo was an undo
    for action_id, kind, target_id in _actions_backwards(db, annotator):
        if target_id:
            undone.setdefault(target_id, kind == "undo")
        elif not undone.get(action_id, False):
            return action_id
    return None


def _redoable(db: Database, annotator: str) -> int | None:
    """The gesture of the annotator's last undo that was not done again; a new gesture ends it."""
    redone: set[int] = set()
    for _, kind, target_id in _actions_backwards(db, annotator):
        if not target_id:
            return None
        if kind == "redo":
            redone.add(target_id)
        elif target_id in redone:
            redone.remove(target_id)
        else:
            return target_id
    return None


def _actions_backwards(db: Database, annotator: str) -> Iterator[tuple[int, str, int | None]]:
    kinds = ("label", "restore", "undo", "redo")
    sql = (
        "SELECT id, kind, target_id FROM annotation_actions"
        " WHERE annotator_id = (SELECT id FROM annotators WHERE name = ?)"
        f" AND kind IN ({placeholders(len(kinds))}) ORDER BY id DESC"
    )
    for row in select(db, sql, [annotator, *kinds]):
        yield row["id"], row["kind"], row["target_id"]
