"""How good the student is, how the labels grow, and what is worth doing next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from sqlite_utils import Database
from streamlit.delta_generator import DeltaGenerator

from db import mask_statistics, pose_statistics, statistics
from db.filters import FaceFilter
from db.models import model_in_use
from db.queue_values import QueueValue, queue_values
from ui import error_report
from ui.dashboard import Chart, after_first_chart, current_look, face_links, show_chart
from ui.dashboard_source import (
    Source,
    about_learned_faces,
    choose_faces,
    choose_source,
    counted,
    counted_of,
)
from ui.error_report import Figure
from ui.figures import progress
from ui.studio import Studio, current_studio
from ui.views import mask_errors, pose_errors


def show() -> None:
    st.title("Overview", anchor=False)
    source = choose_source(current_studio(), _has_numbers, "labels that the student can be held to")
    faces = choose_faces(source)
    places = _places(source)
    # Filled in the order in which they are counted: a million faces are counted for a while.
    next_steps = st.container()
    _labels(source)
    trend = st.container()
    if not source.is_sample:
        with next_steps:
            _next(source)
    _figures(source, faces, places)
    with trend:
        after_first_chart(partial(_trend, source, faces))


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    counted(statistics.overview, studio.home)


def _has_numbers(db: Database) -> bool:
    return mask_errors.has_numbers(db) or pose_errors.has_numbers(db)


#: The serving student in six numbers: title, unit, what it is.
_FIGURES = (
    ("Accuracy", "%", "Of the three classes."),
    ("Specificity", "%", "Bare faces not called masked."),
    ("MCC", "", "Matthews correlation, masked or not: 1 is perfect, 0 is chance."),
    ("Macro-F1", "", "Mean F1 of the three classes."),
    ("ECE", "", "Mean gap between confidence and accuracy; 0 is perfect."),
    ("Pose MAE", "°", "Mean |error| of yaw, pitch and roll."),
)


def _places(source: Source) -> list[DeltaGenerator]:
    """Where the numbers will stand; the page does not jump when they come."""
    champion = counted(model_in_use, source.home, alias="champion")
    name = champion.name if champion else "The student that answers"
    st.markdown(f"**{name}** on the faces that people have labelled")
    places = []
    with st.container(horizontal=True, gap="small"):
        for title, _, help in _FIGURES:
            with st.container(border=True, width=165, gap=None):
                place = st.empty()
                place.metric(title, "…", help=help)
                places.append(place)
    if not source.is_sample:
        st.caption(
            f"{about_learned_faces(source.home)} Review begins with faces on which student and"
            " teachers disagree: the more people label in the order *Shuffled*, the nearer these"
            " figures are to those of all faces. Intervals: 95 %, faces taken as independent."
        )
    return places


def _figures(source: Source, faces: FaceFilter, places: list[DeltaGenerator]) -> None:
    confusion = counted_of(mask_statistics.confusion, source.home, faces)
    scores = counted_of(mask_statistics.score_counts, source.home, faces)
    bins = counted_of(mask_statistics.calibration, source.home, faces)
    figures = (
        error_report.accuracy(confusion),
        error_report.specificity(scores),
        error_report.correlation(scores),
        error_report.mean_f1(confusion),
        error_report.calibration_error(bins),
        error_report.pose_error([counted(pose_statistics.error_sums, source.home, filter=faces)]),
    )
    for place, (title, unit, help), figure in zip(places, _FIGURES, figures, strict=True):
        with place.container(gap=None):
            st.metric(title, _text(figure.value, unit), help=help)
            st.caption(_interval(figure, unit))


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.1%}"
    text = f"{value:.2f}°" if unit == "°" else f"{value:.3f}"
    return text.replace("-", "−")


def _interval(figure: Figure, unit: str) -> str:
    if figure.value is None:
        return "no such faces"
    n = f"n = {figure.n:,}"
    if figure.interval is None:
        return n
    low, high = figure.interval
    return f"{_text(low, unit)} … {_text(high, unit)}  \n{n}"


def _next(source: Source) -> None:
    """The most valuable queue first, with the way there."""
    st.subheader("What to do next", anchor=False)
    values = counted(queue_values, source.home)
    if not values:
        st.success("Every face has a label, and nobody doubts one.")
        return
    for place, value in enumerate(values):
        with st.container(
            border=place == 0, horizontal=True, vertical_alignment="center", gap="small"
        ):
            star = ":material/star: " if place == 0 else ""
            st.markdown(f"{star}**{value.title}**: {value.waiting:,} faces. {_worth(value)}")
            face_links(value.faces, value.order)


def _worth(value: QueueValue) -> str:
    if value.errors_per_100 is None:
        return value.why
    alike = "labelled faces like these"
    if value.order == "random":  # the labelled ones were not drawn by chance
        alike = "labelled faces in all"
    return (
        f"{value.why} Of {value.alike:,} {alike}, the student was wrong on"
        f" **{value.errors_per_100:.0f} in 100**."
    )


def _trend(source: Source, faces: FaceFilter) -> None:
    students = counted(mask_statistics.students_on_sample, source.home, faces)
    if students:
        figure = progress.student_chart(students, current_look(), faces)
        _chart(source, "students", figure, partial(progress.student_numbers, students))


def _labels(source: Source) -> None:
    look = current_look()
    left, right = st.columns([2, 3])
    overview = counted(statistics.overview, source.home)
    with left:
        figure = progress.label_chart(overview, look)
        _chart(source, "labels", figure, partial(progress.label_numbers, overview))
    days = counted(statistics.labels_per_day, source.home)
    with right:
        _chart(
            source, "pace", progress.pace_chart(days, look), partial(progress.pace_numbers, days)
        )


def _chart(
    source: Source, key: str, figure: go.Figure, numbers: Callable[[], pd.DataFrame]
) -> None:
    show_chart(Chart(key=key, figure=figure, numbers=numbers), sample=source.is_sample)
