"""Jobs on a dashboard page: the button that starts one, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from db.errors import StudioError
from db.runs import Run
from ui import face_jobs
from ui.face_jobs import Recipe
from ui.gestures import say_done
from ui.plain import plain
from ui.studio import Studio

_FOLLOW_EVERY_S = 2.0


def start_button(label: str, start: Callable[[], Run], *, key: str, disabled: bool = False) -> None:
    """A button that queues a job and says so."""
    if st.button(label, type="primary", icon=":material/play_arrow:", key=key, disabled=disabled):
        try:
            run = start()
        except StudioError as error:
            st.error(plain(error))
        else:
            st.toast(f"Job {run.id} is queued on {run.device}; it goes on when you leave the page.")


def device_choice(key: str) -> str:
    """Where a job runs; no question where there is no choice."""
    names = face_jobs.device_names()
    return names[0] if len(names) == 1 else st.selectbox("Device", names, key=key, width=160)


def follow(studio: Studio, recipe: Recipe) -> None:
    """The latest job of a kind: its progress while it is at work, and why it ended badly."""
    jobs = face_jobs.jobs_of(studio, recipe, limit=1)
    if jobs and jobs[0].status in face_jobs.ACTIVE:
        _follow(studio, recipe)
    elif jobs and jobs[0].status in ("failed", "cancelled"):
        st.caption(f"Job {jobs[0].id} was {jobs[0].status}. {jobs[0].error or ''}")


@st.fragment(run_every=_FOLLOW_EVERY_S)
def _follow(studio: Studio, recipe: Recipe) -> None:
    run = face_jobs.jobs_of(studio, recipe, limit=1)[0]
    if run.status not in face_jobs.ACTIVE:
        st.rerun()  # the whole page: what the job found is on it
    _at_work(studio, run)


def _at_work(studio: Studio, run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        waiting = "waits for its turn" if run.status == "queued" else run.phase or "starting"
        st.progress(run.progress, f"Job {run.id} on {run.device}: {waiting}", width="stretch")
        st.button(
            "Stop",
            icon=":material/stop:",
            key=f"stop-{run.id}",
            on_click=lambda: say_done(lambda: _stop(studio, run)),
        )


def _stop(studio: Studio, run: Run) -> str:
    face_jobs.cancel(studio, run.id)
    return f"Job {run.id} stops."
