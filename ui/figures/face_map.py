"""A map of faces: what the student finds alike lies side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.faces import MASK_CLASSES
from db.face_samples import FaceState
from ui.figures.look import Look
from ui.figures.marks import face_data

Coloring = Literal["label", "error", "source"]
RIGHT, WRONG, NO_LABEL = "right", "wrong", "no label"
#: Sources beyond these share one colour.
SOURCES_SHOWN = 5
OTHERS = "other sources"
_SYMBOLS = ("x", "circle", "square", "diamond", "cross", "triangle-up", "star")
#: So many points leave room for larger marks.
_FEW = 1000


def map_numbers(
    face_ids: Sequence[int], positions: np.ndarray, states: Mapping[int, FaceState]
) -> pd.DataFrame:
    """A row for each face that is still there: where it lies, label, error, source."""
    rows = [
        (face, float(x), float(y), *_said(states[face]))
        for face, (x, y) in zip(face_ids, positions, strict=True)
        if face in states
    ]
    return pd.DataFrame(rows, columns=["face_id", "x", "y", "label", "error", "source"])


def _said(state: FaceState) -> tuple[str, str, str]:
    if state.label is None:
        return NO_LABEL, NO_LABEL, state.source
    error = NO_LABEL if state.predicted is None else (WRONG, RIGHT)[state.label is state.predicted]
    return state.label.value, error, state.source


def map_chart(numbers: pd.DataFrame, coloring: Coloring, model: str, look: Look) -> go.Figure:
    """The map, coloured by people's labels, by the student's errors, or by source."""
    titles = {"label": "what people say", "error": "the student's errors", "source": "their source"}
    figure = look.blank(
        f"Faces that {model} finds alike lie side by side, by {titles[coloring]}",
        f"t-SNE of its 512 features; distances across the map mean little, neighbours much · "
        f"n = {len(numbers):,} faces drawn by chance · draw a lasso around faces to see them",
        height_px=620,
    )
    for name, rows, color, symbol in _groups(numbers, coloring, look):
        opacity = 0.35 if name in (NO_LABEL, OTHERS) else 0.8  # there may be very many
        figure.add_scattergl(
            x=rows["x"],
            y=rows["y"],
            mode="markers",
            name=f"{name} ({len(rows):,})",
            marker={
                "size": 8 if len(numbers) < _FEW else 5,
                "color": color,
                "symbol": symbol,
                "opacity": opacity,
            },
            customdata=face_data(rows["face_id"]),
            hovertemplate=f"{name}<extra></extra>",
        )
    hidden = {"showticklabels": False, "showgrid": False, "zeroline": False, "title": {"text": ""}}
    figure.update_layout(
        dragmode="lasso",
        xaxis=hidden,
        yaxis=hidden | {"scaleanchor": "x"},
        legend={"itemsizing": "constant"},
    )
    return figure


def _groups(numbers: pd.DataFrame, coloring: Coloring, look: Look):
    """(name, rows, colour, symbol), what matters least first, so that the rest lies on top."""
    if coloring == "label":
        colors = {NO_LABEL: look.quiet} | {k.value: look.labels[k] for k in MASK_CLASSES}
    elif coloring == "error":
        colors = {NO_LABEL: look.quiet, RIGHT: look.blue, WRONG: look.vermilion}
    else:
        largest = list(numbers["source"].value_counts().index[:SOURCES_SHOWN])
        numbers = numbers.assign(
            source=numbers["source"].where(numbers["source"].isin(largest), OTHERS)
        )
        palette = (*look.series[:4], look.text)
        colors = {OTHERS: look.quiet} | dict(zip(largest, palette, strict=False))
    for (name, color), symbol in zip(colors.items(), _SYMBOLS, strict=False):
        rows = numbers[numbers[coloring] == name]
        if len(rows):
            yield name, rows, color, symbol
