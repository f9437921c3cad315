"""What is counted of every split in one pass, so that going from one to another counts nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlite_utils import Database

from db.filters import Condition, FaceFilter, where
from db.images import SPLITS
from db.tally import tallies

Cell = TypeVar("Cell", bound=Hashable)
Counts = TypeVar("Counts")
#: For each split; as ``None``, as in ``FaceFilter.split``, for all faces, those without one too.
BySplit = Mapping[str | None, Counts]

#: 0 without a split, else the place in ``SPLITS`` from 1 on.
SPLIT_CODE = (
    "CASE s.split"
    + "".join(f" WHEN '{s}' THEN {n}" for n, s in enumerate(SPLITS, 1))
    + " ELSE 0 END"
)
_CODES = 1 + len(SPLITS)


def has_splits(db: Database) -> bool:
    """Whether any picture came with a split."""
    found = db.execute("SELECT 1 FROM images WHERE split IS NOT NULL LIMIT 1").fetchone()
    return found is not None


def where_of_all_splits(filter: FaceFilter) -> Condition:
    """As ``db.filters.where``. Raises ValueError where the filter names a split."""
    if filter.split is not None:
        raise ValueError(f"all splits are counted at once, got a filter of {filter.split!r} alone")
    return where(filter)


def tallies_by_split(
    db: Database, keys: Sequence[str], rows: str, values: Sequence[Any] = ()
) -> list[BySplit[dict[int, int]]]:
    """``db.tally.tallies`` over rows of ``face_states s``; keys are 0 or more."""
    found = tallies(db, [f"({key}) * {_CODES} + {SPLIT_CODE}" for key in keys], rows, values)
    return [
        by_split(((key % _CODES, key // _CODES, n) for key, n in tally.items()), _add)
        for tally in found
    ]


def by_split(
    cells: Iterable[tuple[int, Cell, Counts]], add: Callable[[Counts, Counts], Counts]
) -> BySplit[dict[Cell, Counts]]:
    """Sorts (split's code, cell, what was counted there); ``None`` gets the sums."""
    found: dict[str | None, dict[Cell, Counts]] = {split: {} for split in (None, *SPLITS)}
    for code, cell, counts in cells:
        for split in (None, SPLITS[code - 1]) if code else (None,):
            of = found[split]
            of[cell] = add(of[cell], counts) if cell in of else counts
    return found


def _add(first: int, second: int) -> int:
    return first + second
