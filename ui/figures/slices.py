"""How often the student errs on each kind of face: a point with its interval for every kind."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from core.intervals import proportion_interval
from db.mask_slices import Slice
from ui.figures.look import Look
from ui.figures.marks import point_marks, whiskers

_ROW_PX = 34
#: Intervals of fewer faces do not set the scale: they may run out of the chart.
_SURE = 30


def slice_numbers(slices: Sequence[Slice]) -> pd.DataFrame:
    """A row for each kind: faces, wrong, error rate and its interval."""
    rows = []
    for one in slices:
        low, high = proportion_interval(one.wrong, one.n) or (0.0, 1.0)
        rows.append((one.name, one.n, one.wrong, one.wrong / one.n, low, high))
    columns = ["kind", "faces", "wrong", "error_rate", "low_95", "high_95"]
    return pd.DataFrame(rows, columns=columns)


def slice_chart(slices: Sequence[Slice], title: str, look: Look) -> go.Figure:
    """Error rate by kind of face, with the rate of all as a line to compare with."""
    numbers = slice_numbers(slices)
    n, wrong = int(numbers["faces"].sum()), int(numbers["wrong"].sum())
    sure = numbers[numbers["faces"] >= _SURE]
    most = max([*numbers["error_rate"], *sure["high_95"], 0.01])
    figure = look.blank(
        f"Mask errors by {title}",
        f"share of labelled faces that are wrong, with 95 % Wilson interval · n = {n:,}"
        f" · line: all of them, {wrong / max(n, 1):.1%}",
        height_px=150 + _ROW_PX * len(slices),
    )
    figure.add_trace(
        point_marks(
            x=numbers["error_rate"],
            y=[f"{row.kind}  (n = {row.faces:,})" for row in numbers.itertuples()],
            faces=[one.faces for one in slices],
            hover=[
                f"<b>{row.kind}</b>: {row.wrong:,} of {row.faces:,} wrong, {row.error_rate:.1%}"
                f" ({row.low_95:.1%} … {row.high_95:.1%})"
                for row in numbers.itertuples()
            ],
            marker={"size": 12, "color": look.vermilion},
            error_x=whiskers(
                numbers["error_rate"],
                numbers["low_95"],
                numbers["high_95"],
                look.quiet,
                thickness=1.5,
            ),
            showlegend=False,
        )
    )
    figure.add_vline(x=wrong / max(n, 1), line={"color": look.quiet, "dash": "dot", "width": 1})
    figure.update_layout(
        xaxis={
            "tickformat": ".1~%",
            "range": [-0.03 * most, 1.05 * most],  # a mark at 0 is whole
            "title": {"text": "wrong"},
        },
        yaxis={"autorange": "reversed", "type": "category"},
    )
    return figure
