"""Second opinions: asking people blindly about labels of others, and keeping what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from db.adjudication import Case, count_open, decide, open_cases
from db.agreement import Agreement, agreements
from db.database import connect, write_transaction
from db.events import Annotation
from db.labels import Change, Label, changed
from db.queue_items import QueueItem
from db.review_queue import Cursor, Page, QueueQuery, peek
from db.reviews import Review, give_opinion, reviews_of_face
from ui.studio import Studio


def asked_of(
    studio: Studio,
    query: QueueQuery,
    who: str,
    after: Cursor | None = None,
    size: int = 100,
) -> Page:
    """What ``who`` is asked to judge, without the labels that are there; nothing is leased."""
    with connect(studio.home, read_only=True) as db:
        page = peek(db, query, count=size, after=after, annotator=who)
    return Page([without_label(item) for item in page.items], page.after)


def without_label(item: QueueItem) -> QueueItem:
    """The face as somebody is shown it who must not know what others said. ``version`` stays."""
    return replace(
        item,
        is_labelled=False,
        label=None,
        annotator=None,
        annotated_at=None,
        label_error=None,
        label_error_reason=None,
    )


def give_opinions(
    studio: Studio, opinions: Sequence[Change], *, reviewer: str, op_id: str, blind: bool
) -> list[Review]:
    """One gesture: what somebody says of faces that others labelled; all of it or none.

    The labels stay. A change that says nothing about mask, pose or rejection means "unsure".
    Raises StaleVersion, OwnLabel or NotFound; a repeated ``op_id`` changes nothing.
    """
    with connect(studio.home) as db, write_transaction(db):
        return [
            give_opinion(
                db,
                one.face_id,
                changed(Label(), one),
                base_version=one.base_version,
                reviewer=reviewer,
                client_op_id=f"{op_id}/{one.face_id}",
                blind=blind,
            )
            for one in opinions
        ]


def opinions_on(studio: Studio, face_id: int) -> list[Review]:
    """Everything others said about the labels of a face, oldest first."""
    with connect(studio.home, read_only=True) as db:
        return reviews_of_face(db, face_id)


def agreements_of_people(studio: Studio, *, blind_only: bool) -> list[Agreement]:
    """How far each two people agree, those with the most faces first."""
    with connect(studio.home, read_only=True) as db:
        return agreements(db, blind_only=blind_only)


def number_of_cases(studio: Studio) -> int:
    """How many faces people disagree on."""
    with connect(studio.home, read_only=True) as db:
        return count_open(db)


def cases(studio: Studio, limit: int) -> list[Case]:
    """What is to be settled, the newest contradiction first."""
    with connect(studio.home, read_only=True) as db:
        return open_cases(db, limit=limit)


def settle(studio: Studio, change: Change, *, annotator: str, op_id: str) -> Annotation:
    """Decide a disagreement. Raises StaleVersion or NotFound where somebody else did."""
    with connect(studio.home) as db:
        return decide(db, change, annotator=annotator, client_op_id=op_id)
