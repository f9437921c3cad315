"""Labels that look wrong, with the reason, and the way to correct them."""

from __future__ import annotations

import streamlit as st

from core.faces import MASK_CLASSES
from db.filters import FaceFilter
from db.label_errors import CANDIDATE, LabelCheck
from db.queue_items import QueueItem
from ui import dashboard, label_check, stored_faces
from ui.gestures import label_face, undo_button
from ui.job_panel import device_choice, follow, start_button
from ui.pictures import GONE, show_picture
from ui.plain import plain
from ui.studio import Studio, current_studio
from ui.views import face
from ui.when import local_time

_SHOWN = 12
_CELL_PX = 250
_SUSPECTED = FaceFilter(status="labelled", label_error=(CANDIDATE, 1.0), confirmed=False)


def show() -> None:
    studio = current_studio()
    st.title("Label errors", anchor=False)
    last = label_check.last(studio)
    if last is None:
        st.info(
            "**Which labels are wrong?** A job asks, for each labelled face, what all *other* "
            "labels say of it: five small classifiers on the student's features, each asked only "
            "about faces it never saw. Where they contradict a label for sure, it is listed here, "
            "with the reason. Nothing is changed: you decide."
        )
    else:
        _summary(studio, last)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        device = device_choice("check-device")
        start_button(
            "Check all labels again" if last else "Check all labels",
            lambda: label_check.start(studio, device),
            key="check-start",
        )
    follow(studio, label_check.RECIPE)
    if last:
        _suspected(studio)


def _summary(studio: Studio, last: LabelCheck) -> None:
    when = local_time(last.checked_at, st.context.timezone)
    st.markdown(f"{plain(last.text())}.  \n:small[:gray[Checked {when}.]]")


def _suspected(studio: Studio) -> None:
    found = stored_faces.page_of_faces(studio, "label_error", _SUSPECTED, size=_SHOWN)
    left = stored_faces.count_faces(studio, _SUSPECTED)
    if not found.items:
        st.success("No label is under suspicion any more.")
        undo_button()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{left:,}** {'are' if left != 1 else 'is'} left, the surest first:")
        dashboard.face_links(_SUSPECTED, "label_error")
        undo_button()
    st.caption("What is it really? The label that it has, the coloured button, confirms it.")
    with st.container(horizontal=True, gap="medium"):
        for item in found.items:
            _cell(studio, item)


def _cell(studio: Studio, item: QueueItem) -> None:
    with st.container(border=True, width=_CELL_PX):
        show_picture(
            lambda: stored_faces.face_crop(studio, item.image_id, item.box),
            alt=f"Face {item.face_id} in {item.image_name}",
            instead=GONE,
        )
        label = item.label.value if item.label else "not a face"
        reason = item.label_error_reason or "the student contradicts the label"
        st.markdown(f"**{label}**, says {plain(item.annotator or '')}  \n{plain(reason)}.")
        _buttons(studio, item)
        face.link(item.face_id, f"History of face {item.face_id}")


def _buttons(studio: Studio, item: QueueItem) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        for verdict in MASK_CLASSES:
            st.button(
                verdict.value,
                key=f"say-{item.face_id}-{item.version}-{verdict}",
                type="primary" if verdict is item.label else "secondary",
                on_click=label_face,
                args=(studio, item, verdict),
            )
