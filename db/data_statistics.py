"""What there is to learn from, counted in SQL: balance, repetition, doubtful labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import MaskLabel
from db.database import select

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
    more; labels that nothing has doubted or confirmed yet are in ``labels`` alone.
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
    sql = (
        "SELECT sources.name AS part, n.kind, n.faces FROM"
        f" (SELECT source_id, {_KIND} AS kind, count(*) AS faces FROM face_states s"
        "  GROUP BY 1, 2) n JOIN sources ON sources.id = n.source_id"
    )
    return _balances(db, sql)


def balance_by_split(db: Database) -> list[Balance]:
    """Of the labelled faces only; those of pictures without a split are ``NO_SPLIT``."""
    sql = (
        f"SELECT coalesce(i.split, '{NO_SPLIT}') AS part, {_KIND} AS kind, count(*) AS faces"
        " FROM face_states s JOIN faces f ON f.id = s.face_id JOIN images i ON i.id = f.image_id"
        " WHERE s.is_labelled = 1 GROUP BY 1, 2"
    )
    return _balances(db, sql)


def label_days(db: Database) -> list[LabelDay]:
    """Each day's labels by how much they are doubted: enough for any threshold."""
    rows = select(
        db,
        f"SELECT substr(annotated_at, 1, 10) AS day, {_DOUBT} AS doubt, count(*) AS labels"
        " FROM face_states WHERE is_labelled = 1 AND mask_label IS NOT NULL GROUP BY 1, 2",
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
_KIND = (
    f"CASE WHEN NOT s.is_labelled THEN '{UNLABELLED}'"
    f" ELSE coalesce(s.mask_label, '{NOT_A_FACE}') END"
)


def _balances(db: Database, sql: str) -> list[Balance]:
    counts: dict[str, dict[str, int]] = {}
    for row in select(db, sql):
        counts.setdefault(row["part"], dict.fromkeys(KINDS, 0))[row["kind"]] = row["faces"]
    found = [Balance(part=part, counts=kinds) for part, kinds in counts.items()]
    return sorted(found, key=lambda balance: -balance.faces)
