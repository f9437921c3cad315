"""Where the serving student errs on masks: counts over the faces that people labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from core.faces import MASK_CLASSES, MaskLabel
from db.database import select
from db.filters import FaceFilter, Range, where
from db.statistics import LabelPair
from db.tally import tally

_COMPARED = (
    "s.is_labelled = 1 AND s.mask_label IS NOT NULL AND s.predicted_label IS NOT NULL AND {}"
)


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


def error_slices(db: Database, filter: FaceFilter) -> dict[str, list[Slice]]:
    """By ``source``, ``occluded`` and each dimension: how many of the labelled faces are wrong.

    One pass counts the cells of a cube; its margins are summed here. Faces of which a property is
    not known are left out of that slice.
    """
    sources = {row["id"]: row["name"] for row in select(db, "SELECT id, name FROM sources")}
    condition = where(filter)
    axes = [_bin_sql(dimension) for dimension in DIMENSIONS]
    axes += ["coalesce(f.lower_face_occluded, 2)", "(s.mask_label <> s.predicted_label)"]
    key = "s.source_id"
    for axis in axes:
        key = f"({key}) * 10 + {axis}"
    rows = (
        "face_states s INDEXED BY face_states_by_age CROSS JOIN faces f ON f.id = s.face_id"
        " LEFT JOIN face_measures q ON q.face_id = s.face_id"
        f" WHERE {_COMPARED.format(condition.sql)}"
    )
    cube = tally(db, key, rows, condition.values)
    return _margins(cube, sources, filter)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCounts:
    """By label, how the probability of ``masked`` is spread, and which side was larger.

    ``bins[label][i]`` faces have it in [i, i + 1) ÷ ``len(bins[label])``; ``called_masked`` faces
    have p(masked) > p(unmasked): the two-class decision of ``core.metrics``.
    """

    bins: Mapping[MaskLabel, Sequence[int]]
    called_masked: Mapping[MaskLabel, int]


def score_counts(db: Database, filter: FaceFilter, *, bins: int = 200) -> ScoreCounts:
    """The serving student's probabilities of ``masked`` on labelled faces: for thresholds."""
    condition = where(filter)
    cases = "".join(f" WHEN '{label}' THEN {code}" for code, label in enumerate(MASK_CLASSES))
    key = (
        f"((CASE s.mask_label{cases} END) * 1000 + min(cast(p.p_masked * {bins:d} AS INTEGER),"
        f" {bins - 1:d})) * 10 + (p.p_masked > p.p_unmasked)"
    )
    rows = (
        "face_states s CROSS JOIN predictions p ON p.model_id = s.model_id"
        " AND p.face_id = s.face_id WHERE p.p_masked IS NOT NULL"
        f" AND {_COMPARED.format(condition.sql)}"
    )
    spread = {label: [0] * bins for label in MASK_CLASSES}
    called_masked = dict.fromkeys(MASK_CLASSES, 0)
    for number, n in tally(db, key, rows, condition.values).items():
        label = MASK_CLASSES[number // 10_000]
        spread[label][number // 10 % 1000] += n
        called_masked[label] += n * (number % 10)
    return ScoreCounts(bins=spread, called_masked=called_masked)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentCounts:
    """A student on the faces of the sample that it answered."""

    model: str
    registered_at: str
    serves: bool
    confusion: Mapping[LabelPair, int]


#: Faces on which students are compared over time: enough for ± 0.7 %, few enough to be quick.
SAMPLE = 20_000


def students_on_sample(db: Database, *, faces: int = SAMPLE) -> list[StudentCounts]:
    """Every student on the same labelled faces, drawn at random; oldest first."""
    rows = select(
        db,
        "SELECT m.name, m.created_at, a.alias IS NOT NULL AS serves, s.mask_label AS label,"
        " p.mask_label AS said, count(*) AS n FROM"
        " (SELECT face_id, mask_label FROM face_states INDEXED BY face_states_by_chance"
        f"  WHERE is_labelled = 1 AND mask_label IS NOT NULL ORDER BY random_key LIMIT {faces:d}) s"
        " CROSS JOIN models m"
        " CROSS JOIN predictions p ON p.model_id = m.id AND p.face_id = s.face_id"
        " LEFT JOIN model_aliases a ON a.model_id = m.id AND a.alias = 'champion'"
        " WHERE m.kind = 'student' AND p.mask_label IS NOT NULL GROUP BY m.id, label, said",
    )
    students: dict[str, StudentCounts] = {}
    for row in rows:
        empty = {(a, b): 0 for a in MASK_CLASSES for b in MASK_CLASSES}
        student = students.setdefault(
            row["name"],
            StudentCounts(
                model=row["name"],
                registered_at=row["created_at"],
                serves=bool(row["serves"]),
                confusion=empty,
            ),
        )
        student.confusion[MaskLabel(row["label"]), MaskLabel(row["said"])] = row["n"]  # type: ignore[index]
    return sorted(students.values(), key=lambda student: student.registered_at)
