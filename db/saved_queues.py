"""Queues under a name, to share as a link and to continue."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from db.annotators import annotator_id
from db.database import now, select, select_one, write_transaction
from db.errors import NotFound, StudioError
from db.review_queue import QueueQuery

_QUEUES = (
    "SELECT q.name, q.query, q.created_at, annotators.name AS created_by"
    " FROM saved_queues q JOIN annotators ON annotators.id = q.created_by"
)


class NameTaken(StudioError):
    "Another queue has this name"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQueue:
    """A query that somebody gave a name."""

    name: str
    query: QueueQuery
    created_by: str
    created_at: str


def save_queue(db: Database, name: str, query: QueueQuery, *, created_by: str) -> SavedQueue:
    """Keep a query; the same under the same name is kept once, another one is refused."""
    with write_transaction(db):
        row = select_one(db, f"{_QUEUES} WHERE q.name = ?", [name])
        if row and QueueQuery.from_json(row["query"]) != query:
            raise NameTaken(f"there is a queue {name!r} by {row['created_by']}: choose a new name")
        if row is None:
            db.execute(
                "INSERT INTO saved_queues (name, query, created_by, created_at)"
                " VALUES (?, ?, ?, ?)",
                [name, query.to_json(), annotator_id(db, created_by), now()],
            )
    return saved_queue(db, name)


def saved_queue(db: Database, name: str) -> SavedQueue:
    row = select_one(db, f"{_QUEUES} WHERE q.name = ?", [name])
    if row is None:
        raise NotFound(f"no queue is called {name!r}")
    return SavedQueue(**{**dict(row), "query": QueueQuery.from_json(row["query"])})


def saved_queues(db: Database) -> list[SavedQueue]:
    """All of them, by name."""
    return [
        SavedQueue(**{**dict(row), "query": QueueQuery.from_json(row["query"])})
        for row in select(db, f"{_QUEUES} ORDER BY q.name")
    ]


def forget_queue(db: Database, name: str) -> None:
    with write_transaction(db):
        db.execute("DELETE FROM saved_queues WHERE name = ?", [name])
