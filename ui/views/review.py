"""Stored faces as a grid: look, and correct a label with one click."""

from __future__ import annotations

import streamlit as st

from core.faces import MASK_CLASSES, FaceBox
from db.errors import StudioError
from db.filters import FaceFilter
from db.queue_items import QueueItem
from db.review_queue import Cursor, Order
from ui import actions, stored_faces
from ui.studio import Studio, current_studio

_ORDERS: dict[Order, str] = {
    "newest": "Newest first",
    "disagreement": "Student and teachers disagree",
    "entropy": "The student is unsure",
    "label_error": "The label looks wrong",
    "random": "Shuffled",
}
_SHOW = {"all": None, "without a label": "unlabelled", "labelled": "labelled"}
_VERDICTS = [*(label.value for label in MASK_CLASSES), actions.NOT_A_FACE]
_CELL_PX = 300
_PAGE_SIZE = 24


def show() -> None:
    studio = current_studio()
    st.title("Review", anchor=False)
    order, faces = _choice()
    page = stored_faces.page_of_faces(studio, order, faces, _after(order, faces), _PAGE_SIZE)
    if not page.items:
        st.info("No faces here yet. Try photos in the demo and tick **Keep my photos**.")
        st.page_link(st.session_state["pages"]["try"], label="Open the demo")
        return
    with st.container(horizontal=True, gap="medium"):
        for item in page.items:
            _cell(studio, item)
    _pager(page.after)


def _choice() -> tuple[Order, FaceFilter]:
    """What to show, in which order; changing it goes back to the first page."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shown = st.segmented_control(
            "Faces", list(_SHOW), default="all", required=True, on_change=_first_page
        )
        order = st.selectbox(
            "Order", list(_ORDERS), format_func=_ORDERS.get, width=320, on_change=_first_page
        )
        st.button("Undo my last label", on_click=_undo, icon=":material/undo:")
    return order, FaceFilter(status=_SHOW[shown])


def _cell(studio: Studio, item: QueueItem) -> None:
    with st.container(border=True, width=_CELL_PX):
        crop = _crop(item.image_id, item.box)
        st.image(crop, width="stretch", alt=f"Face {item.face_id} in {item.image_name}")
        st.caption(f"{_opinion(item)}  \n{item.image_name} · face {item.face_id}")
        # the key holds the version: after a change by anybody the widget starts anew
        key = f"label-{item.face_id}-{item.version}"
        st.segmented_control(
            f"Label of face {item.face_id}",
            _VERDICTS,
            default=_verdict(item),
            key=key,
            on_change=_label,
            args=(studio, item, key),
            label_visibility="collapsed",
        )


def _label(studio: Studio, item: QueueItem, key: str) -> None:
    verdict = st.session_state[key]
    if verdict is None:  # a second click on the same label takes nothing away: Undo does
        return
    try:
        actions.label_faces(
            studio,
            {item.face_id: item.version},
            verdict,
            annotator=studio.who(st.context.headers),
            op_id=actions.new_op_id(),
        )
    except StudioError as error:
        st.toast(str(error), icon=":material/error:")


def _undo() -> None:
    studio = current_studio()
    try:
        actions.undo_last(studio, annotator=studio.who(st.context.headers))
    except StudioError as error:
        st.toast(str(error), icon=":material/error:")


def _pager(after: Cursor | None) -> None:
    cursors = st.session_state.setdefault("review-cursors", [])
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Previous", disabled=not cursors, on_click=lambda: cursors.pop())
        st.button("Next", disabled=after is None, on_click=lambda: cursors.append(after))


def _after(order: Order, faces: FaceFilter) -> Cursor | None:
    cursors = st.session_state.get("review-cursors", [])
    return cursors[-1] if cursors else None


def _first_page() -> None:
    st.session_state["review-cursors"] = []


@st.cache_data(max_entries=2000, show_spinner=False)
def _crop(image_id: int, box: FaceBox) -> bytes:
    return stored_faces.face_crop(current_studio(), image_id, box)


def _verdict(item: QueueItem) -> str | None:
    if not item.is_labelled:
        return None
    return item.label.value if item.label else actions.NOT_A_FACE


def _opinion(item: QueueItem) -> str:
    if item.predicted is None:
        return "the student has no opinion on the mask"
    return f"student: **{item.predicted.value}** {item.confidence:.0%}"
