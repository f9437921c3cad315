"""What there is to learn from: balance over sources and splits, and doubtful labels over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from core.faces import MaskLabel
from core.intervals import proportion_interval
from db.data_statistics import KINDS, NOT_A_FACE, UNLABELLED, Balance, DoubtfulDay
from db.filters import FaceFilter
from ui.figures.look import Look
from ui.figures.marks import mark_data, whiskers
from ui.figures.time_axis import time_axis

#: Sources beyond these are summed up.
PARTS_SHOWN = 20


def balance_numbers(parts: Sequence[Balance]) -> pd.DataFrame:
    """A row for each part and kind."""
    rows = [(part.part, kind, part.counts[kind]) for part in parts for kind in KINDS]
    return pd.DataFrame(rows, columns=["part", "kind", "faces"])


def balance_chart(
    parts: Sequence[Balance], look: Look, *, title: str, subtitle: str, condition: str
) -> go.Figure:
    """A bar for each part, divided by label; ``condition`` is its field of ``FaceFilter``."""
    shown = list(parts[:PARTS_SHOWN])
    rest = f", the {PARTS_SHOWN} largest of {len(parts)}" if len(parts) > PARTS_SHOWN else ""
    figure = look.blank(
        title,
        f"faces · n = {sum(part.faces for part in parts):,}{rest} · {subtitle}"
        "click a part of a bar for its faces",
        height_px=170 + 28 * len(shown),
    )
    colors, patterns = _kind_colors(look), {NOT_A_FACE: "/", UNLABELLED: "."}
    for kind in KINDS:
        counts = [part.counts[kind] for part in shown]
        if any(counts):
            figure.add_bar(
                x=counts,
                y=[part.part for part in shown],
                orientation="h",
                name=kind,
                marker={"color": colors[kind], "pattern": {"shape": patterns.get(kind, "")}},
                customdata=mark_data([_faces(kind, condition, part.part) for part in shown]),
                hovertext=[f"{part.part}: {part.counts[kind]:,} {kind}" for part in shown],
                hoverinfo="text",
                unselected={"marker": {"opacity": 0.4}},
            )
    figure.update_layout(
        barmode="stack",
        xaxis={"title": {"text": "faces"}},
        yaxis={"type": "category", "autorange": "reversed"},
        legend={"traceorder": "normal"},
    )
    return figure


def _kind_colors(look: Look) -> Mapping[str, str]:
    labels = {label.value: color for label, color in look.labels.items()}
    return labels | {NOT_A_FACE: look.quiet, UNLABELLED: look.border}


def _faces(kind: str, condition: str, part: str) -> FaceFilter | None:
    """None where faces lack what the bars are about: no filter asks for that."""
    if part in ("", "no split"):
        return None
    known = {condition: part}
    if kind == UNLABELLED:
        return FaceFilter(status="unlabelled", **known)
    if kind == NOT_A_FACE:
        return FaceFilter(rejected=True, **known)
    return FaceFilter(status="labelled", labels=(MaskLabel(kind),), **known)


def doubt_numbers(days: Sequence[DoubtfulDay]) -> pd.DataFrame:
    """A row for each day, with the share of its labels that are suspected and its interval."""
    rows = []
    for day in days:
        low, high = proportion_interval(day.suspected, day.labels) or (0.0, 0.0)
        rows.append((day.day, day.labels, day.suspected, day.suspected / day.labels, low, high))
    columns = ["day", "labels", "suspected", "share", "ci95_low", "ci95_high"]
    return pd.DataFrame(rows, columns=columns)


#: More days than these are drawn week by week.
DAYS_SHOWN = 120


def weekly(days: Sequence[DoubtfulDay]) -> list[DoubtfulDay]:
    """The days of each week summed up under its Monday."""
    table = pd.DataFrame([(d.day, d.labels, d.suspected) for d in days])
    monday = pd.to_datetime(table[0]).dt.to_period("W-SUN").dt.start_time.dt.strftime("%Y-%m-%d")
    sums = table.groupby(monday)[[1, 2]].sum()
    return [
        DoubtfulDay(day=str(day), labels=int(labels), suspected=int(suspected))
        for day, labels, suspected in sums.itertuples()
    ]


def doubt_chart(days: Sequence[DoubtfulDay], threshold: float, look: Look) -> go.Figure:
    """The share of labels that are probably wrong, by when they were given."""
    step, each = 1, "day"
    if len(days) > DAYS_SHOWN:
        days, step, each = weekly(days), 7, "week"
    numbers = doubt_numbers(days)
    labels, suspected = numbers["labels"].sum(), numbers["suspected"].sum()
    figure = look.blank(
        f"Suspected label errors by the {each} the label was given",
        f"share of the {each}'s labels whose suspicion is at least {threshold:.2f}, 95 % Wilson "
        f"intervals · n = {labels:,} labels that count now, {suspected:,} suspected"
        " · click a point for those faces",
    )
    figure.add_scatter(
        x=numbers["day"],
        y=numbers["share"],
        mode="lines+markers",
        line={"color": look.vermilion},
        marker={"size": 8},
        error_y=whiskers(
            numbers["share"], numbers["ci95_low"], numbers["ci95_high"], look.quiet, thickness=1
        ),
        customdata=mark_data([_doubtful(day, step, threshold) for day in numbers["day"]]),
        hovertext=[
            f"{row.day}: {row.suspected:,} of {row.labels:,} labels ({row.share:.1%})"
            for row in numbers.itertuples()
        ],
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_layout(
        xaxis=time_axis(list(numbers["day"]), step) | {"title": {"text": each}},
        yaxis={"title": {"text": "suspected"}, "tickformat": ".1~%", "rangemode": "tozero"},
    )
    return figure


def _doubtful(day: str, step: int, threshold: float) -> FaceFilter:
    after = pd.Timestamp(day) + pd.Timedelta(days=step)
    return FaceFilter(
        status="labelled",
        annotated_from=day,
        annotated_before=after.strftime("%Y-%m-%d"),
        label_error=(threshold, 1.0),
        confirmed=False,
    )
