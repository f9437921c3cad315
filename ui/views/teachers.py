"""Teacher against student: where they differ, who was right, and the way to review both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st
from sqlite_utils import Database

from db import paired_answers, statistics
from db.models import Model, list_models, model_in_use
from ui import face_jobs
from ui.dashboard import Chart, after_first_chart, current_look, show_chart
from ui.dashboard_source import counted
from ui.figures import model_differences, teacher
from ui.job_panel import device_choice, follow, start_button
from ui.studio import Studio, current_studio

_SAMPLE = 2000
_BINS = 20


def show() -> None:
    studio = current_studio()
    st.title("Teacher against student", anchor=False)
    student, teachers = counted(pairs, studio.home)
    if student is None or not teachers:
        _empty(studio)
        return
    chosen = st.selectbox(
        "Teacher",
        [model.name for model in teachers],
        key="teacher",
        bind="query-params",
        help=f"beside the student {student}",
    )
    kind = next(model.kind for model in teachers if model.name == chosen)
    if kind == "mask_teacher":
        _mask(studio, student, chosen, [m.name for m in teachers if m.kind == kind])
    else:
        _pose(studio, student, chosen)
    after_first_chart(partial(_scatter, studio, student, chosen, kind))
    with st.expander("Let the teachers answer more faces"):
        _answer(studio, [student, *(model.name for model in teachers)])


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    student, teachers = counted(pairs, studio.home)
    if student is None or not teachers:
        return
    if teachers[0].kind == "mask_teacher":
        counted(_disagreement, studio.home)
    else:
        counted(paired_answers.pose_answers, studio.home, student, teachers[0].name)


def pairs(db: Database) -> tuple[str | None, list[Model]]:
    """The student that serves, and the teachers that left answers."""
    answered = paired_answers.answering_models(db)
    students = [model.name for model in list_models(db, "student") if model.name in answered]
    champion = model_in_use(db, "champion")
    teachers = [m for m in list_models(db) if m.kind != "student" and m.name in answered]
    if champion and champion.name in students:
        return champion.name, teachers
    return (students[0] if students else None), teachers


def _empty(studio: Studio) -> None:
    st.info(
        "**Here you will see where a teacher and the student differ**, who of them was right where "
        "people decided, and every face on a map of both answers, to pick from for review. It "
        "needs faces that both have answered: photos from the demo have that, imported faces do "
        "not yet.",
        icon=":material/school:",
    )
    _answer(studio, [model.name for model in face_jobs.registered(studio)])


def _answer(studio: Studio, models: Sequence[str]) -> None:
    """Let models answer the faces they have not seen, as a job."""
    if not models:
        st.caption("No model is registered yet: the page `Models` says why.")
        return
    chosen = st.multiselect("Models", models, default=models, key="answer-models")
    labelled = st.toggle("Only labelled faces", value=True, key="answer-labelled")
    device = device_choice("answer-device")
    start_button(
        "Answer the faces they have not seen",
        lambda: face_jobs.let_answer(studio, chosen, device, labelled_only=labelled),
        key="answer-start",
        disabled=not chosen,
    )
    follow(studio, "answer")


def _mask(studio: Studio, student: str, chosen: str, teachers: Sequence[str]) -> None:
    look = current_look()
    left, right = st.columns(2)
    histogram = counted(_disagreement, studio.home)
    with right:  # first, because it is counted soonest
        show_chart(
            Chart(
                key="disagreement",
                figure=teacher.disagreement_chart(histogram, look),
                numbers=partial(teacher.disagreement_numbers, histogram),
                order="disagreement",
            )
        )
    counts = counted(_agreement, studio.home, chosen)
    with left:
        show_chart(
            Chart(
                key="agreement",
                figure=teacher.agreement_chart(counts, chosen, look),
                numbers=partial(teacher.agreement_numbers, counts),
                order="disagreement",
            )
        )
    found = [
        teacher.verdicts(name, counted(paired_answers.mask_answers, studio.home, student, name))
        for name in teachers
    ]
    if not any(one.decided for one in found):
        st.caption("Who was right shows once people have labelled faces on which the two differ.")
        return
    show_chart(
        Chart(
            key="verdicts",
            figure=teacher.verdict_chart(found, look),
            numbers=partial(teacher.verdict_numbers, found),
        )
    )


def _pose(studio: Studio, student: str, chosen: str) -> None:
    errors = counted(paired_answers.pose_answers, studio.home, student, chosen)
    found = model_differences.pose_difference(errors)
    if errors is None or not found:
        st.caption("Who was right shows once people have given poses to faces that both answered.")
        return
    show_chart(
        Chart(
            key="pose-verdict",
            figure=model_differences.difference_chart(found, student, chosen, current_look()),
            numbers=partial(model_differences.difference_numbers, found),
        )
    )
    st.caption(
        f"The teacher is nearer to the people's pose on {errors.second_nearer:,} of {errors.n:,} "
        f"faces ({errors.second_nearer / errors.n:.1%})."
    )


def _scatter(studio: Studio, student: str, chosen: str, kind: str) -> None:
    """Every face of a sample by both answers; a lasso picks faces for review."""
    quantities = ["p_masked"] if kind == "mask_teacher" else ["yaw_deg", "pitch_deg", "roll_deg"]
    quantity = quantities[0]
    if len(quantities) > 1:
        quantity = st.segmented_control(
            "Angle",
            quantities,
            default=quantity,
            required=True,
            key="angle",
            bind="query-params",
            format_func=lambda name: teacher.QUANTITIES[name][0],
        )
    sample = counted(_sample, studio.home, student, chosen)
    show_chart(
        Chart(
            key="answers",
            figure=teacher.scatter_chart(sample, quantity, chosen, current_look()),
            numbers=partial(teacher.scatter_numbers, sample, quantity),
            order="disagreement",
            picks="lasso",
        )
    )


def _agreement(db: Database, chosen: str) -> dict[statistics.LabelPair, int]:
    return statistics.agreement_with_teacher(db, chosen)


def _disagreement(db: Database) -> list[int]:
    return statistics.score_histogram(db, "disagreement", low=0, high=1, bins=_BINS)


def _sample(db: Database, student: str, chosen: str) -> Any:
    return paired_answers.sample_answers(db, student, chosen, limit=_SAMPLE)
