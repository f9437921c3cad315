"""Where the serving student errs on head poses: sums over the faces whose pose people labelled.

Errors are student − people, in degrees, without wrapping, as published tables have them.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from core.faces import MaskLabel
from db.filters import FaceFilter, where
from db.images import SPLITS
from db.splits import SPLIT_CODE, BySplit, by_split, tallies_by_split, where_of_all_splits

AXES = ("yaw", "pitch", "roll")
#: Bins of people's angle; what lies beyond ±_REACH_DEG counts as the last bin.
BIN_DEG = 15
_REACH_DEG = 105
#: Cells of predicted against true: the true angle is binned coarsely, the predicted one finely,
#: so that its quantiles can be read off.
TRUE_STEP_DEG = 5
SAID_STEP_DEG = 1

_LABELLED = (
    "face_states s INDEXED BY face_states_by_pose_error WHERE s.pose_error_deg IS NOT NULL AND {}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseCell:
    """Sums over the ``n`` faces of one cell of true yaw × pitch × roll × mask label.

    Angles name the cell by its lower corner, degrees. ``*_abs`` and ``*_sum`` add |error| and error
    of an axis, ``mae`` the mean |error| of a face's axes, ``geodesic`` the angle of the rotation
    between student and people; ``*_squares`` their squares.
    """

    yaw_deg: int
    pitch_deg: int
    roll_deg: int
    label: MaskLabel | None
    n: int
    yaw_abs: float
    pitch_abs: float
    roll_abs: float
    yaw_sum: float
    pitch_sum: float
    roll_sum: float
    yaw_squares: float
    pitch_squares: float
    roll_squares: float
    mae: float
    mae_squares: float
    geodesic: float
    geodesic_squares: float


#: The sums of a cell, and what is summed, in SQL.
_SUMS = {
    **{f"{axis}_abs": f"abs({axis})" for axis in AXES},
    **{f"{axis}_sum": axis for axis in AXES},
    **{f"{axis}_squares": f"{axis} * {axis}" for axis in AXES},
    "mae": "mae",
    "mae_squares": "mae * mae",
    "geodesic": "geodesic",
    "geodesic_squares": "geodesic * geodesic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSums:
    """Over ``n`` faces: sums of the mean |error| of a face's axes and of its square, degrees."""

    n: int
    mae: float
    mae_squares: float


def error_sums(db: Database, filter: FaceFilter) -> ErrorSums:
    """All faces as one cell; many times faster than ``pose_cells``."""
    condition = where(filter)
    n, mae, squares = db.execute(
        "SELECT count(*), total(s.pose_error_deg), total(s.pose_error_deg * s.pose_error_deg)"
        f" FROM {_LABELLED.format(condition.sql)}",
        condition.values,
    ).fetchone()
    return ErrorSums(n=n, mae=mae, mae_squares=squares)


def pose_cells(db: Database, filter: FaceFilter) -> BySplit[list[PoseCell]]:
    """The errors by cell, in one pass; any marginal is a sum of cells.

    The filter names no split.
    """
    _need_trigonometry(db)
    condition = where_of_all_splits(filter)
    bins = ", ".join(f"{_bin_sql(axis)} AS {axis}_bin" for axis in AXES)
    errors = ", ".join(f"s.{axis}_deg - s.label_{axis}_deg AS {axis}" for axis in AXES)
    sums = ", ".join(f"sum({term})" for term in _SUMS.values())
    # Materialized, because SQLite would compute a sine anew for every use of it.
    rows = db.execute(
        f"WITH turned AS MATERIALIZED (SELECT {SPLIT_CODE} AS split_code, {bins},"
        f" s.mask_label AS label, {errors}, s.pose_error_deg AS mae, {_HALF_ANGLES}"
        f" FROM {_LABELLED.format(condition.sql)}),"
        f" measured AS MATERIALIZED (SELECT *, {_GEODESIC_DEG} AS geodesic FROM turned)"
        f" SELECT split_code, yaw_bin, pitch_bin, roll_bin, label, count(*), {sums} FROM measured"
        " GROUP BY split_code, yaw_bin, pitch_bin, roll_bin, label",
        condition.values,
    )
    found = by_split(((code, tuple(row[:4]), np.array(row[4:])) for code, *row in rows), np.add)
    return {
        split: [_cell(*cell, *sums.tolist()) for cell, sums in cells.items()]
        for split, cells in found.items()
    }


def _cell(
    yaw_deg: int, pitch_deg: int, roll_deg: int, label: str | None, n: float, *sums: float
) -> PoseCell:
    return PoseCell(
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        label=MaskLabel(label) if label else None,
        n=int(n),
        **dict(zip(_SUMS, sums, strict=True)),
    )


def _bin_sql(axis: str) -> str:
    last = 2 * _REACH_DEG // BIN_DEG - 1
    bin = f"cast((s.label_{axis}_deg + {_REACH_DEG}) / {BIN_DEG} AS INTEGER)"
    return f"max(0, min({last}, {bin})) * {BIN_DEG} - {_REACH_DEG}"


#: Cosine and sine of half of each angle, of the student's pose and of people's.
_HALF_ANGLES = ", ".join(
    f"{function}(s.{prefix}{axis}_deg * {-math.pi / 360}) AS {function}_{prefix}{axis}"
    for function in ("cos", "sin")
    for prefix in ("", "label_")
    for axis in AXES
)


def _quaternion_sql(prefix: str) -> tuple[str, str, str, str]:
    """Of ``R = Rx(−pitch) · Ry(−yaw) · Rz(−roll)``, as ``db.scores`` computes it."""
    axes = ("pitch", "yaw", "roll")
    cx, cy, cz = (f"cos_{prefix}{axis}" for axis in axes)
    sx, sy, sz = (f"sin_{prefix}{axis}" for axis in axes)
    return (
        f"({cx}*{cy}*{cz} - {sx}*{sy}*{sz})",
        f"({sx}*{cy}*{cz} + {cx}*{sy}*{sz})",
        f"({cx}*{sy}*{cz} - {sx}*{cy}*{sz})",
        f"({cx}*{cy}*{sz} + {sx}*{sy}*{cz})",
    )


_GEODESIC_DEG = "{} * acos(min(1.0, abs({})))".format(
    360 / math.pi,
    " + ".join(
        f"{x}*{y}" for x, y in zip(_quaternion_sql(""), _quaternion_sql("label_"), strict=True)
    ),
)


def _need_trigonometry(db: Database) -> None:
    """Some builds of SQLite come without mathematics: lend them Python's, which is slower."""
    try:
        db.execute("SELECT sin(0), cos(0), acos(1)").fetchone()
    except sqlite3.OperationalError:
        functions: Mapping[str, Callable[[float], float]] = {
            "sin": math.sin,
            "cos": math.cos,
            "acos": math.acos,
        }
        for name, function in functions.items():
            db.conn.create_function(name, 1, function, deterministic=True)


def said_against_true(
    db: Database, filter: FaceFilter
) -> BySplit[dict[str, dict[tuple[int, int], int]]]:
    """For each axis, faces by (people's angle, student's angle), both the cell's lower end.

    The filter names no split.
    """
    condition = where_of_all_splits(filter)
    keys = [
        f"cast((s.label_{axis}_deg + 360) / {TRUE_STEP_DEG} AS INTEGER) * 1000"
        f" + cast(s.{axis}_deg / {SAID_STEP_DEG} + 360 AS INTEGER)"
        for axis in AXES
    ]
    found = tallies_by_split(db, keys, _LABELLED.format(condition.sql), condition.values)
    return {
        split: {
            axis: _angle_pairs(of_axis[split]) for axis, of_axis in zip(AXES, found, strict=True)
        }
        for split in (None, *SPLITS)
    }


def _angle_pairs(counts: Mapping[int, int]) -> dict[tuple[int, int], int]:
    return {
        (key // 1000 * TRUE_STEP_DEG - 360, (key % 1000 - 360) * SAID_STEP_DEG): n
        for key, n in sorted(counts.items())
    }
