"""One face at a time, by keyboard: the page around the component ``ui/components/review``.

Labels go from the component to ``/api`` by themselves: Streamlit's own buttons are too slow for a
thousand faces an hour.
"""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from core.faces import MASK_CLASSES
from db.review_queue import QueueQuery
from ui import review_desk, stored_faces
from ui.name_form import show_name
from ui.page_components import page_component, who_and_where
from ui.session_bar import choose_session, open_session
from ui.studio import Studio, current_studio


def show() -> None:
    studio = current_studio()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Review", anchor=False, width="content")
        who = show_name(studio, f"/review?{urlencode(st.query_params.to_dict())}")
    if not stored_faces.totals(studio).faces:
        _nothing_yet()
        return
    query = choose_session(studio, who)
    if query is None:
        return
    _explain_if_empty(studio, query, who)
    page_component("review")(
        data={
            **who_and_where(studio, who),
            "queue": json.loads(query.to_json()),
            "classes": [label.value for label in MASK_CLASSES],
        },
        key="review",
    )


def _nothing_yet() -> None:
    st.info("No faces here yet. Try photos in the demo and tick **Keep my photos**, or import.")
    for page, label in (("try", "Open the demo"), ("data", "Import photos")):
        if page in st.session_state["pages"]:
            st.page_link(st.session_state["pages"][page], label=label)


def _explain_if_empty(studio: Studio, query: QueueQuery, who: str) -> None:
    """An order by a score shows nothing where no model has looked yet: say so."""
    if query.order == "newest" or review_desk.progress(studio, query, who).left:
        return
    newest = replace(query, order="newest")
    left = review_desk.progress(studio, newest, who).left
    if left:
        st.info(f"{left} faces wait, but none has the score that this order needs.")
        st.button("Show the newest first", on_click=open_session, args=(newest,))
