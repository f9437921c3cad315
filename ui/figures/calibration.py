"""Is the student as often right as it is sure?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go

from core.intervals import proportion_interval
from db.filters import FaceFilter
from db.mask_statistics import ConfidenceBin
from ui.error_report import Figure
from ui.figures.look import Look
from ui.figures.marks import point_marks, whiskers


def calibration_numbers(bins: Sequence[ConfidenceBin]) -> pd.DataFrame:
    """A row for each range of confidence."""
    rows = []
    for bin in bins:
        low, high = proportion_interval(bin.correct, bin.n) or (0.0, 1.0)
        rows.append((bin.low, bin.high, bin.n, bin.mean_confidence, bin.correct / bin.n, low, high))
    columns = ["from", "to", "faces", "mean_confidence", "accuracy", "low_95", "high_95"]
    return pd.DataFrame(rows, columns=columns)


def calibration_chart(
    bins: Sequence[ConfidenceBin], error: Figure, look: Look, faces: FaceFilter
) -> go.Figure:
    """Share of right answers against confidence; the dotted line is perfect calibration."""
    numbers = calibration_numbers(bins)
    of_error = "not known" if error.value is None else f"{error.value:.4f}"
    figure = look.blank(
        "Calibration: right answers against confidence",
        f"n = {error.n:,} labelled faces · 95 % Wilson intervals · expected calibration error"
        f" {of_error} · above the line: too modest, below: too sure",
    )
    figure.add_scatter(
        x=[1 / 3, 1],
        y=[1 / 3, 1],
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        line={"color": look.quiet, "dash": "dot", "width": 1},
    )
    figure.add_trace(
        point_marks(
            x=numbers["mean_confidence"],
            y=numbers["accuracy"],
            faces=[
                replace(faces, status="labelled", confidence=(bin.low, bin.high), wrong=True)
                for bin in bins
            ],
            hover=[
                f"sure {row.mean_confidence:.1%}, right {row.accuracy:.1%} of {row.faces:,} faces"
                " · click for the wrong ones"
                for row in numbers.itertuples()
            ],
            marker={
                "color": look.blue,
                "size": 6 + 16 * (numbers["faces"] / max(numbers["faces"].max(), 1)) ** 0.5,
                "line": {"color": look.page, "width": 1},
            }
            if len(numbers)
            else {},
            error_y=whiskers(
                numbers["accuracy"],
                numbers["low_95"],
                numbers["high_95"],
                look.quiet,
                thickness=1.5,
            ),
            showlegend=False,
        )
    )
    figure.update_layout(
        xaxis={"title": {"text": "how sure the student is"}, "tickformat": ".0%"},
        yaxis={"title": {"text": "right"}, "tickformat": ".0%"},
    )
    return figure
