"""Thousands of faces side by side: select some, label them all with one key.

The grid itself is a component (``ui/components/grid``) that reads faces from and writes labels to
``/api`` by itself; this page says which faces, in which order.
"""

from __future__ import annotations

import streamlit as st

from core.faces import MASK_CLASSES
from ui import actions, stored_faces
from ui.filter_bar import choose_faces_folded
from ui.links import query_of
from ui.page_components import page_component, who_and_where
from ui.studio import current_studio

#: What can be said with one key, in the order of the buttons; keys as on every other screen.
_VERDICTS = (
    *(
        {"value": label.value, "title": label.value, "keys": [str(number)]}
        for number, label in enumerate(MASK_CLASSES, start=1)
    ),
    {"value": actions.NOT_A_FACE, "title": actions.NOT_A_FACE, "keys": ["4", "x"]},
    {"value": "model", "title": "as the model says", "keys": ["enter"]},
    {"value": "none", "title": "no label", "keys": ["0", "delete"]},
)


def show() -> None:
    studio = current_studio()
    st.title("Grid", anchor=False)
    choice = choose_faces_folded(studio, default="entropy")
    if choice is None:
        return
    if not stored_faces.count_faces(studio, choice.filter):
        st.info("No face fulfils these conditions. Import or try photos, or ask for other faces.")
        return
    annotator = studio.who(st.context.headers)
    page_component("grid")(
        data={
            **who_and_where(studio, annotator),
            "filter": choice.filter.to_json(),
            "order": choice.order,
            "verdicts": _VERDICTS,
        },
        key=f"grid of {annotator}",  # somebody else gets a grid, and an outbox, of their own
    )
    review = st.session_state["pages"].get("review")
    if review:
        query = query_of(choice.filter, choice.order)
        st.page_link(review, label="Review these faces one at a time", query_params=query)
