"""From corrected labels to a better student: what has changed, one button, and how it goes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from db.errors import StudioError
from db.runs import Run
from ui import retraining
from ui.notifier import notify
from ui.studio import Studio, current_studio

_CURVES = ("loss", "accuracy", "macro_f1", "mae_deg")
_STATUS = {
    "queued": ":material/hourglass_empty: waiting",
    "running": ":material/play_arrow: running",
    "paused": ":material/pause: paused",
    "finished": ":material/check: finished",
    "failed": ":material/error: failed",
    "cancelled": ":material/cancel: cancelled",
}
_RESUMABLE = ("paused", "failed", "cancelled")


def show() -> None:
    studio = current_studio()
    st.title("Train", anchor=False)
    overview = retraining.overview(studio)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _what_changed(overview)
    with right:
        _form(studio, overview)
    _live(studio)


def _what_changed(overview: retraining.Overview) -> None:
    champion = overview.champion or "the student that came with the program"
    st.subheader("Since the champion", anchor=False)
    st.caption(f"`{champion}` answers now. It has not learned from these labels:")
    st.dataframe(
        pd.DataFrame(
            {
                "label": [str(change.label) for change in overview.changes],
                "new": [change.new for change in overview.changes],
                "corrected": [change.corrected for change in overview.changes],
                "the student says otherwise": [c.contradicting for c in overview.changes],
            }
        ),
        hide_index=True,
    )


def _form(studio: Studio, overview: retraining.Overview) -> None:
    st.subheader("Retrain the student", anchor=False)
    devices = {device.name: device.text() for device in overview.devices}
    preset = st.radio(
        "Recipe",
        list(retraining.PRESETS),
        captions=list(retraining.PRESETS.values()),
        key="preset",
    )
    device = st.selectbox("Device", list(devices), format_func=devices.__getitem__, key="device")
    with st.expander("Advanced"):
        replay = st.text_area(
            "Folders to replay", help="pose-csv or mask-csv sets, one a line", key="replay"
        )
        benchmarks = st.text_area(
            "Benchmark folders", help="measured, never trained on", key="benchmarks"
        )
        epochs = st.number_input("Epochs (0: the recipe's)", 0.0, 100.0, 0.0, key="epochs")
    _duration(studio, preset, device, bool(replay.strip()))
    if not overview.changed:
        st.caption("Nothing was labelled since; a run would learn little.")
    if st.button("Retrain", type="primary", icon=":material/model_training:", width="stretch"):
        try:
            run = retraining.start(
                studio,
                preset,
                device,
                replay=replay.split("\n") if replay.strip() else (),
                benchmarks=benchmarks.split("\n") if benchmarks.strip() else (),
                changes={"epochs": epochs} if epochs else None,
            )
        except StudioError as error:
            st.error(str(error))
        else:
            st.toast(f"Run {run.id} is queued on {run.device}.")


def _duration(studio: Studio, preset: str, device: str, replay: bool) -> None:
    text = retraining.duration_text(studio, preset, device, replay)
    if text:
        st.caption(text)
    elif st.button("How long would it take?", icon=":material/timer:"):
        try:
            with st.spinner("Measuring for some seconds …"):
                retraining.measure_speed(studio, preset, device)
        except StudioError as error:
            st.error(str(error))
        else:
            st.rerun()


@st.fragment(run_every=2.0)
def _live(studio: Studio) -> None:
    """The runs, followed while the page is open."""
    runs = retraining.runs(studio)
    st.subheader("Runs", anchor=False)
    if not runs:
        st.caption("No run yet.")
        return
    titles = {run.id: f"Run {run.id} · {run.recipe} · {run.status}" for run in runs}
    chosen = st.selectbox("Run", list(titles), format_func=titles.__getitem__, key="run")
    run = next(run for run in runs if run.id == chosen)
    _state(run, retraining.queue_place(run, runs))
    _buttons(studio, run)
    _figures(studio, run)
    with st.expander("Log", expanded=run.status == "failed"):
        st.code(retraining.jobs(studio).logs(run.id, 40) or "nothing yet", language=None)
    _notice_end(runs)


def _state(run: Run, place: int) -> None:
    waiting = f", {place} before it" if run.status == "queued" else ""
    st.markdown(
        f"**{_STATUS[run.status]}**{waiting} · {run.device} · begun {_time(run.started_at)}"
    )
    if run.status == "running":
        asked = f" ({run.request} was asked for)" if run.request else ""
        st.progress(run.progress, f"{run.phase or 'starting'}{asked}")
    if run.error:
        st.error(run.error)


def _buttons(studio: Studio, run: Run) -> None:
    jobs = retraining.jobs(studio)
    row = st.container(horizontal=True)
    if run.status in retraining.ACTIVE:
        row.button("Pause", icon=":material/pause:", on_click=jobs.pause, args=(run.id,))
        row.button("Cancel", icon=":material/stop:", on_click=jobs.cancel, args=(run.id,))
    if run.status in _RESUMABLE:
        row.button("Resume", icon=":material/play_arrow:", on_click=jobs.resume, args=(run.id,))


def _figures(studio: Studio, run: Run) -> None:
    curves = retraining.curves(studio, run.id, _CURVES)
    speed = retraining.last_value(studio, run.id, "images_per_s")
    if speed is not None:
        st.caption(f"{speed:.0f} images/s")
    shown = [name for name in _CURVES if curves.get(name)]
    for column, name in zip(st.columns(max(1, len(shown))), shown, strict=False):
        steps, values = zip(*curves[name], strict=True)
        figure = go.Figure(go.Scatter(x=steps, y=values, mode="lines+markers"))
        figure.update_layout(
            title=name, height=240, margin={"l": 40, "r": 10, "t": 40, "b": 30}, xaxis_title="step"
        )
        column.plotly_chart(figure, key=f"curve-{run.id}-{name}")


def _notice_end(runs: Sequence[Run]) -> None:
    """Say once how each run ended that was seen at work on this page."""
    seen: set[int] = st.session_state.setdefault("seen_active", set())
    ended = [run for run in runs if run.id in seen and run.status not in retraining.ACTIVE]
    for run in ended:
        st.toast(f"Run {run.id} is {run.status}.", icon=":material/notifications:")
        st.session_state["last_ended"] = f"Run {run.id} is {run.status}."
    seen -= {run.id for run in ended}
    seen |= {run.id for run in runs if run.status in retraining.ACTIVE}
    notify(st.session_state.get("last_ended"))


def _time(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else "not yet"
