"""Reviewing one face at a time: the next faces with all opinions, who holds them, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from db import leases
from db.annotations import current_annotations
from db.database import connect, snapshot
from db.events import Annotation
from db.labels import Label
from db.models import Model, aliases, list_models
from db.predictions import Prediction, predictions_of_face
from db.queue_items import QueueItem, items_of
from db.review_queue import QueueQuery, count, take, waiting
from db.saved_queues import SavedQueue, save_queue, saved_queue, saved_queues
from db.undo import label_before, redo, undo
from ui.opinions import without_label
from ui.served_models import Role
from ui.studio import Studio

#: How long faces stay with a page that says nothing more (it is closed, or offline).
LEASE_S = 300.0


@dataclass(frozen=True, kw_only=True)
class ModelOpinion:
    """What one model said about a face."""

    role: Role
    said: Prediction


@dataclass(frozen=True, kw_only=True)
class ReviewFace:
    """A face as the review page shows it. ``label`` is everything people say about it."""

    item: QueueItem
    label: Label | None
    opinions: tuple[ModelOpinion, ...]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """So many faces wait for this person; ``done`` had been among them and are labelled now."""

    left: int
    done: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One face of an undo or redo: the event, and what the label was before it."""

    event: Annotation
    before: Label


def take_faces(
    studio: Studio, query: QueueQuery, who: str, number: int, *, own_too: bool = False
) -> list[ReviewFace]:
    """The next faces for ``who``, whom nobody else gets while they are held."""
    with connect(studio.home) as db:
        items = take(db, query, annotator=who, count=number, lease_s=LEASE_S, own_too=own_too)
        return _complete(db, items, blind=query.blind or query.second_opinion)


def faces_by_id(studio: Studio, face_ids: Sequence[int]) -> list[ReviewFace]:
    """These faces with everything that is said about them; unknown ones are left out."""
    with connect(studio.home, read_only=True) as db, snapshot(db):
        return _complete(db, items_of(db, face_ids), blind=False)


def hold(studio: Studio, who: str, face_ids: Sequence[int]) -> None:
    """Keep faces for longer: somebody is still at work on them."""
    with connect(studio.home) as db:
        leases.extend(db, who, face_ids, LEASE_S)


def give_back(studio: Studio, who: str, face_ids: Sequence[int]) -> None:
    with connect(studio.home) as db:
        leases.release(db, who, face_ids)


def mark_skipped(studio: Studio, who: str, face_id: int, skipped: bool) -> None:
    """Leave a face to others, or have it back."""
    with connect(studio.home) as db:
        (leases.skip if skipped else leases.unskip)(db, who, face_id)


def mark_flagged(studio: Studio, who: str, face_id: int, flagged: bool) -> None:
    """Mark a face for a talk about it, or take the marks of everybody away."""
    with connect(studio.home) as db:
        if flagged:
            leases.flag(db, who, face_id)
        else:
            leases.unflag(db, face_id)


def progress(studio: Studio, query: QueueQuery, who: str) -> Progress:
    """How far a queue is, by everybody's work."""
    asks_for_labels = query.filter.status == "unlabelled" and not query.second_opinion
    with connect(studio.home, read_only=True) as db, snapshot(db):
        return Progress(
            left=waiting(db, query, annotator=who),
            done=count(db, replace(query.filter, status="labelled")) if asks_for_labels else 0,
        )


def take_back(studio: Studio, who: str, op_id: str, gesture: str | None) -> list[Step]:
    """Undo the last gesture of ``who``; with ``gesture``, that one or none (NotTheLast)."""
    with connect(studio.home) as db:
        events = undo(db, annotator=who, client_op_id=op_id, gesture=gesture)
        return [Step(event=event, before=label_before(db, event)) for event in events]


def do_again(studio: Studio, who: str, op_id: str, gesture: str | None) -> list[Step]:
    """Redo what ``who`` undid last; with ``gesture``, that one or none (NotTheLast)."""
    with connect(studio.home) as db:
        events = redo(db, annotator=who, client_op_id=op_id, gesture=gesture)
        return [Step(event=event, before=label_before(db, event)) for event in events]


def named_queues(studio: Studio) -> list[SavedQueue]:
    with connect(studio.home, read_only=True) as db:
        return saved_queues(db)


def named_queue(studio: Studio, name: str) -> SavedQueue:
    """Raises NotFound."""
    with connect(studio.home, read_only=True) as db:
        return saved_queue(db, name)


def name_queue(studio: Studio, name: str, query: QueueQuery, who: str) -> SavedQueue:
    """Keep a queue under a name. Raises NameTaken where another one has it."""
    with connect(studio.home) as db:
        return save_queue(db, name, query, created_by=who)


def _complete(db: Database, items: Sequence[QueueItem], *, blind: bool) -> list[ReviewFace]:
    """The items with all opinions; with ``blind``, nothing that could sway who looks."""
    if blind:
        return [ReviewFace(item=_bare(item), label=None, opinions=()) for item in items]
    labels = current_annotations(db, [item.face_id for item in items])
    roles = _roles(list_models(db), aliases(db).get("champion"))
    return [
        ReviewFace(
            item=item,
            label=labels[item.face_id].label if item.face_id in labels else None,
            opinions=_opinions(predictions_of_face(db, item.face_id), roles),
        )
        for item in items
    ]


def _bare(item: QueueItem) -> QueueItem:
    return replace(
        without_label(item),
        predicted=None,
        confidence=None,
        pose=None,
        entropy=None,
        disagreement=None,
    )


def _roles(models: Sequence[Model], champion: Model | None) -> dict[str, Role]:
    """Whose opinion is shown: every teacher's and the champion's (else every student's)."""
    roles: dict[str, Role] = {}
    for model in models:
        if model.kind != "student":
            roles[model.name] = "teacher"
        elif champion is None or model.name == champion.name:
            roles[model.name] = "student"
    return roles


def _opinions(said: Sequence[Prediction], roles: dict[str, Role]) -> tuple[ModelOpinion, ...]:
    """The student first."""
    known = [ModelOpinion(role=roles[one.model], said=one) for one in said if one.model in roles]
    return tuple(sorted(known, key=lambda opinion: opinion.role != "student"))
