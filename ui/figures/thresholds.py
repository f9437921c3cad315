"""What a threshold on the probability of a mask does: ROC, precision–recall, both rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.faces import MaskLabel
from db.filters import FaceFilter
from ui.error_report import ThresholdCurves
from ui.figures.look import Look
from ui.figures.marks import point_marks

#: Shares of masks found for which the specificity is read off.
WANTED_RECALLS = (0.9, 0.95, 0.99)


def threshold_numbers(curves: ThresholdCurves) -> pd.DataFrame:
    """A row for each threshold."""
    names = ("threshold", "recall", "specificity", "precision")
    return pd.DataFrame({name: getattr(curves, name) for name in names})


def recall_numbers(curves: ThresholdCurves) -> pd.DataFrame:
    """Specificity and precision at the chosen recalls."""
    picks = [curves.for_recall(wanted) for wanted in WANTED_RECALLS]
    return threshold_numbers(curves).iloc[picks].assign(wanted_recall=WANTED_RECALLS)


def roc_chart(
    curves: ThresholdCurves, threshold: float, look: Look, faces: FaceFilter
) -> go.Figure:
    """Masks found against bare faces called masked, and where the threshold stands."""
    figure = look.blank(
        "ROC: masks found against false alarms",
        f"{_n(curves)} · area under the curve {curves.area:.4f} · the point is the threshold",
    )
    false_alarms = 1 - curves.specificity
    figure.add_scatter(
        x=false_alarms,
        y=curves.recall,
        mode="lines",
        line_color=look.blue,
        showlegend=False,
        customdata=curves.threshold,
        hovertemplate="false alarms %{x:.2%}, masks found %{y:.2%}, threshold %{customdata:.3f}"
        "<extra></extra>",
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": look.quiet, "dash": "dot", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_trace(_now(curves, threshold, false_alarms, curves.recall, look, faces))
    figure.update_layout(
        xaxis={
            "title": {"text": "unmasked faces called masked"},
            "tickformat": ".0%",
            "range": [-0.02, 1.02],
        },
        yaxis={"title": {"text": "masks found"}, "tickformat": ".0%", "range": [-0.02, 1.02]},
    )
    return figure


def precision_chart(
    curves: ThresholdCurves, threshold: float, look: Look, faces: FaceFilter
) -> go.Figure:
    """How many of the faces called masked are, against how many masks are found."""
    figure = look.blank(
        "Precision against recall",
        f"{_n(curves)} · precision depends on how many faces here wear a mask",
    )
    figure.add_scatter(
        x=curves.recall,
        y=curves.precision,
        mode="lines",
        line_color=look.blue,
        customdata=curves.threshold,
        showlegend=False,
        hovertemplate="masks found %{x:.2%}, precision %{y:.2%}, threshold %{customdata:.3f}"
        "<extra></extra>",
    )
    figure.add_trace(_now(curves, threshold, curves.recall, curves.precision, look, faces))
    figure.update_layout(
        xaxis={
            "title": {"text": "masks found (recall)"},
            "tickformat": ".0%",
            "range": [-0.02, 1.02],
        },
        yaxis={"title": {"text": "precision"}, "tickformat": ".0%"},
    )
    return figure


def rates_chart(
    curves: ThresholdCurves, threshold: float, look: Look, faces: FaceFilter
) -> go.Figure:
    """Recall and specificity over the threshold; a click shows the faces on its wrong side."""
    found = curves.at(threshold)
    figure = look.blank(
        "What the threshold decides",
        f"{_n(curves)} · at {threshold:.2f}: {curves.recall[found]:.2%} of masks found,"
        f" {curves.specificity[found]:.2%} of bare faces left alone · click a point for the faces"
        " on its wrong side",
    )
    for name, rate, color, wrong in (
        ("masks found (recall)", curves.recall, look.blue, _missed),
        ("bare faces left alone (specificity)", curves.specificity, look.vermilion, _alarms),
    ):
        figure.add_scatter(
            x=curves.threshold, y=rate, mode="lines", name=name, line_color=color, hoverinfo="skip"
        )
        few = slice(0, None, max(1, len(rate) // 20))
        figure.add_trace(
            point_marks(
                x=curves.threshold[few],
                y=rate[few],
                faces=[wrong(faces, at) for at in curves.threshold[few]],
                hover=[
                    f"threshold {at:.2f}: {name} {value:.2%}"
                    for at, value in zip(curves.threshold[few], rate[few], strict=True)
                ],
                marker={"size": 9, "color": color},
                showlegend=False,
            )
        )
    figure.add_vline(x=threshold, line={"color": look.quiet, "dash": "dot"})
    figure.update_layout(
        xaxis={"title": {"text": "threshold on p(masked)"}, "range": [-0.02, 1.02]},
        yaxis={"tickformat": ".0%", "rangemode": "normal"},
    )
    return figure


def _now(
    curves: ThresholdCurves,
    threshold: float,
    x: np.ndarray,
    y: np.ndarray,
    look: Look,
    faces: FaceFilter,
) -> go.Scatter:
    """The point where the threshold stands; a click on it shows the false alarms."""
    index = curves.at(threshold)
    return point_marks(
        x=[x[index]],
        y=[y[index]],
        faces=[_alarms(faces, threshold)],
        hover=[f"threshold {threshold:.2f}: click for the false alarms"],
        marker={"size": 14, "color": look.vermilion, "line": {"color": look.page, "width": 2}},
        showlegend=False,
    )


def _alarms(faces: FaceFilter, threshold: float) -> FaceFilter:
    """Bare faces at or above the threshold."""
    return replace(
        faces, status="labelled", labels=(MaskLabel.UNMASKED,), p_masked=(float(threshold), 1.0)
    )


def _missed(faces: FaceFilter, threshold: float) -> FaceFilter:
    """Masks below the threshold."""
    return replace(
        faces, status="labelled", labels=(MaskLabel.MASKED,), p_masked=(0.0, float(threshold))
    )


def _n(curves: ThresholdCurves) -> str:
    return f"n = {curves.masked:,} masked and {curves.unmasked:,} unmasked faces"
