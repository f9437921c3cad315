"""Labels by people: events that are only added, with conflicts noticed and retries harmless.

A caller names the version of the face it had on the screen (``base_version``; 0 = no label yet)
and a ``client_op_id`` of its own choice for each gesture. If somebody else was faster, nothing is
written and StaleVersion shows what is there now; if the same gesture arrives twice, the second
time returns what the first did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlite_utils import Database

from db.annotators import AnnotatorKind, annotator_id
from db.database import write_transaction
from db.errors import OperationIdReused
from db.events import (
    Annotation,
    Overtaken,
    event_of_version,
    events_of_action,
    events_of_face,
    find_action,
    last_events,
    refuse_stale,
    write_action,
)
from db.labels import Change, Label, changed


def annotate(
    db: Database,
    changes: Sequence[Change],
    *,
    annotator: str,
    client_op_id: str,
    annotator_kind: AnnotatorKind = "person",
    op: Literal["label", "import"] = "label",
    durable: bool = True,
) -> list[Annotation]:
    """Write one gesture, on one face or on many: all its changes, or none and StaleVersion."""
    if not changes:
        raise ValueError("a gesture needs at least one change, got none")
    while True:
        done = find_action(db, client_op_id, annotator, op)
        if done:
            return _same_gesture(db, done, changes)
        current = last_events(db, [change.face_id for change in changes])
        refuse_stale({change.face_id: change.base_version for change in changes}, current)
        labels = {
            change.face_id: changed(_label(current.get(change.face_id)), change)
            for change in changes
        }
        # All of this was read without the write lock, so that others wait less. The triggers
        # refuse what is no longer true when the lock is there; then look again.
        try:
            with write_transaction(db, durable=durable):
                who = annotator_id(db, annotator, annotator_kind)
                action_id = write_action(db, who, op, client_op_id, labels, current)
            return events_of_action(db, action_id)
        except Overtaken:
            if db.conn.in_transaction:  # the caller's, which holds the lock: nobody overtakes
                raise


def restore(
    db: Database,
    face_id: int,
    version: int,
    *,
    base_version: int,
    annotator: str,
    client_op_id: str,
) -> Annotation:
    """Make an earlier version the current one again, as a new event. Version 0: no label."""
    with write_transaction(db):
        done = find_action(db, client_op_id, annotator, "restore")
        if done:
            return events_of_action(db, done)[0]
        current = last_events(db, [face_id])
        refuse_stale({face_id: base_version}, current)
        label = event_of_version(db, face_id, version).label if version else Label()
        who = annotator_id(db, annotator)
        action_id = write_action(db, who, "restore", client_op_id, {face_id: label}, current)
        return events_of_action(db, action_id)[0]


def current_annotation(db: Database, face_id: int) -> Annotation | None:
    """The last event of a face; its version is the ``base_version`` for the next change."""
    return last_events(db, [face_id]).get(face_id)


def current_annotations(db: Database, face_ids: Sequence[int]) -> dict[int, Annotation]:
    """The last event of each of these faces that has one."""
    return last_events(db, face_ids)


def history(db: Database, face_id: int) -> list[Annotation]:
    """Everything people said about a face, oldest first; each value follows the one before."""
    return events_of_face(db, face_id)


def _same_gesture(db: Database, action_id: int, changes: Sequence[Change]) -> list[Annotation]:
    """What a retried gesture did the first time; refuses other changes under its id."""
    events = {event.face_id: event for event in events_of_action(db, action_id)}
    asked = {change.face_id: change for change in changes}
    same = events.keys() == asked.keys() and all(
        changed(events[face_id].label, change) == events[face_id].label
        for face_id, change in asked.items()
    )
    if not same:
        raise OperationIdReused(
            f"operation id {next(iter(events.values())).client_op_id!r} already stands for other "
            "labels: choose a new id for each gesture"
        )
    return list(events.values())


def _label(annotation: Annotation | None) -> Label:
    return annotation.label if annotation else Label()
