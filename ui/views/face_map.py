"""A map of the stored faces by what the student sees in them; a lasso leads to the grid."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from sqlite_utils import Database

from db.face_samples import states_of
from trainer.survey_file import Survey
from ui import face_jobs
from ui.dashboard import Chart, current_look, show_chart
from ui.dashboard_source import counted
from ui.figures.face_map import Coloring, chosen_faces, map_chart, map_numbers
from ui.job_panel import device_choice, follow, start_button
from ui.studio import Studio, current_studio
from ui.when import local_time

#: How many faces a map may have, and about how long one core draws at it.
SIZES = {2_000: "some minutes", 5_000: "about 10 minutes", 20_000: "half an hour and more"}
_COLORINGS: dict[Coloring, str] = {"label": "label", "error": "error", "source": "source"}


def show() -> None:
    studio = current_studio()
    st.title("Map of faces", anchor=False)
    found = face_jobs.latest_survey(studio)
    if found is None:
        st.info(
            "**Here every dot is a face, and faces that the student finds alike lie side by "
            "side.** Islands of one colour are easy; a red dot amid blue ones is a hard face or a "
            "wrong label. Draw a lasso around dots to see and label them. The map is drawn once, "
            "as a job, from the student's own features; the same job looks for near-duplicates.",
            icon=":material/scatter_plot:",
        )
        _draw(studio)
        return
    run, survey = found
    _map(studio, survey)
    drawn = local_time(run.ended_at or run.created_at, st.context.timezone)
    st.caption(
        f"Drawn {drawn} by job {run.id} from {len(survey.face_ids):,} faces "
        f"(at most {survey.asked:,} were asked for); labels and errors are those of now."
    )
    with st.expander("Draw a new map"):
        _draw(studio)


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    if found := face_jobs.latest_survey(studio):
        _now(studio, found[1])


@st.fragment
def _map(studio: Studio, survey: Survey) -> None:
    """Only this part of the page follows the choice of colours."""
    coloring = st.segmented_control(
        "Colour by",
        list(_COLORINGS),
        default="label",
        required=True,
        format_func=_COLORINGS.__getitem__,
        key="color",
        bind="query-params",
    )
    numbers = _now(studio, survey)
    if numbers.empty:
        st.caption("None of the faces on the map is here any more: draw a new one.")
        return
    show_chart(
        Chart(
            key="map",
            figure=map_chart(numbers, coloring, survey.model, current_look()),
            numbers=lambda: numbers,
            order="newest",
            picks="lasso",
            faces_of=partial(chosen_faces, numbers, coloring),
        )
    )


def _now(studio: Studio, survey: Survey) -> pd.DataFrame:
    """What is known now of the faces of the map."""
    return counted(_numbers, studio.home, survey.face_ids, survey.positions)


def _numbers(db: Database, face_ids: np.ndarray, positions: np.ndarray) -> pd.DataFrame:
    ids = face_ids.tolist()
    return map_numbers(ids, positions, states_of(db, ids))


def _draw(studio: Studio) -> None:
    students = [model.name for model in face_jobs.registered(studio) if model.kind == "student"]
    if not students:
        st.caption("No student is registered yet.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Student", students, key="map-model", width=260)
        faces = st.selectbox(
            "Faces, drawn by chance",
            list(SIZES),
            index=1,
            format_func=lambda size: f"{size:,} ({SIZES[size]} on one core)",
            key="map-faces",
            width=320,
        )
        device = device_choice("map-device")
    start_button(
        "Draw the map",
        lambda: face_jobs.start_survey(studio, model, faces, device),
        key="map-start",
    )
    follow(studio, "survey")
