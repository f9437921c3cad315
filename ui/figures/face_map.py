"""A map of faces: what the student finds alike lies side by side.

Browsers without a graphics card take seconds for twenty thousand dots, most of them on top of each
other. So of the faces of one colour on one spot a single one is drawn; a lasso around dots means
all faces within of their colours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from skimage.measure import points_in_poly

from core.faces import MASK_CLASSES
from db.face_samples import FaceState
from db.filters import FaceFilter
from ui.figures.look import Look
from ui.figures.marks import face_data, filter_of_selection

Coloring = Literal["label", "error", "source"]
RIGHT, WRONG, NO_LABEL = "right", "wrong", "no label"
#: Sources beyond these share one colour.
SOURCES_SHOWN = 5
OTHERS = "other sources"
_SYMBOLS = ("x", "circle", "square", "diamond", "cross", "triangle-up", "star")
#: Drawn dots; each is an element of the page, and a change of 800 took half a second.
MOST_DOTS = 600
#: The legend has the map's top from here on, of its height.
_LEGEND_FROM = 0.88
#: Spots along each side of the map that are tried.
_SPOTS = tuple(np.geomspace(6, 280, 24))


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


def colors_of(numbers: pd.DataFrame, coloring: Coloring) -> pd.Series:
    """What decides each face's colour: its label, its error, or its source, small ones as one."""
    values = numbers[coloring]
    if coloring != "source":
        return values
    return values.where(values.isin(values.value_counts().index[:SOURCES_SHOWN]), OTHERS)


def dots(numbers: pd.DataFrame, colors: pd.Series) -> pd.DataFrame:
    """At most ``MOST_DOTS`` rows that look like all of them; rare colours keep most of theirs."""
    if len(numbers) <= MOST_DOTS:
        return numbers
    xy = numbers[["x", "y"]].to_numpy()
    share = (xy - xy.min(axis=0)) / np.maximum(np.ptp(xy, axis=0), 1e-9)
    color = pd.factorize(colors)[0]

    def kept(spots: float) -> np.ndarray:
        """The first row of each colour on each spot."""
        column, row = (share * spots).astype(int).T
        return np.unique((color * 1000 + column) * 1000 + row, return_index=True)[1]

    finest = bisect_right(_SPOTS, MOST_DOTS, key=lambda spots: len(kept(spots)))
    return numbers.iloc[np.sort(kept(_SPOTS[max(0, finest - 1)]))]


def chosen_faces(
    numbers: pd.DataFrame, coloring: Coloring, selection: Mapping[str, Any]
) -> FaceFilter | None:
    """The faces of Streamlit's selection: its dots, and with a lasso or box all faces within that
    have the colour of a chosen dot (the legend may hide other colours)."""
    chosen = filter_of_selection(selection)
    areas = [_corners(area) for kind in ("lasso", "box") for area in selection.get(kind, ())]
    if chosen is None or not areas:
        return chosen
    places = numbers[["x", "y"]].to_numpy()
    within = np.logical_or.reduce([points_in_poly(places, area) for area in areas])
    dots_chosen = numbers["face_id"].isin(chosen.face_ids)
    if not (within & dots_chosen).any():  # a click outside: Plotly still reports the old lasso
        return chosen
    colors = colors_of(numbers, coloring)
    meant = dots_chosen | (within & colors.isin(colors[dots_chosen]))
    return FaceFilter(face_ids=tuple(numbers.loc[meant, "face_id"].tolist()))


def _corners(area: Mapping[str, Any]) -> np.ndarray:
    """(n, 2) of a lasso, or of a box, which is given by two opposite corners."""
    x, y = area["x"], area["y"]
    if len(x) == 2:
        x, y = (x[0], x[1], x[1], x[0]), (y[0], y[0], y[1], y[1])
    return np.column_stack([x, y]).astype(float)


def map_chart(numbers: pd.DataFrame, coloring: Coloring, model: str, look: Look) -> go.Figure:
    """The map, coloured by people's labels, by the student's errors, or by source."""
    titles = {"label": "what people say", "error": "the student's errors", "source": "their source"}
    colors = colors_of(numbers, coloring)
    drawn, counts = dots(numbers, colors), colors.value_counts()
    thinned = "" if len(drawn) == len(numbers) else "one dot where many of a colour lie · "
    figure = look.blank(
        f"Faces that {model} finds alike lie side by side, by {titles[coloring]}",
        f"t-SNE of its 512 features; distances across the map mean little, neighbours much · "
        f"n = {len(numbers):,} faces drawn by chance · {thinned}draw a lasso around faces to see "
        "them",
        height_px=620,
    )
    for (value, color), symbol in zip(_palette(colors, coloring, look), _SYMBOLS, strict=False):
        rows = drawn[colors[drawn.index] == value]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["x"].to_numpy(np.float32),
            y=rows["y"].to_numpy(np.float32),
            mode="markers",
            name=f"{value} ({counts[value]:,})",
            marker={
                "size": 7,
                "color": color,
                "symbol": symbol,
                "opacity": 0.35 if value in (NO_LABEL, OTHERS) else 0.8,  # there may be very many
            },
            customdata=face_data(rows["face_id"]),
            hovertemplate=f"{value}<extra></extra>",
        )
    hidden = {"visible": False, "automargin": False}
    figure.update_layout(
        dragmode="lasso",
        xaxis=hidden,
        yaxis=hidden | {"scaleanchor": "x", "domain": (0, _LEGEND_FROM)},
        legend={"itemsizing": "constant", "y": 1, "yanchor": "top"},
        # expanding, all would be drawn twice: before and after making room
        margin={"autoexpand": False, "l": 8, "b": 8},
    )
    return figure


def _palette(colors: pd.Series, coloring: Coloring, look: Look) -> list[tuple[str, str]]:
    """(value, colour), what matters least first, so that the rest lies on top."""
    if coloring == "label":
        return [(NO_LABEL, look.quiet), *((k.value, look.labels[k]) for k in MASK_CLASSES)]
    if coloring == "error":
        return [(NO_LABEL, look.quiet), (RIGHT, look.blue), (WRONG, look.vermilion)]
    largest = [name for name in colors.value_counts().index if name != OTHERS]
    palette = (*look.series[:4], look.text)
    return [(OTHERS, look.quiet), *zip(largest, palette, strict=False)]
