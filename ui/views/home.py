"""The first page: what this is, whether it is ready, and the two things to do next."""

from __future__ import annotations

import streamlit as st

from ui import stored_faces
from ui.studio import current_studio
from ui.theme import TITLE

_PROMISE = (
    "Upload or film faces. One small network says, for each, **how the head is turned** and "
    "**whether a mask is worn**; its larger teachers say so too. You correct what is wrong, and "
    "the student learns from it."
)
_STEPS = (
    ("Try", "try", ":material/photo_camera:", "Photos, camera or video: every face answered."),
    ("Correct", "review", ":material/fact_check:", "See kept faces side by side, fix labels."),
    ("Look up", "data", ":material/database:", "Every kept photo, who said what and when."),
)


def show() -> None:
    st.title(TITLE, anchor=False)
    st.markdown(_PROMISE)
    _models()
    for column, (title, page, icon, text) in zip(st.columns(len(_STEPS)), _STEPS, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(title, anchor=False)
            st.write(text)
            st.page_link(st.session_state["pages"][page], icon=icon)
    _totals()
    st.caption("Everything stays on this computer: no picture, label or statistic leaves it.")


@st.fragment(run_every=2.0)
def _models() -> None:
    """The state of the models, followed until they are loaded."""
    shelf = current_studio().models
    show = st.success if shelf.is_ready else st.warning if shelf.is_settled else st.info
    show(shelf.status())


def _totals() -> None:
    total = stored_faces.totals(current_studio())
    left, right = st.columns(2)
    left.metric("Faces kept", total.faces, border=True)
    right.metric("of them labelled", total.labelled, border=True)
