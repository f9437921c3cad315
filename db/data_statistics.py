"""What there is to learn from, counted in SQL: balance, repetition, doubtful labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import MaskLabel
from db.database import select
from db.filters import CONFIRMED

#: What a face is counted as besides its mask label.
NOT_A_FACE, UNLABELLED = "not a face", "unlabelled"
KINDS: tuple[str, ...] = (*MaskLabel, NOT_A_FACE, UNLABELLED)
NO_SPLIT = "no split"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How the faces of one part (a source, a split) are labelled; ``counts`` by ``KINDS``."""

    part: str
    counts: Mapping[str, int]

    @property
    def faces(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDay:
    """Labels that were given on a day (UTC) and still count.

    ``doubts`` has how many of them are doubted by so many hundredths at least, and by less than one
    more; those without a doubt, or confirmed since, are in ``labels`` alone.
    """

    day: str
    labels: int
    doubts: Mapping[int, int]

    def doubted(self, threshold: float) -> DoubtfulDay:
        """``threshold`` (0 … 1) counts in whole hundredths."""
        least = round(100 * threshold)
        suspected = sum(n for doubt, n in self.doubts.items() if doubt >= least)
        return DoubtfulDay(day=self.day, labels=self.labels, suspected=suspected)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulDay:
    """Of the ``labels`` of a day (or of a week that begins then), ``suspected`` to be wrong."""

    day: str
    labels: int
    suspected: int


def balance_by_source(db: Database) -> list[Balance]:
    """Largest source first."""
    names = {row["id"]: row["name"] for row in select(db, "SELECT id, name FROM sources")}
    # One whole number to group by: a million rows are sorted in half the time that words take.
    rows = select(
        db,
        f"SELECT s.source_id * {len(KINDS)} + {_KIND} AS cell, count(*) AS faces"
        " FROM face_states s GROUP BY 1",
    )
    cells = ((*divmod(row["cell"], len(KINDS)), row["faces"]) for row in rows)
    return _balances((names[source], kind, faces) for source, kind, faces in cells)


def balance_by_split(db: Database) -> list[Balance]:
    """Of the labelled faces only; those of pictures without a split are ``NO_SPLIT``."""
    rows = select(
        db,
        f"SELECT coalesce(s.split, '{NO_SPLIT}') AS part, {_KIND} AS kind, count(*) AS faces"
        " FROM face_states s WHERE s.is_labelled = 1 GROUP BY 1, 2",
    )
    return _balances(tuple(row) for row in rows)


def label_days(db: Database) -> list[LabelDay]:
    """Each day's labels by how much they are doubted: enough for any threshold."""
    rows = select(
        db,
        f"SELECT substr(annotated_at, 1, 10) AS day, iif({CONFIRMED}, NULL, {_DOUBT}) AS doubt,"
        " count(*) AS labels FROM face_states s"
        " WHERE is_labelled = 1 AND mask_label IS NOT NULL GROUP BY 1, 2",
    )
    days: dict[str, dict[int | None, int]] = {}
    for row in rows:
        days.setdefault(row["day"], {})[row["doubt"]] = row["labels"]
    return [
        LabelDay(
            day=day,
            labels=sum(counts.values()),
            doubts={doubt: n for doubt, n in counts.items() if doubt is not None},
        )
        for day, counts in sorted(days.items())
    ]


def repeated_pictures(db: Database) -> int:
    """Pictures that came again, byte for byte, under another name; they are kept once."""
    return int(db.execute("SELECT count(DISTINCT image_id) FROM image_names").fetchone()[0])


#: Whole hundredths; a little is added because 0.57 × 100 is less than 57.
_DOUBT = "cast(label_error * 100 + 1e-6 AS INTEGER)"
#: The place of a face's kind in ``KINDS``.
_KIND = (
    f"CASE WHEN NOT s.is_labelled THEN {KINDS.index(UNLABELLED)} "
    + " ".join(f"WHEN s.mask_label = '{k}' THEN {KINDS.index(k)}" for k in MaskLabel)
    + f" ELSE {KINDS.index(NOT_A_FACE)} END"
)


def _balances(cells: Iterable[tuple[str, int, int]]) -> list[Balance]:
    """From (part, place in ``KINDS``, faces)."""
    counts: dict[str, dict[str, int]] = {}
    for part, kind, faces in cells:
        counts.setdefault(part, dict.fromkeys(KINDS, 0))[KINDS[kind]] = faces
    found = [Balance(part=part, counts=kinds) for part, kinds in counts.items()]
    return sorted(found, key=lambda balance: -balance.faces)
