"""How far two people agree on the same faces: shares, and Cohen's κ with its interval.

Compared are the label of the one and the last opinion of the other, whatever was decided since.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import MASK_CLASSES
from db.database import select
from db.records import NOT_A_FACE

#: What people may say of a face, in the order of tables.
CLASSES = (*map(str, MASK_CLASSES), NOT_A_FACE)
OTHER = "other"
#: Half the width of a 95 % interval in standard errors.
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's κ, agreement beyond chance: 1 at best, 0 by chance; with a 95 % interval.

    The interval is κ ± 1.96 standard errors for large samples (Fleiss, Cohen and Everitt 1969,
    Psychological Bulletin 72:323), cut at −1 and 1.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two people said about the same faces: (first's label, second's label) → the faces."""

    first: str
    second: str
    faces: Mapping[tuple[str, str], tuple[int, ...]]

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        return {said: len(faces) for said, faces in self.faces.items()}

    @property
    def n(self) -> int:
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """The part on which both said the same, 0 … 1."""
        return 1 - len(self.differ) / self.n

    @property
    def kappa(self) -> Kappa | None:
        """None where chance alone explains it all: everybody always said the same."""
        return kappa(self.counts)

    @property
    def differ(self) -> tuple[int, ...]:
        """The faces on which they disagree."""
        return tuple(f for (a, b), faces in self.faces.items() if a != b for f in faces)

    @property
    def compared(self) -> tuple[int, ...]:
        """All faces on which both spoke."""
        return tuple(f for faces in self.faces.values() for f in faces)

    def of_class(self, name: str) -> Agreement:
        """The same, where only "this class or another" is asked."""
        merged: dict[tuple[str, str], tuple[int, ...]] = {}
        for (a, b), faces in self.faces.items():
            said = (a if a == name else OTHER, b if b == name else OTHER)
            merged[said] = merged.get(said, ()) + faces
        return Agreement(self.first, self.second, merged)


def kappa(counts: Mapping[tuple[str, str], int]) -> Kappa | None:
    """Cohen's κ of counts of label pairs; None where it is not defined."""
    n = sum(counts.values())
    classes = {label for pair in counts for label in pair}
    first = {c: sum(k for (a, _), k in counts.items() if a == c) / n for c in classes}
    second = {c: sum(k for (_, b), k in counts.items() if b == c) / n for c in classes}
    agreed = sum(k for (a, b), k in counts.items() if a == b) / n
    chance = sum(first[c] * second[c] for c in classes)
    if math.isclose(chance, 1.0):
        return None
    value = (agreed - chance) / (1 - chance)
    diagonal = sum(
        counts.get((c, c), 0) / n * (1 - (first[c] + second[c]) * (1 - value)) ** 2 for c in classes
    )
    others = (1 - value) ** 2 * sum(
        k / n * (second[a] + first[b]) ** 2 for (a, b), k in counts.items() if a != b
    )
    spread = diagonal + others - (value - chance * (1 - value)) ** 2
    half = _Z95 * math.sqrt(max(0.0, spread) / n) / (1 - chance)
    return Kappa(value, max(-1.0, value - half), min(1.0, value + half))


#: One row for each face on which two people spoke about the same label: the one who gave it and
#: those who were asked (the last word of each); ``first`` is the name that sorts first.
_PAIRS = f"""
WITH spoken AS (
    SELECT e.id AS event_id, e.face_id, a.annotator_id AS who,
           iif(e.rejected, '{NOT_A_FACE}', e.mask_label) AS said
    FROM annotation_events e JOIN annotation_actions a ON a.id = e.action_id
    WHERE e.id IN (SELECT event_id FROM reviews)
    UNION ALL
    SELECT r.event_id, e.face_id, r.reviewer_id, iif(r.rejected, '{NOT_A_FACE}', r.mask_label)
    FROM reviews r JOIN annotation_events e ON e.id = r.event_id
    WHERE r.blind >= ? AND NOT EXISTS (
        SELECT 1 FROM reviews later WHERE later.event_id = r.event_id
        AND later.reviewer_id = r.reviewer_id AND later.id > r.id)
)
SELECT one.face_id, first.name AS first, second.name AS second, one.said AS a, other.said AS b
FROM spoken one JOIN spoken other ON other.event_id = one.event_id
JOIN annotators first ON first.id = one.who
JOIN annotators second ON second.id = other.who
WHERE first.name < second.name AND a IS NOT NULL AND b IS NOT NULL
ORDER BY one.face_id
"""


def agreements(db: Database, *, blind_only: bool = True) -> list[Agreement]:
    """Agreement of each pair of people on the mask, those with the most faces first.

    ``blind_only``: leave out opinions of people who had seen the label before they spoke.
    """
    pairs: dict[tuple[str, str], dict[tuple[str, str], list[int]]] = {}
    for row in select(db, _PAIRS, [int(blind_only)]):
        faces = pairs.setdefault((row["first"], row["second"]), {})
        said = row["a"], row["b"]
        faces.setdefault(said, []).append(row["face_id"])
    found = [
        Agreement(*names, {said: tuple(ids) for said, ids in faces.items()})
        for names, faces in pairs.items()
    ]
    return sorted(found, key=lambda pair: -pair.n)
