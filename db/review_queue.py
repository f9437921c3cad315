"""The next faces to look at: in an order, through a filter, and each on one screen only.

An order is the walk along one index of ``face_states``, from its interesting end. Orders by a score
(``disagreement``, ``entropy``, ``label_error``, ``pose_error``) leave out the faces that have none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from sqlite_utils import Database

from db.annotators import annotator_id
from db.database import select_one, write_transaction
from db.filters import Condition, FaceFilter, Status, where, where_predicted, where_states
from db.leases import drop_expired, lease
from db.queue_items import QueueItem, items_of

Order = Literal["disagreement", "entropy", "label_error", "pose_error", "newest", "random"]


class _Walk(NamedTuple):
    column: str
    along: str  # the index
    descending: bool


_WALKS: dict[Order, _Walk] = {
    "disagreement": _Walk("disagreement", "face_states_by_disagreement", True),
    "entropy": _Walk("entropy", "face_states_by_entropy", True),
    "label_error": _Walk("label_error", "face_states_by_label_error", True),
    "pose_error": _Walk("pose_error_deg", "face_states_by_pose_error", True),
    "newest": _Walk("face_id", "face_states_by_age", True),
    "random": _Walk("random_key", "face_states_by_chance", False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueQuery:
    """What to review, in which order.

    ``second_opinion``: labels of others, to judge anew, until ``opinions`` people have spoken about
    each, the one who labelled it included. ``blind`` and ``size`` are for the screen: nobody's
    opinion is shown before the own one is given; so many faces make a session.
    """

    order: Order = "disagreement"
    filter: FaceFilter = field(default_factory=lambda: FaceFilter(status="unlabelled"))
    second_opinion: bool = False
    opinions: int = 2
    skipped_too: bool = False
    blind: bool = False
    size: int | None = None

    def to_json(self) -> str:
        """As a link or a saved queue holds it."""
        return json.dumps(
            {
                "order": self.order,
                "filter": json.loads(self.filter.to_json()),
                "second_opinion": self.second_opinion,
                "opinions": self.opinions,
                "skipped_too": self.skipped_too,
                "blind": self.blind,
                "size": self.size,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> QueueQuery:
        """The query of ``to_json``; ValueError says what it does not understand."""
        given = json.loads(text)
        if given.get("order", "disagreement") not in _WALKS:
            raise ValueError(
                f"no order is called {given['order']!r}; there are {', '.join(_WALKS)}"
            )
        return cls(**{**given, "filter": FaceFilter.from_json(json.dumps(given.get("filter", {})))})


class Cursor(NamedTuple):
    """The place in an order after which the next page begins."""

    value: float
    face_id: int


class Page(NamedTuple):
    """Some items, and where the next page begins; ``after`` is None at the end."""

    items: list[QueueItem]
    after: Cursor | None


def take(
    db: Database,
    query: QueueQuery,
    *,
    annotator: str,
    count: int = 20,
    lease_s: float = 300.0,
    own_too: bool = False,
) -> list[QueueItem]:
    """The next faces for this annotator, kept from all others until labelled, skipped or expired.

    Faces that anybody holds are passed over, the annotator's own too: another tab has them.
    ``own_too`` gives those again: the tab may be gone, and did not give them back.
    """
    with write_transaction(db, durable=False):
        who = annotator_id(db, annotator)
        drop_expired(db)
        found = _walk(db, query, count, None, _for_annotator(query, who, own_too))
        lease(db, who, [cursor.face_id for cursor in found], lease_s)
    return items_of(db, [cursor.face_id for cursor in found])


def peek(
    db: Database,
    query: QueueQuery,
    *,
    count: int = 100,
    after: Cursor | None = None,
    annotator: str | None = None,
) -> Page:
    """A page of faces in the order of the queue, whoever holds them; for grids and tables.

    With an ``annotator``, only what this person would be asked about.
    """
    extra = _concerns(query, _number_of(db, annotator)) if annotator else ()
    found = _walk(db, query, count, after, extra)
    items = items_of(db, [cursor.face_id for cursor in found])
    return Page(items, found[-1] if len(found) == count else None)


def waiting(db: Database, query: QueueQuery, *, annotator: str) -> int:
    """How many faces this annotator would be asked about."""
    states = " OR ".join(f"s.is_labelled = {int(x == 'labelled')}" for x in _statuses(query))
    ordered = Condition(f"({states}) AND s.{_WALKS[query.order].column} IS NOT NULL")
    asked = where(replace(query.filter, status=None))
    parts = [ordered, asked, *_concerns(query, _number_of(db, annotator))]
    condition = Condition(
        " AND ".join(part.sql for part in parts),
        tuple(value for part in parts for value in part.values),
    )
    return _count(db, "count(*) FROM face_states s", condition)


def count(db: Database, filter: FaceFilter) -> int:
    """How many faces there are to a filter."""
    said = where_predicted(filter)
    if said is None:
        return _count(db, "count(*) FROM face_states s", where(filter))
    matches = _count(db, "count(DISTINCT p.face_id) FROM predictions p", said)
    others = replace(filter, status=None)
    if where_states(others).sql == "1" and filter.status != "labelled":
        # Nothing else is asked: those without a label are all but those with one.
        labelled = count(db, replace(filter, status="labelled")) if filter.status else 0
        return matches - labelled
    condition = where(filter, gather=matches < _FEW_PREDICTIONS)
    return _count(db, "count(*) FROM face_states s", condition)


#: So many matching predictions of a model are gathered before the faces are looked at; with more
#: it is faster to look up the prediction of each face.
_FEW_PREDICTIONS = 150_000


def _count(db: Database, what: str, condition: Condition) -> int:
    sql = f"SELECT {what} WHERE {condition.sql}"
    return int(db.execute(sql, condition.values).fetchone()[0])


def _number_of(db: Database, annotator: str) -> int:
    """As ``annotator_id``, but nobody is added; −1 for somebody new."""
    row = select_one(db, "SELECT id FROM annotators WHERE name = ?", [annotator])
    return int(row["id"]) if row else -1


def _walk(
    db: Database,
    query: QueueQuery,
    count: int,
    after: Cursor | None,
    extra: Sequence[Condition] = (),
) -> list[Cursor]:
    """The first faces of an order that fulfil the filter and the extra conditions."""
    walk = _WALKS[query.order]
    parts = [
        _walk_sql(walk, status, query.filter, count, after, extra) for status in _statuses(query)
    ]
    sql, values = parts[0]
    if len(parts) > 1:  # labelled and not: merge the first rows of both
        direction = "DESC" if walk.descending else "ASC"
        sql = " UNION ALL ".join(f"SELECT * FROM ({part.sql})" for part in parts)
        sql += f" ORDER BY value {direction}, face_id {direction} LIMIT {count:d}"
        values = tuple(value for part in parts for value in part.values)
    return [Cursor(*row) for row in db.execute(sql, values)]


def _walk_sql(
    walk: _Walk,
    status: Status,
    filter: FaceFilter,
    count: int,
    after: Cursor | None,
    extra: Sequence[Condition],
) -> Condition:
    """The walk among the labelled or the unlabelled faces: along its index, and only there."""
    asked = where(replace(filter, status=None))
    parts = [Condition("s.is_labelled = ?", (int(status == "labelled"),)), asked, *extra]
    parts.insert(1, Condition(f"s.{walk.column} IS NOT NULL"))
    if after:
        sign = "<" if walk.descending else ">"
        parts.insert(1, Condition(f"(s.{walk.column}, s.face_id) {sign} (?, ?)", tuple(after)))
    direction = "DESC" if walk.descending else "ASC"
    return Condition(
        f"SELECT s.{walk.column} AS value, s.face_id FROM face_states s INDEXED BY {walk.along}"
        f" WHERE {' AND '.join(part.sql for part in parts)}"
        f" ORDER BY s.{walk.column} {direction}, s.face_id {direction} LIMIT {count:d}",
        tuple(value for part in parts for value in part.values),
    )


def _statuses(query: QueueQuery) -> tuple[Status, ...]:
    if query.second_opinion or query.filter.labels or query.filter.annotator:
        return ("labelled",)
    return (query.filter.status,) if query.filter.status else ("unlabelled", "labelled")


def _for_annotator(query: QueueQuery, who: int, own_too: bool) -> list[Condition]:
    """Not what somebody holds, what this annotator skipped, or, in second opinions, knows."""
    held = "SELECT 1 FROM leases l WHERE l.face_id = s.face_id"
    free = Condition(f"NOT EXISTS ({held})")
    if own_too:
        free = Condition(f"NOT EXISTS ({held} AND l.annotator_id <> ?)", (who,))
    return [free, *_concerns(query, who)]


def _concerns(query: QueueQuery, who: int) -> list[Condition]:
    """What this annotator is asked about, whoever has it on the screen now."""
    found = []
    if not query.skipped_too:
        sql = "SELECT 1 FROM skips k WHERE k.annotator_id = ? AND k.face_id = s.face_id"
        found.append(Condition(f"NOT EXISTS ({sql})", (who,)))
    if query.second_opinion:
        given = "FROM present_reviews r WHERE r.face_id = s.face_id"
        own = f"EXISTS (SELECT 1 {given} AND r.reviewer_id = ?)"
        enough = f"(SELECT count(*) {given}) >= ?"
        found.append(
            Condition(
                f"s.annotator_id <> ? AND NOT {own} AND NOT {enough}",
                (who, who, query.opinions - 1),
            )
        )
    return found
