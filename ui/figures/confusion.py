"""How often each label got each prediction: cells to look at and to click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go

from core.faces import MASK_CLASSES, MaskLabel
from db.filters import FaceFilter
from db.statistics import LabelPair
from ui.figures.look import Look
from ui.figures.marks import cell_marks

_NAMES = [label.value for label in MASK_CLASSES]


def confusion_numbers(counts: Mapping[LabelPair, int]) -> pd.DataFrame:
    """A row for each cell: label, predicted, faces, and their share of the faces of that label."""
    rows = []
    for label in MASK_CLASSES:
        of_label = sum(counts[label, other] for other in MASK_CLASSES)
        for predicted in MASK_CLASSES:
            n = counts[label, predicted]
            rows.append((label.value, predicted.value, n, n / of_label if of_label else 0.0))
    return pd.DataFrame(rows, columns=["label", "predicted", "faces", "share"])


def confusion_chart(counts: Mapping[LabelPair, int], look: Look, faces: FaceFilter) -> go.Figure:
    """The confusion matrix of ``faces``; colour is the share of each label's faces (its row)."""
    numbers = confusion_numbers(counts)
    n, wrong = sum(counts.values()), sum(n for (a, b), n in counts.items() if a is not b)
    figure = look.blank(
        "Mask: what people said against what the student said",
        f"n = {n:,} labelled faces, {wrong:,} of them wrong · share of each label's faces"
        " · click a cell for its faces",
        height_px=380,
    )
    shares = numbers.pivot(index="label", columns="predicted", values="share")
    shares = shares.loc[_NAMES, _NAMES]
    figure.add_heatmap(
        x=_NAMES, y=_NAMES, z=shares.to_numpy(), coloraxis="coloraxis", hoverinfo="skip", xgap=2
    )
    figure.data[0].update(ygap=2, text=_texts(counts), texttemplate="%{text}")
    figure.add_trace(
        cell_marks(
            x=numbers["predicted"],
            y=numbers["label"],
            faces=[
                replace(
                    faces, labels=(MaskLabel(row.label),), predicted=(MaskLabel(row.predicted),)
                )
                for row in numbers.itertuples()
            ],
            hover=[
                f"<b>{row.faces:,}</b> {row.label}, called {row.predicted}: {row.share:.1%}"
                for row in numbers.itertuples()
            ],
            look=look,
        )
    )
    figure.update_layout(
        margin={"l": 112, "b": 60},
        coloraxis={"cmin": 0, "cmax": 1, "showscale": False},
        xaxis={"title": {"text": "the student says"}, "showgrid": False, "side": "bottom"},
        yaxis={"title": {"text": "people say"}, "showgrid": False, "autorange": "reversed"},
    )
    return figure


def _texts(counts: Mapping[LabelPair, int]) -> list[list[str]]:
    numbers = confusion_numbers(counts)
    texts = [f"{row.faces:,}<br>{row.share:.1%}" for row in numbers.itertuples()]
    size = len(MASK_CLASSES)
    return [texts[start : start + size] for start in range(0, len(texts), size)]
