"""The first page: what this is, whether it is ready, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.faces import FacePrediction
from core.images import encode_jpeg
from ui import actions, stored_faces
from ui.examples import example_jpeg
from ui.model_shelf import ModelsNotReady
from ui.navigation import Page, entries
from ui.photo_view import drawn
from ui.studio import current_studio
from ui.theme import TITLE

_PROMISE = (
    "Upload or film faces. One small network says, for each, **how the head is turned** and "
    "**whether a mask is worn**; its larger teachers say so too. You correct what is wrong, and "
    "the student learns from it."
)
#: Cards in a row on a wide screen.
_IN_A_ROW = 3


def show() -> None:
    words, picture = st.columns([3, 1], gap="large", vertical_alignment="center")
    with words:
        st.title(TITLE, anchor=False)
        st.markdown(_PROMISE)
        _models()
    with picture:
        _example()
    _cards(entries()[1:])
    _totals()
    st.caption("Everything stays on this computer: no picture, label or statistic leaves it.")


def _models() -> None:
    """The state of the models, followed until they are loaded."""
    shelf = current_studio().models
    was_settled = shelf.is_settled

    @st.fragment(run_every=None if was_settled else 1.0)
    def follow() -> None:
        if shelf.is_settled and not was_settled:
            st.rerun()  # the example can be answered now
        show = st.success if shelf.is_ready else st.warning if shelf.is_settled else st.info
        show(shelf.status())

    follow()


def _example() -> None:
    """What it looks like: a portrait, answered by the student that serves now."""
    try:
        student = current_studio().models.student()
    except ModelsNotReady:
        return
    answer = _answered_example(student.name)
    if answer:
        jpeg, words = answer
        st.image(jpeg, caption=f"{words} (portrait: NASA, mask drawn)")


@st.cache_data(show_spinner=False, max_entries=1)
def _answered_example(student: str) -> tuple[bytes, str] | None:
    """The example with ``student``'s answer drawn in, and in words; None where it finds no face."""
    studio = current_studio()
    *_, photo = actions.answer_photo(studio, example_jpeg(), "mask.jpg", with_teachers=False)
    if not photo.faces:
        return None
    return encode_jpeg(drawn(photo)), _in_words(photo.faces[0].student)


def _in_words(said: FacePrediction) -> str:
    parts = []
    if said.mask:
        parts.append(f"{said.mask.label.value} {said.mask.confidence:.0%}")
    if said.pose:
        parts.append(f"yaw {round(said.pose.yaw_deg):+d}°, pitch {round(said.pose.pitch_deg):+d}°")
        parts.append(f"roll {round(said.pose.roll_deg):+d}°")
    return ", ".join(parts)


def _cards(pages: Sequence[Page]) -> None:
    """An invitation to each page."""
    links = st.session_state["pages"]
    for start in range(0, len(pages), _IN_A_ROW):
        row = pages[start : start + _IN_A_ROW]
        for column, page in zip(st.columns(_IN_A_ROW), row, strict=False):
            with column.container(border=True, height="stretch"):
                st.page_link(links[page.path], label=f"**{page.title}**")
                st.write(page.does)


def _totals() -> None:
    total = stored_faces.totals(current_studio())
    left, right = st.columns(2)
    left.metric("Faces kept", total.faces, border=True)
    right.metric("of them labelled", total.labelled, border=True)
