"""Which faces to review and how: widgets that read and write the address of the review page.

The address holds the whole session, so that it can be sent to a colleague and opened again later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from db.errors import StudioError
from db.review_queue import QueueQuery
from ui import review_desk
from ui.filter_bar import ORDER_TITLES, choose_faces
from ui.links import BadLink
from ui.plain import plain
from ui.review_address import DEFAULT, MOST_OPINIONS, OWN, address_of, link_of, session_of
from ui.studio import Studio

_SIZES = (None, 50, 100, 200, 500, 1000)


def choose_session(studio: Studio, who: str) -> QueueQuery | None:
    """What the address asks for, with the widgets to change it; None where it is no good."""
    _complete_address(studio)
    try:
        query = session_of(st.query_params.to_dict())
    except BadLink as error:
        st.error(f"The address of this page is not understood. {plain(error)}")
        st.button("Faces without a label", on_click=open_session, args=(DEFAULT,))
        return None
    with st.expander(f"Session: {_summary(query)}", icon=":material/tune:"):
        choose_faces(studio, DEFAULT.order, own=OWN)
        _rules(query)
        _share(studio, query, who)
    return query


def _complete_address(studio: Studio) -> None:
    """Put what is meant into the address, so that the link says it all."""
    name = st.query_params.get("queue")
    if name:
        try:
            open_session(review_desk.named_queue(studio, name).query)
        except StudioError as error:
            st.error(plain(error))
            open_session(DEFAULT)
    elif not st.query_params:
        open_session(DEFAULT)
    elif st.query_params.get("status") == "labelled" and not (
        "annotated_before" in st.query_params or "second_opinion" in st.query_params
    ):  # labels are checked once: what is confirmed from now on does not come again
        now = datetime.now(UTC).isoformat(timespec="seconds").removesuffix("+00:00")
        st.query_params["annotated_before"] = now


def _rules(query: QueueQuery) -> None:
    """How many faces, and what is hidden."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        _rule(
            st.selectbox,
            "Faces in a session",
            query,
            "size",
            options=_SIZES if query.size in _SIZES else (*_SIZES, query.size),
            format_func=lambda size: "all" if size is None else str(size),
            width=160,
        )
        _rule(
            st.toggle,
            "Blind",
            query,
            "blind",
            help="Hides what models and other people say until you have decided.",
        )
        _rule(
            st.toggle,
            "Second opinions",
            query,
            "second_opinion",
            help="Asks about labels of others, blindly. What you say is kept beside them.",
        )
        if query.second_opinion:
            most = {"min_value": 2, "max_value": MOST_OPINIONS}
            _rule(st.number_input, "People a face", query, "opinions", width=140, **most)
        _rule(st.toggle, "Faces I skipped, too", query, "skipped_too")


def _rule(
    make: Callable[..., object], title: str, query: QueueQuery, name: str, **options: object
) -> None:
    key = f"review-{name}"
    st.session_state[key] = getattr(query, name)  # the address decides
    make(title, key=key, on_change=_changed, args=(query, name, key), **options)


def _changed(query: QueueQuery, name: str, key: str) -> None:
    open_session(replace(query, **{name: st.session_state[key]}))


def _share(studio: Studio, query: QueueQuery, who: str) -> None:
    """The link for a colleague, and queues under a name."""
    st.caption(
        "The link to this session: a colleague who opens it gets other faces of it than you."
    )
    st.code(link_of(query, (st.context.url or "/review").partition("?")[0]), language=None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        saved = [queue.name for queue in review_desk.named_queues(studio)]
        if saved:
            st.selectbox(
                "Open a saved queue",
                saved,
                index=None,
                key="review-saved",
                on_change=_open,
                args=(studio,),
                width=240,
            )
        st.text_input("Save this session as", key="review-name", max_chars=100, width=240)
        st.button("Save", on_click=_save, args=(studio, query, who), icon=":material/bookmark_add:")


def _open(studio: Studio) -> None:
    name = st.session_state.pop("review-saved")
    if name:
        open_session(review_desk.named_queue(studio, name).query)


def _save(studio: Studio, query: QueueQuery, who: str) -> None:
    name = st.session_state["review-name"].strip()
    if not name:
        st.toast("Give the session a name first.", icon=":material/edit:")
        return
    try:
        review_desk.name_queue(studio, name, query, who)
    except StudioError as error:
        st.toast(str(error), icon=":material/error:")
    else:
        st.session_state["review-name"] = ""
        st.toast(f"Saved as “{name}”.", icon=":material/bookmark:")


def _summary(query: QueueQuery) -> str:
    """The session in a few words, for the closed lid."""
    faces = query.filter.status or "all"
    how = [f"{query.size} faces" if query.size else f"{faces} faces", ORDER_TITLES[query.order]]
    if query.second_opinion:
        how.append("second opinions")
    elif query.blind:
        how.append("blind")
    return " · ".join(how)


def open_session(query: QueueQuery) -> None:
    st.query_params.from_dict(address_of(query))
