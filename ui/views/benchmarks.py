"""Benchmarks: measure any model on any imported data set, and see it beside what was published."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st
from sqlite_utils import Database

from db.evaluations import Evaluation, evaluations
from ui import face_jobs
from ui.dashboard import Chart, current_look, show_chart
from ui.dashboard_source import counted
from ui.figures.published import (
    COSTS,
    MASKS,
    TABLES,
    Table,
    ours,
    published_chart,
    published_numbers,
)
from ui.job_panel import device_choice, follow, start_button
from ui.studio import Studio, current_studio
from ui.when import local_time

if TYPE_CHECKING:
    from trainer.benchmarks import Benchmark

_OWN_FOLDER = "a folder …"
_HEADLINES = (
    "mae_deg",
    "geodesic_mean_deg",
    "accuracy",
    "specificity",
    "specificity_occluded",
    "mcc",
    "macro_f1",
    "ece",
)


def show() -> None:
    studio = current_studio()
    st.title("Benchmarks", anchor=False)
    with st.expander("Measure a model", expanded=True):
        _form(studio)
    follow(studio, "measure")
    found = counted(evaluations, studio.home)
    if found:
        _results(found)
    else:
        st.info(
            "**Nothing is measured here yet.** Choose a model and a data set above; the figures "
            "appear below, with intervals, beside the published ones.",
            icon=":material/leaderboard:",
        )
    for key, table in TABLES.items():
        _table(key, table, found)
    st.subheader("Masks, as published", anchor=False)
    st.dataframe(MASKS, hide_index=True)
    st.subheader("Size and speed, as published", anchor=False)
    st.dataframe(COSTS, hide_index=True)
    st.caption("Thai et al. 2022. Speed here, on this computer: `python launch.py bench`.")


def _form(studio: Studio) -> None:
    models = [model.name for model in face_jobs.registered(studio)]
    if not models:
        st.caption("No model is registered yet: they are a few seconds after the studio's start.")
        return
    known = counted(_imported, studio.home)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", models, key="measure-model", width=260)
        place = st.selectbox(
            "Data set",
            range(len(known) + 1),
            format_func=lambda i: known[i].title() if i < len(known) else _OWN_FOLDER,
            key="measure-data",
            width=380,
        )
        device = device_choice("measure-device")
    benchmark = known[place] if place < len(known) else _from_folder()
    with st.container(horizontal=True):
        overlay = st.checkbox(
            "also with masks drawn on", key="measure-overlay", help="pose under a mask"
        )
        jitter = st.checkbox("also with crops off by 10 %", key="measure-jitter")
    start_button(
        "Measure",
        lambda: face_jobs.start_measuring(
            studio, model, benchmark, device, mask_overlay=overlay, crop_jitter=jitter
        ),
        key="measure-start",
        disabled=benchmark is None,
    )


def _imported(db: Database) -> list[Benchmark]:
    from trainer.benchmarks import imported_benchmarks

    return imported_benchmarks(db)


def _from_folder() -> Benchmark | None:
    """A data set that was not imported, by its folder on this computer."""
    from core.datasets import DATASET_KINDS

    with st.container(horizontal=True, vertical_alignment="bottom"):
        folder = st.text_input("Folder on this computer", key="measure-folder")
        kind = st.selectbox("Form", list(DATASET_KINDS), key="measure-kind", width=160)
        split = st.text_input("Split", key="measure-split", width=120, help="empty: all of it")
    return face_jobs.folder_benchmark(folder, kind, split) if folder.strip() else None


def _results(found: Sequence[Evaluation]) -> None:
    """Every measurement, newest first."""
    st.subheader("Measured here", anchor=False)
    zone = st.context.timezone
    rows = [
        {
            "model": one.model,
            "data set": one.benchmark,
            "when": local_time(one.created_at, zone),
            "faces": _figures(one).get("n"),
            "left out": one.report.get("excluded"),
            **{name: _with_interval(_figures(one), name) for name in _HEADLINES},
        }
        for one in found
    ]
    st.dataframe(pd.DataFrame(rows).dropna(axis="columns", how="all"), hide_index=True)


def _figures(evaluation: Evaluation) -> dict:
    """The figures of one task, or of both laid over each other."""
    report = dict(evaluation.report)
    return report | (report.get("pose") or {}) | (report.get("mask") or {})


def _with_interval(figures: dict, name: str) -> str | None:
    if figures.get(name) is None:
        return None
    interval = figures.get(f"{name}_ci95")
    text = f"{figures[name]:.3g}"
    return f"{text} ({interval[0]:.3g} to {interval[1]:.3g})" if interval else text


def _table(key: str, table: Table, found: Sequence[Evaluation]) -> None:
    mine = ours(table, found)
    show_chart(
        Chart(
            key=key,
            figure=published_chart(table, mine, current_look()),
            numbers=partial(published_numbers, table, mine),
        )
    )
