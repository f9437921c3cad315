"""The runs below the train page's form: followed live, stopped, resumed, their end announced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from db.runs import Run
from ui import retraining
from ui.gestures import say_done
from ui.notifier import notify
from ui.plain import plain
from ui.studio import Studio

#: Curve → what the page calls it; mask figures and poses are those of the held-out faces.
_CURVES = {
    "loss": "Loss",
    "accuracy": "Masks right",
    "macro_f1": "Masks, macro-F1",
    "mae_deg": "Pose error, degrees",
}
_STATUS = {
    "queued": ":material/hourglass_empty: Waiting",
    "running": ":material/play_arrow: Running",
    "paused": ":material/pause: Paused",
    "finished": ":material/check: Finished",
    "failed": ":material/error: Failed",
    "cancelled": ":material/cancel: Cancelled",
}
_RESUMABLE = ("paused", "failed", "cancelled")
_CURVE_COLOR = "#0a84d6"  # seen on light and on dark pages


@st.fragment(run_every=2.0)
def show(studio: Studio) -> None:
    """The runs, followed while the page is open."""
    runs = retraining.runs(studio)
    st.subheader("Runs", anchor=False)
    if not runs:
        st.caption("No run yet. It goes on when this page is closed; come back whenever you like.")
        return
    titles = {run.id: f"Run {run.id} · {run.recipe} · {run.status}" for run in runs}
    if st.session_state.get("run") not in titles:
        st.session_state["run"] = runs[0].id
    chosen = st.selectbox(
        "Run",
        list(titles),
        format_func=titles.__getitem__,
        key="run",
        label_visibility="collapsed",
    )
    run = next(run for run in runs if run.id == chosen)
    _state(run, retraining.queue_place(run, runs))
    _buttons(studio, run)
    _result(studio, run)
    _figures(studio, run)
    with st.expander("Log", expanded=run.status == "failed"):
        st.code(retraining.jobs(studio).logs(run.id, 40) or "nothing yet", language=None)
    _announce_ends(runs)


def _state(run: Run, place: int) -> None:
    ahead = f", {place} before it" if run.status == "queued" and place else ""
    began = f" · begun {_local_time(run.started_at)}" if run.started_at else ""
    st.markdown(f"**{_STATUS[run.status]}**{ahead} · {run.device}{began}")
    if run.status == "running":
        asked = f" ({run.request} was asked for)" if run.request else ""
        st.progress(run.progress, f"{run.phase or 'starting'}{asked}".capitalize())
    if run.error:
        st.error(plain(run.error))


def _buttons(studio: Studio, run: Run) -> None:
    jobs = retraining.jobs(studio)
    row = st.container(horizontal=True)
    if run.status in retraining.ACTIVE:
        pause = partial(_tell, jobs.pause, run, "stops at its next step and can be resumed")
        row.button("Pause", icon=":material/pause:", on_click=pause)
        row.button(
            "Cancel",
            icon=":material/stop:",
            help="What it has learned is kept: it can be resumed.",
            on_click=partial(_tell, jobs.cancel, run, "stops"),
        )
    if run.status in _RESUMABLE:
        resume = partial(_tell, jobs.resume, run, "goes on")
        row.button("Resume", icon=":material/play_arrow:", on_click=resume)


def _tell(command: Callable[[int], object], run: Run, what: str) -> None:
    """Give a command to a run; it may have ended, or somebody else was faster."""

    def act() -> str:
        command(run.id)
        return f"Run {run.id} {what}."

    say_done(act)


def _result(studio: Studio, run: Run) -> None:
    """What came of a finished run, and where to see why."""
    decision = retraining.decision(studio, run) if run.status == "finished" else None
    if decision is None:
        return
    verdict, reasons = decision
    texts = {
        "promoted": (
            st.success,
            "The new student is nowhere worse than tolerated; it is the champion.",
        ),
        "person": (st.info, "The figures do not decide. Compare the two and choose one."),
        "rejected": (st.warning, "The new student was worse, so the old one goes on answering."),
    }
    show_box, text = texts[verdict]
    show_box(text)
    st.markdown("\n".join(f"- {reason}" for reason in reasons))
    page = st.session_state.get("pages", {}).get("models")
    if page is not None:
        st.page_link(
            page,
            label="Figures and changed faces, on the Models page",
            icon=":material/inventory_2:",
        )


def _figures(studio: Studio, run: Run) -> None:
    curves = retraining.curves(studio, run.id, list(_CURVES))
    speed = retraining.last_value(studio, run.id, "images_per_s")
    device = retraining.device_text(run.device) if run.status == "running" else None
    facts = [f"{speed:.0f} images/s"] if speed is not None else []
    st.caption(" · ".join([*facts, *([device] if device else [])]))
    shown = [name for name in _CURVES if curves.get(name)]
    for column, name in zip(st.columns(max(1, len(shown))), shown, strict=False):
        steps, values = zip(*curves[name], strict=True)
        line = go.Scatter(x=steps, y=values, mode="lines+markers", line_color=_CURVE_COLOR)
        figure = go.Figure(line)
        figure.update_layout(
            title=_CURVES[name],
            height=220,
            margin={"l": 40, "r": 10, "t": 40, "b": 30},
            xaxis_title="step",
            yaxis_tickformat=".0%" if name == "accuracy" else None,
        )
        column.plotly_chart(figure, key=f"curve-{run.id}-{name}", config={"displayModeBar": False})


def _announce_ends(runs: Sequence[Run]) -> None:
    """Say once how each run ended that was seen at work on this page."""
    seen: set[int] = st.session_state.setdefault("seen_active", set())
    ended = [run for run in runs if run.id in seen and run.status not in retraining.ACTIVE]
    for run in ended:
        st.toast(f"Run {run.id} is {run.status}.", icon=":material/notifications:")
        text = f"Run {run.id} is {run.status}."
        st.session_state["last_ended"] = (text, datetime.now().isoformat())
    seen -= {run.id for run in ended}
    seen |= {run.id for run in runs if run.status in retraining.ACTIVE}
    notify(*st.session_state.get("last_ended", (None,)))


def _local_time(moment: str) -> str:
    """The server's clock; the database keeps UTC."""
    return datetime.fromisoformat(moment).astimezone().strftime("%d %b %H:%M")
