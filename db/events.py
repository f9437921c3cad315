"""The rows behind annotations: actions (gestures of a person) and their events, one a face."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from db.annotators import AnnotatorKind
from db.database import now, placeholders, select, select_one
from db.errors import NotFound, OperationIdReused, StudioError
from db.labels import Label, describe, label_of_row

ActionKind = Literal["label", "undo", "redo", "restore", "import"]
#: As the history tells it: a label that settled a disagreement is an adjudication.
Op = ActionKind | Literal["adjudication"]

_EVENTS = (
    "SELECT e.*, iif(d.event_id IS NULL, a.kind, 'adjudication') AS op,"
    " a.client_op_id, a.created_at, annotators.name AS annotator,"
    " annotators.kind AS annotator_kind FROM annotation_events e"
    " JOIN annotation_actions a ON a.id = e.action_id"
    " JOIN annotators ON annotators.id = a.annotator_id"
    " LEFT JOIN adjudications d ON d.event_id = e.id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One event: the label of a face after it, and who made it so."""

    face_id: int
    version: int
    event_id: int
    label: Label
    annotator: str
    annotator_kind: AnnotatorKind
    op: Op
    client_op_id: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A face that changed since the caller saw it; ``current`` is None where it has no event."""

    face_id: int
    base_version: int
    current: Annotation | None


class Overtaken(Exception):
    "Another process wrote between our reading and our writing"


class StaleVersion(StudioError):
    """Somebody else was faster on these faces; nothing was written."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        first = self.conflicts[0]
        there = "without a label"
        if first.current:
            there = f"{describe(first.current.label)!r} by {first.current.annotator}"
        others = f" (and {len(self.conflicts) - 1} more)" if len(self.conflicts) > 1 else ""
        super().__init__(
            f"face {first.face_id}{others} has changed since version {first.base_version}: "
            f"it is {there} now; nothing was overwritten"
        )


def refuse_stale(base_versions: Mapping[int, int], current: Mapping[int, Annotation]) -> None:
    """Raise StaleVersion where a face is not at the version that the caller has seen."""
    conflicts = [
        Conflict(face_id=face_id, base_version=base_version, current=current.get(face_id))
        for face_id, base_version in base_versions.items()
        if base_version != (current[face_id].version if face_id in current else 0)
    ]
    if conflicts:
        raise StaleVersion(conflicts)


def find_action(db: Database, client_op_id: str, annotator: str, kind: ActionKind) -> int | None:
    """The number of the action with this operation id; refuses an id used for something else."""
    row = select_one(
        db,
        "SELECT a.id, a.kind, annotators.name FROM annotation_actions a"
        " JOIN annotators ON annotators.id = a.annotator_id WHERE client_op_id = ?",
        [client_op_id],
    )
    if row is None:
        return None
    if (row["name"], row["kind"]) != (annotator, kind):
        raise OperationIdReused(
            f"operation id {client_op_id!r} already stands for a {row['kind']} by {row['name']}: "
            "choose a new id for each gesture"
        )
    return int(row["id"])


def last_events(db: Database, face_ids: Sequence[int]) -> dict[int, Annotation]:
    """The last event of each face that has one."""
    found: dict[int, Annotation] = {}
    for start in range(0, len(face_ids), 500):
        part = face_ids[start : start + 500]
        sql = (
            f"{_EVENTS} JOIN face_states s ON s.event_id = e.id"
            f" WHERE s.face_id IN ({placeholders(len(part))})"
        )
        found |= {event.face_id: event for event in _annotations(select(db, sql, part))}
    return found


def events_of_action(db: Database, action_id: int) -> list[Annotation]:
    """What one action did, face by face."""
    sql = f"{_EVENTS} WHERE e.action_id = ? ORDER BY e.id"
    return list(_annotations(select(db, sql, [action_id])))


def events_of_face(db: Database, face_id: int) -> list[Annotation]:
    """All events of a face, oldest first."""
    sql = f"{_EVENTS} WHERE e.face_id = ? ORDER BY e.version"
    return list(_annotations(select(db, sql, [face_id])))


def event_of_version(db: Database, face_id: int, version: int) -> Annotation:
    row = select_one(db, f"{_EVENTS} WHERE e.face_id = ? AND e.version = ?", [face_id, version])
    if row is None:
        raise NotFound(f"face {face_id} has no version {version}")
    return next(_annotations([row]))


def write_action(
    db: Database,
    who: int,
    kind: ActionKind,
    client_op_id: str,
    labels: Mapping[int, Label],
    current: Mapping[int, Annotation],
    target_id: int | None = None,
) -> int:
    """Add an action and its events, each on top of the ``current`` one of its face.

    Returns the number of the action; Overtaken where ``current`` or the operation id is old news.
    """
    try:
        cursor = db.execute(
            "INSERT INTO annotation_actions (client_op_id, annotator_id, kind, target_id,"
            " created_at) VALUES (?, ?, ?, ?, ?)",
            [client_op_id, who, kind, target_id, now()],
        )
        action_id = int(cursor.lastrowid or 0)
        db.conn.executemany(
            "INSERT INTO annotation_events (action_id, face_id, version, previous_event_id,"
            " mask_label, yaw_deg, pitch_deg, roll_deg, rejected, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _event_row(action_id, face_id, label, current.get(face_id))
                for face_id, label in labels.items()
            ),
        )
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname == "SQLITE_CONSTRAINT_TRIGGER":
            raise Overtaken(str(error)) from error
        if error.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY":
            raise NotFound(f"one of the faces {sorted(labels)[:5]} does not exist") from error
        raise
    return action_id


def _event_row(
    action_id: int, face_id: int, label: Label, before: Annotation | None
) -> tuple[object, ...]:
    pose = label.pose
    return (
        action_id,
        face_id,
        before.version + 1 if before else 1,
        before.event_id if before else None,
        str(label.mask) if label.mask else None,
        pose.yaw_deg if pose else None,
        pose.pitch_deg if pose else None,
        pose.roll_deg if pose else None,
        int(label.rejected),
        label.note,
    )


def _annotations(rows: Iterable[sqlite3.Row]) -> Iterator[Annotation]:
    for row in rows:
        yield Annotation(
            face_id=row["face_id"],
            version=row["version"],
            event_id=row["id"],
            label=label_of_row(row),
            annotator=row["annotator"],
            annotator_kind=row["annotator_kind"],
            op=row["op"],
            client_op_id=row["client_op_id"],
            created_at=row["created_at"],
        )
