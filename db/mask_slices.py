"""On which kinds of faces the serving student errs: wrong ones among those that people labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from db.database import select
from db.filters import FaceFilter, Range
from db.mask_statistics import COMPARED
from db.splits import BySplit, tallies_by_split, where_of_all_splits


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A property of faces that errors are sliced by, and the edges between its bins.

    ``name`` is that of the condition in ``FaceFilter``; ``column`` its SQL over the tables that
    ``error_slices`` joins; ``step`` the smallest difference that matters.
    """

    name: str
    column: str
    edges: tuple[float, ...]
    step: float
    unit: str = ""

    def range_of(self, bin: int) -> Range:
        """What lies in a bin, as a filter takes it: both ends included."""
        ends = (-_FAR, *self.edges, _FAR)
        return ends[bin], ends[bin + 1] - (self.step if bin < len(self.edges) else 0)

    def text_of(self, bin: int) -> str:
        """The bin in words: ``under 32 px``, ``32 … 64 px``, ``from 256 px``."""
        if bin == 0:
            text = f"under {self.edges[0]:g}{self.unit}"
        elif bin == len(self.edges):
            text = f"from {self.edges[-1]:g}{self.unit}"
        else:
            text = f"{self.edges[bin - 1]:g} … {self.edges[bin]:g}{self.unit}"
        return text.replace("-", "−")


#: Beyond every value.
_FAR = 1e9
DIMENSIONS = (
    Dimension(
        name="face_px",
        column="max(f.width_px, f.height_px)",
        edges=(32, 64, 128, 256),
        step=0.01,
        unit=" px",
    ),
    Dimension(name="sharpness", column="q.sharpness", edges=(50, 150, 500, 1500), step=0.001),
    Dimension(name="brightness", column="q.brightness", edges=(0.2, 0.35, 0.5, 0.65), step=1e-6),
    Dimension(
        name="yaw_deg", column="s.yaw_deg", edges=(-60, -30, -10, 10, 30, 60), step=1e-4, unit="°"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The labelled faces of one bin of a dimension (or one source); ``wrong`` of them."""

    name: str
    faces: FaceFilter
    n: int
    wrong: int


def error_slices(db: Database, filter: FaceFilter) -> BySplit[dict[str, list[Slice]]]:
    """By ``source``, ``occluded`` and each dimension: how many of the labelled faces are wrong.

    One pass counts the cells of a cube; its margins are summed here. Faces of which a property is
    not known are left out of that slice. The filter names no split.
    """
    sources = {row["id"]: row["name"] for row in select(db, "SELECT id, name FROM sources")}
    condition = where_of_all_splits(filter)
    axes = [_bin_sql(dimension) for dimension in DIMENSIONS]
    axes += ["coalesce(f.lower_face_occluded, 2)", "(s.mask_label <> s.predicted_label)"]
    key = "s.source_id"
    for axis in axes:
        key = f"({key}) * 10 + {axis}"
    rows = (
        "face_states s INDEXED BY face_states_by_age CROSS JOIN faces f ON f.id = s.face_id"
        " LEFT JOIN face_measures q ON q.face_id = s.face_id"
        f" WHERE {COMPARED.format(condition.sql)}"
    )
    (cubes,) = tallies_by_split(db, [key], rows, condition.values)
    return {
        split: _margins(cube, sources, replace(filter, split=split))
        for split, cube in cubes.items()
    }


def _bin_sql(dimension: Dimension) -> str:
    """0 … 8, the number of edges below; 9 where the property is not known."""
    cases = "".join(
        f" WHEN {dimension.column} < {edge} THEN {bin}" for bin, edge in enumerate(dimension.edges)
    )
    return f"CASE WHEN {dimension.column} IS NULL THEN 9{cases} ELSE {len(dimension.edges)} END"


def _margins(
    cube: Mapping[int, int], sources: Mapping[int, str], filter: FaceFilter
) -> dict[str, list[Slice]]:
    """The cube's cells summed along every axis but one."""
    names = ["source", *(dimension.name for dimension in DIMENSIONS), "occluded"]
    counts: dict[str, dict[int, list[int]]] = {name: {} for name in names}
    for key, n in cube.items():
        *parts, wrong = _digits(key, len(names))
        for name, part in zip(names, parts, strict=True):
            of = counts[name].setdefault(part, [0, 0])
            of[0] += n
            of[1] += n * wrong
    found = {
        "source": [
            _slice(sources[part], filter, of, source=sources[part])
            for part, of in sorted(counts["source"].items(), key=lambda item: sources[item[0]])
        ],
        "occluded": [
            _slice(text, filter, counts["occluded"][part], occluded=bool(part))
            for part, text in ((0, "not occluded"), (1, "lower face occluded"))
            if part in counts["occluded"]
        ],
    }
    for dimension in DIMENSIONS:
        found[dimension.name] = [
            _slice(
                dimension.text_of(part), filter, of, **{dimension.name: dimension.range_of(part)}
            )
            for part, of in sorted(counts[dimension.name].items())
            if part <= len(dimension.edges)
        ]
    return found


def _digits(key: int, axes: int) -> list[int]:
    """The source and the decimal digits of a cell's number, one for each further axis."""
    digits = []
    for _ in range(axes):
        key, digit = divmod(key, 10)
        digits.append(digit)
    return [key, *reversed(digits)]


def _slice(name: str, filter: FaceFilter, counted: Sequence[int], **condition: object) -> Slice:
    faces = replace(filter, status="labelled", **condition)  # type: ignore[arg-type]
    return Slice(name=name, faces=faces, n=counted[0], wrong=counted[1])
