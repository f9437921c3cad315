"""How the student and its labels grow: accuracy from model to model, labels from day to day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.faces import MaskLabel
from db.filters import FaceFilter
from db.mask_statistics import StudentCounts
from db.statistics import DayCount, Overview
from ui.error_report import accuracy, mean_f1
from ui.figures.look import Look
from ui.figures.marks import mark_data, whiskers
from ui.figures.time_axis import time_axis

#: A chart has room for as many bars; longer times are shown by week or month.
_MOST_BARS = 60
_PERIODS_DAYS = (("D", 1), ("W", 7), ("M", 30))
#: How much of its period a bar fills.
_FILLED = 0.85
#: Annotators with a colour of their own; the others are one bar.
_NAMED = 4
_OTHERS = "others"


def student_numbers(students: Sequence[StudentCounts]) -> pd.DataFrame:
    """A row for each student: when, on how many faces, accuracy and macro-F1 with intervals."""
    rows = []
    for student in students:
        figures = accuracy(student.confusion), mean_f1(student.confusion)
        values = [
            number
            for figure in figures
            for number in (figure.value, *(figure.interval or (np.nan, np.nan)))
        ]
        row = (student.model, student.registered_at, student.serves, figures[0].n, *values)
        rows.append(row)
    columns = ["student", "registered_at", "serves", "faces"]
    for name in ("accuracy", "macro_f1"):
        columns += [name, f"{name}_low_95", f"{name}_high_95"]
    return pd.DataFrame(rows, columns=columns)


def student_chart(students: Sequence[StudentCounts], look: Look, faces: FaceFilter) -> go.Figure:
    """Accuracy and macro-F1 of every student, oldest first, on those of ``faces`` it answered."""
    numbers = student_numbers(students)
    most = int(numbers["faces"].max()) if len(numbers) else 0
    figure = look.blank(
        "Students over time",
        f"accuracy of the three classes and mean F1, with 95 % intervals · n = up to {most:,}"
        " labelled faces, drawn at random: of each student those that it answered",
    )
    days = pd.to_datetime(numbers["registered_at"]).dt.strftime("%-d %b %Y")
    counts = numbers["faces"].map("n = {:,}".format)
    names = numbers["student"] + np.where(numbers["serves"], " (serves)", "")
    for column, figure_name, color in (
        ("accuracy", "accuracy", look.blue),
        ("macro_f1", "macro-F1", look.vermilion),
    ):
        value = numbers[column]
        figure.add_scatter(
            x=numbers["student"] + "<br>" + days + "<br>" + counts,
            y=value,
            mode="lines+markers",
            name=figure_name,
            line_color=color,
            marker={
                "size": np.where(numbers["serves"], 14, 9),
                "symbol": np.where(numbers["serves"], "diamond", "circle"),
            },
            text=names + ": " + counts,
            hovertemplate=f"%{{text}}, {figure_name} %{{y:.2%}}<extra></extra>",
            error_y=whiskers(
                value,
                numbers[f"{column}_low_95"],
                numbers[f"{column}_high_95"],
                look.quiet,
                thickness=1.5,
            ),
            customdata=mark_data(
                [replace(faces, status="labelled", model=name) for name in numbers["student"]]
            ),
        )
    # In the order of registration, evenly: two of one day would else lie on each other.
    figure.update_layout(xaxis={"type": "category"}, yaxis={"tickformat": ".1~%"})
    return figure


def pace_numbers(days: Sequence[DayCount]) -> pd.DataFrame:
    """Labels by period and annotator: period (its first day), until, annotator, labels."""
    if not days:
        return pd.DataFrame(columns=["period", "until", "annotator", "labels"])
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime([day.day for day in days]),
            "annotator": [day.annotator for day in days],
            "labels": [day.labels for day in days],
        }
    )
    starts = frame["day"].dt.to_period(_period(frame["day"]))
    frame["period"] = starts.dt.start_time
    frame["until"] = (starts + 1).dt.start_time
    busiest = frame.groupby("annotator")["labels"].sum().nlargest(_NAMED).index
    frame["annotator"] = frame["annotator"].where(frame["annotator"].isin(busiest), _OTHERS)
    return frame.groupby(["period", "until", "annotator"], as_index=False)["labels"].sum()


def _period(days: pd.Series) -> str:
    """The finest period, as pandas calls it, of which there are few enough."""
    span_days = (days.max() - days.min()).days + 1
    return next((name for name, length in _PERIODS_DAYS if span_days / length <= _MOST_BARS), "Y")


def pace_chart(days: Sequence[DayCount], look: Look) -> go.Figure:
    """Labels that count now, by when and by whom they were given."""
    numbers = pace_numbers(days)
    people = len({day.annotator for day in days})
    starts = [day.date().isoformat() for day in numbers["period"].unique()]
    step = (numbers["until"] - numbers["period"]).max()
    figure = look.blank(
        "Labels over time",
        f"labels that count now, by the day, week or month (UTC) they were given, and by annotator"
        f" · n = {int(numbers['labels'].sum()):,} labels by {people:,}"
        f" annotator{'s' * (people != 1)}",
    )
    for annotator, of in numbers.groupby("annotator"):
        figure.add_bar(
            x=of["period"],
            y=of["labels"],
            # Said, because plotly makes the bar of a single day a millisecond wide.
            width=_FILLED * (of["until"] - of["period"]).dt.total_seconds() * 1000,
            name=str(annotator),
            customdata=mark_data([_labels_of(row) for row in of.itertuples()]),
            hovertemplate=f"{annotator}: %{{y:,}} labels from %{{x|%d %b %Y}} on<extra></extra>",
        )
    figure.update_layout(
        barmode="stack",
        xaxis=time_axis(starts, step.days if starts else 1),
        yaxis={"rangemode": "tozero"},
    )
    return figure


def _labels_of(row: Any) -> FaceFilter | None:
    """The faces of one annotator's part of a bar; no filter asks for several annotators."""
    if row.annotator == _OTHERS:
        return None
    return FaceFilter(
        status="labelled",
        annotator=str(row.annotator),
        annotated_from=row.period.date().isoformat(),
        annotated_before=row.until.date().isoformat(),
    )


def label_numbers(overview: Overview) -> pd.DataFrame:
    """How many faces have each label, are no faces, or have no mask label."""
    counts = {label.value: overview.labels[label] for label in MaskLabel}
    counts |= {"not a face": overview.rejected, "no mask label": overview.unlabelled}
    return pd.DataFrame({"label": list(counts), "faces": list(counts.values())})


def label_chart(overview: Overview, look: Look) -> go.Figure:
    """What the faces are labelled as."""
    numbers = label_numbers(overview)
    total = max(int(numbers["faces"].sum()), 1)
    figure = look.blank(
        "Labels",
        f"faces by the label that counts now · n = {overview.faces:,} faces in"
        f" {overview.images:,} photos",
        height_px=300,
    )
    labelled = FaceFilter(status="labelled")
    faces = [replace(labelled, labels=(label,)) for label in MaskLabel]
    faces += [replace(labelled, rejected=True), FaceFilter(status="unlabelled")]
    colors = [*(look.labels[label] for label in MaskLabel), look.quiet, look.border]
    figure.add_bar(
        x=numbers["faces"],
        y=numbers["label"],
        orientation="h",
        marker_color=colors,
        text=[f"{n:,} ({n / total:.1%})" for n in numbers["faces"]],
        textposition="auto",
        insidetextfont={"color": [*[look.page] * 4, look.text]},
        customdata=mark_data(faces),
        hovertemplate="%{y}: %{x:,} faces<extra></extra>",
    )
    figure.update_layout(
        yaxis={"autorange": "reversed"}, xaxis={"title": {"text": "faces"}}, showlegend=False
    )
    return figure
