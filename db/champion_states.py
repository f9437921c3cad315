"""Whose answers ``face_states`` holds: after a promotion or a roll back, the new champion's.

A change of the alias touches no face: a million of them would hold everybody up. They follow some
at a time, wherever the champion has answered; elsewhere the answer of another student stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlite_utils import Database

from db.filters import FaceFilter
from db.images import SPLITS
from db.predictions import refresh_states
from db.restores import last_restore
from db.splits import BySplit, tallies_by_split, where_of_all_splits

_LABELLED = "(s.is_labelled OR s.label_yaw_deg IS NOT NULL)"


def last_change(db: Database) -> tuple[str, int]:
    """What every change of the champion makes another, and every restore of a backup, too: in that
    the change may have the same number, but other faces follow it."""
    sql = "SELECT coalesce(max(id), 0) FROM model_alias_events WHERE alias = 'champion'"
    return last_restore(db), int(db.execute(sql).fetchone()[0])


def follow_champion(db: Database, *, after: int = 0, limit: int = 500) -> int | None:
    """Give the next faces the champion's answer in place of another student's.

    The number of the last of them, to go on after; None where all that it answered have it. What
    is left when the program dies is found again by the next call.
    """
    rows = db.execute(
        "SELECT p.face_id FROM model_aliases a CROSS JOIN predictions p ON p.model_id = a.model_id"
        " CROSS JOIN face_states s ON s.face_id = p.face_id AND s.model_id IS NOT p.model_id"
        " WHERE a.alias = 'champion' AND p.face_id > ? ORDER BY p.face_id LIMIT ?",
        [after, limit],
    )
    behind = [row[0] for row in rows]
    if not behind:
        return None  # without the write lock, which the rest takes
    refresh_states(db, behind)
    return behind[-1]


def answering_students(db: Database, filter: FaceFilter) -> BySplit[Mapping[str, int]]:
    """How many faces with a label of mask or pose hold the answer of each student; none at all
    where every one of them holds the champion's."""
    condition = where_of_all_splits(filter)
    if not _is_mixed(db):
        return {split: {} for split in (None, *SPLITS)}
    rows = f"face_states s WHERE s.model_id IS NOT NULL AND {_LABELLED} AND {condition.sql}"
    (found,) = tallies_by_split(db, ["s.model_id"], rows, condition.values)
    names = dict(db.execute("SELECT id, name FROM models").fetchall())
    return {split: {names[id]: n for id, n in of.items()} for split, of in found.items()}


def _is_mixed(db: Database) -> bool:
    """A tenth of the time that the count takes, and on most days all that is asked."""
    champion = "(SELECT model_id FROM model_aliases WHERE alias = 'champion')"
    sql = f"SELECT 1 FROM face_states s WHERE s.model_id <> {champion} AND {_LABELLED} LIMIT 1"
    return db.execute(sql).fetchone() is not None
