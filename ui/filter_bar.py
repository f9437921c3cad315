"""Which faces, in which order: widgets that read and write the page's address.

What is chosen stands in the address (``ui.links``), so that a link shows the same to others, and
the way back in the browser's history works. Conditions that have no widget, as dashboards link to
them, are shown as buttons that take them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import streamlit as st

from core.faces import MASK_CLASSES
from db.filters import FaceFilter
from db.review_queue import Order
from ui import stored_faces
from ui.links import BadLink, filter_from_query, order_from_query, query_of
from ui.plain import plain
from ui.studio import Studio

ORDER_TITLES: dict[Order, str] = {
    "entropy": "The model is unsure",
    "label_error": "The label looks wrong",
    "disagreement": "Student and teachers disagree",
    "pose_error": "The pose is far off",
    "newest": "Newest first",
    "random": "Shuffled",
}
_STATUS_TITLES = {"unlabelled": "without a label", "labelled": "labelled"}
_YES_NO = {True: "yes", False: "no"}
#: Conditions with a widget here; others are shown as buttons.
_QUESTIONS = {
    "wrong": "The model contradicts the label",
    "flagged": "Flagged",
    "disputed": "A reviewer disagrees",
    "confirmed": "The label was confirmed",
    "rejected": "Not a face",
}
_WITH_WIDGET = {"status", "labels", "predicted", "name", "source", "confidence", *_QUESTIONS}
_ANY_CONFIDENCE = (0.0, 1.0)


class Choice(NamedTuple):
    """What the address asks for."""

    filter: FaceFilter
    order: Order


def choose_faces(studio: Studio, default: Order, *, own: Sequence[str] = ()) -> Choice | None:
    """The widgets, and what they say; None (and an explanation) where the address is no good.

    ``own`` are further parameters of the page, which stay as they are.
    """
    choice = _in_address(default, own)
    if choice:
        _widgets(studio, choice)
    return choice


def choose_faces_folded(
    studio: Studio, default: Order, *, own: Sequence[str] = ()
) -> Choice | None:
    """As ``choose_faces``, but only a line says what is chosen until a person opens it."""
    choice = _in_address(default, own)
    if choice:
        with st.expander(_in_words(choice), icon=":material/tune:", key="folded-faces"):
            _widgets(studio, choice)
    return choice


def _in_address(default: Order, own: Sequence[str]) -> Choice | None:
    query = st.query_params.to_dict()
    try:
        return Choice(
            filter_from_query(query, own=("order", *own)), order_from_query(query, default)
        )
    except BadLink as error:
        st.error(f"The address of this page is not understood. {plain(error)}")
        st.button("Show all faces", on_click=_go, args=(FaceFilter(), default))
        return None


def _in_words(choice: Choice) -> str:
    query = query_of(choice.filter)
    conditions = ", ".join(f"{_plain(name)}: {value}" for name, value in query.items())
    return f"{conditions or 'All faces'} · {ORDER_TITLES.get(choice.order, choice.order)}"


def _widgets(studio: Studio, choice: Choice) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _main(studio, choice)
        with st.popover("More conditions", icon=":material/tune:"):
            _more(choice)
    _chips(choice)


def _main(studio: Studio, choice: Choice) -> None:
    faces = choice.filter
    _widget(st.selectbox, "Order", "order", choice, list(ORDER_TITLES), ORDER_TITLES, width=260)
    _widget(
        st.selectbox, "Faces", "status", choice, list(_STATUS_TITLES), _STATUS_TITLES, width=160
    )
    _widget(st.multiselect, "People say", "labels", choice, list(MASK_CLASSES), width=220)
    _widget(st.multiselect, "The model says", "predicted", choice, list(MASK_CLASSES), width=220)
    sources = stored_faces.sources(studio)
    if faces.source and faces.source not in sources:
        sources.append(faces.source)
    _widget(st.selectbox, "Source", "source", choice, sources, width=180)
    _hold("name", faces.name or "")
    st.text_input(
        "Name of the photo",
        key=_key("name"),
        placeholder="part of it",
        width=180,
        on_change=_changed,
        args=("name", choice),
    )


def _more(choice: Choice) -> None:
    for name, title in _QUESTIONS.items():
        _widget(st.selectbox, title, name, choice, list(_YES_NO), _YES_NO)
    _hold("confidence", choice.filter.confidence or _ANY_CONFIDENCE)
    st.slider(
        "How sure the model is",
        *_ANY_CONFIDENCE,
        key=_key("confidence"),
        on_change=_changed,
        args=("confidence", choice),
    )


def _widget(
    make: Any,
    title: str,
    name: str,
    choice: Choice,
    options: Sequence[Any],
    words: dict[Any, str] | None = None,
    width: int | str = "stretch",
) -> None:
    """A widget that shows a condition of the address, and writes it there when it is changed."""
    present = choice.order if name == "order" else getattr(choice.filter, name)
    _hold(name, list(present) if isinstance(present, tuple) else present)
    make(
        title,
        options,
        format_func=lambda value: (words or {}).get(value, str(value)),
        key=_key(name),
        placeholder="any",
        width=width,
        on_change=_changed,
        args=(name, choice),
    )


def _chips(choice: Choice) -> None:
    """The conditions of a link that have no widget, each with a button that takes it away."""
    query = query_of(choice.filter)
    others = [name for name in query if name not in _WITH_WIDGET]
    if not others and not query:
        return
    with st.container(horizontal=True, gap="small"):
        for name in others:
            text = query[name] if len(query[name]) < 40 else f"{query[name][:38]} …"
            st.button(
                f"{_plain(name)}: {text}",
                icon=":material/close:",
                key=f"drop-{name}",
                help="Take this condition away",
                on_click=_go,
                args=(replace(choice.filter, **{name: _nothing(name)}), choice.order),
            )
        st.button(
            "All faces",
            icon=":material/filter_alt_off:",
            type="tertiary",
            key="drop-all",
            on_click=_go,
            args=(FaceFilter(), choice.order),
        )


def _changed(name: str, choice: Choice) -> None:
    value = st.session_state[_key(name)]
    if name == "order":
        _go(choice.filter, value)
        return
    if isinstance(value, list):
        value = tuple(value)
    elif value in ("", _ANY_CONFIDENCE):
        value = None
    _go(replace(choice.filter, **{name: value}), choice.order)


def _go(faces: FaceFilter, order: Order) -> None:
    """Write the choice into the address; parameters of the page's own stay."""
    kept = {
        name: value
        for name, value in st.query_params.to_dict().items()
        if name != "order" and not hasattr(faces, name)
    }
    st.query_params.from_dict(query_of(faces, order) | kept)


def _plain(name: str) -> str:
    """The name of a condition as people say it."""
    return name.removesuffix("_deg").replace("_", " ")


def _nothing(name: str) -> Any:
    return getattr(FaceFilter(), name)


def _hold(name: str, value: Any) -> None:
    """The address decides what a widget shows."""
    st.session_state[_key(name)] = value


def _key(name: str) -> str:
    return f"faces-{name}"
