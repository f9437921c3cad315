"""From corrected labels to a better student: what has changed, one button, and how it goes."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from db.errors import StudioError
from db.label_changes import LabelChanges
from ui import retraining
from ui.plain import plain
from ui.studio import Studio, current_studio
from ui.views import train_runs


def show() -> None:
    studio = current_studio()
    st.title("Train", anchor=False)
    overview = retraining.overview(studio)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _what_changed(overview)
    with right:
        _form(studio, overview)
    train_runs.show(studio)


def _what_changed(overview: retraining.Overview) -> None:
    st.subheader("What the student can learn", anchor=False)
    name = f"The champion, `{overview.champion}`," if overview.champion else "The shipped student"
    if not overview.changed:
        st.info(
            f"{name} has learned from every label there is. Label or correct some faces on the "
            "Review page; they are counted here."
        )
        return
    st.caption(f"{name} has not learned from these labels:")
    st.dataframe(
        pd.DataFrame(
            {
                "label": [str(change.label) for change in overview.changes],
                "new": [change.new for change in overview.changes],
                "corrected": [change.corrected for change in overview.changes],
                "student differs": [_differs(change) for change in overview.changes],
            }
        ),
        hide_index=True,
    )
    st.caption(
        "One picture in five is never trained on: on those, the new student is compared with the "
        "old one, and replaces it only where it is not worse."
    )


def _differs(change: LabelChanges) -> str:
    if not change.answered:
        return "not asked"
    return f"{change.contradicting:,} of {change.answered:,}"


def _form(studio: Studio, overview: retraining.Overview) -> None:
    st.subheader("Retrain the student", anchor=False)
    devices = {device.name: device.text() for device in overview.devices}
    preset = st.radio(
        "Recipe",
        list(retraining.PRESETS),
        format_func=str.capitalize,
        captions=list(retraining.PRESETS.values()),
        key="preset",
    )
    device = st.selectbox("Device", list(devices), format_func=devices.__getitem__, key="device")
    options = _advanced(studio, device)
    _duration(studio, preset, device, bool(options["replay"]))
    if st.button("Retrain", type="primary", icon=":material/model_training:", width="stretch"):
        try:
            run = retraining.start(studio, preset, device, **options)
        except StudioError as error:
            st.error(plain(error))
        else:
            st.session_state["run"] = run.id  # the page shows it below
            st.toast(f"Run {run.id} is queued on {run.device}.")


def _advanced(studio: Studio, device: str) -> dict:
    """What ``retraining.start`` takes besides recipe and device."""
    replay, benchmarks = retraining.last_folders(studio)
    with st.expander("Advanced settings"):
        replay = st.text_area(
            "Data to replay, so that nothing is forgotten",
            "\n".join(replay),
            placeholder="one folder with a labels.csv a line",
            help="Folders in the form of pose-csv or mask-csv; 2,000 of their faces take part.",
            key="replay",
        )
        benchmarks = st.text_area(
            "Data to compare on",
            "\n".join(benchmarks),
            placeholder="one folder with a labels.csv a line",
            help="Their test faces are measured before and after, and never trained on.",
            key="benchmarks",
        )
        epochs = st.number_input("Epochs (0: the recipe's own)", 0.0, 100.0, 0.0, key="epochs")
        rate = st.number_input(
            "Learning rate (0: the recipe's own)", 0.0, 0.1, 0.0, format="%.5f", key="rate"
        )
        workers = 0
        if device == "ray":
            workers = st.number_input("Processes on the cluster (0: one a GPU)", 0, 64, 0)
    changes = {"epochs": epochs, "learning_rate": rate}
    return {
        "replay": replay.split("\n") if replay.strip() else (),
        "benchmarks": benchmarks.split("\n") if benchmarks.strip() else (),
        "changes": {name: value for name, value in changes.items() if value},
        "cluster_workers": int(workers),
    }


def _duration(studio: Studio, preset: str, device: str, replay: bool) -> None:
    text = retraining.duration_text(studio, preset, device, replay)
    if text:
        st.caption(text)
    elif device != "ray" and st.button("How long would it take?", icon=":material/timer:"):
        try:
            with st.spinner("Measuring for some seconds …"):
                retraining.measure_speed(studio, preset, device)
        except StudioError as error:
            st.error(plain(error))
        else:
            st.rerun()
