"""Marks that lead to faces: each carries its filter, so that a click needs no further table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.faces import MaskLabel
from db.filters import FaceFilter
from ui.figures.look import Look

#: A symbol for each label, so that colour does not carry it alone.
SYMBOLS: Mapping[MaskLabel | None, str] = {
    MaskLabel.UNMASKED: "circle",
    MaskLabel.MASKED: "square",
    MaskLabel.INCORRECT: "diamond",
    None: "x-thin",
}


_CELL_MARK_PX = 20


def mark_data(faces: Sequence[FaceFilter | None]) -> list[str | None]:
    """What a trace carries as ``customdata``; None is a mark whose faces cannot be asked for."""
    return [filter.to_json() if filter else None for filter in faces]


def face_data(face_ids: Iterable[int]) -> list[str]:
    """As ``mark_data`` for marks that are one face each; quick for tens of thousands."""
    return [f'{{"face_ids": [{face_id:d}]}}' for face_id in face_ids]


def filter_of_selection(selection: Mapping[str, Any]) -> FaceFilter | None:
    """The faces of Streamlit's selection: of one mark its filter, of several that are single faces
    all of them; None where nothing is chosen."""
    marks = (_text(point.get("customdata")) for point in selection["points"])
    given = [json.loads(mark) for mark in marks if mark is not None]
    if not given:
        return None
    ids = [face_id for one in given for face_id in one.get("face_ids", ())]
    if ids:
        return FaceFilter(face_ids=tuple(dict.fromkeys(ids)))
    return FaceFilter.from_json(json.dumps(given[0]))


def _text(mark: Any) -> str:
    """Streamlit hands customdata on as it is, or as a list of one."""
    return mark[0] if isinstance(mark, Sequence) and not isinstance(mark, str) else mark


def cell_marks(
    *,
    x: Sequence[Any],
    y: Sequence[Any],
    faces: Sequence[FaceFilter],
    hover: Sequence[str],
    look: Look,
) -> go.Scatter:
    """A mark in the middle of each cell of a heat map, hardly seen: Streamlit reports no clicks on
    the map itself. A click goes to the nearest mark, which is the cell's, however large it is."""
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "square", "size": _CELL_MARK_PX, "color": look.text, "opacity": 0.005},
        selected={"marker": {"opacity": 0.35}},
        unselected={"marker": {"opacity": 0.005}},
        customdata=mark_data(faces),
        hovertext=hover,
        hoverinfo="text",
        showlegend=False,
    )


def point_marks(
    *,
    x: Sequence[Any],
    y: Sequence[Any],
    faces: Sequence[FaceFilter],
    hover: Sequence[str],
    **style: Any,
) -> go.Scatter:
    """Points, each standing for faces."""
    return go.Scatter(
        x=x,
        y=y,
        customdata=mark_data(faces),
        hovertext=hover,
        hoverinfo="text",
        **{"mode": "markers", "unselected": {"marker": {"opacity": 0.4}}, **style},
    )


def whiskers(value: Any, low: Any, high: Any, color: str, **style: Any) -> dict[str, Any]:
    """The ``error_x`` or ``error_y`` of marks at ``value`` whose intervals are low … high."""
    value, low, high = (np.atleast_1d(np.asarray(part, float)) for part in (value, low, high))
    return {
        "type": "data",
        "symmetric": False,
        "array": high - value,
        "arrayminus": value - low,
        "color": color,
        **style,
    }
