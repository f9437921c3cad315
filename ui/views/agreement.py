"""How far people agree who labelled the same faces, and the way to where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from db.agreement import Agreement
from ui import dashboard, links, opinions
from ui.figures.agreement import (
    by_class,
    faces_of,
    in_words,
    kappa_chart,
    kappa_numbers,
    kappa_text,
    pair_name,
    said_chart,
    said_numbers,
)
from ui.name_form import show_name
from ui.plain import plain
from ui.studio import Studio, current_studio


def show() -> None:
    studio = current_studio()
    st.title("Agreement", anchor=False)
    show_name(studio, "/agreement")
    _what_to_do(studio)
    blind = st.toggle(
        "Only opinions given blindly",
        value=True,
        help="People who see a label before they speak agree with it more often.",
    )
    pairs = opinions.agreements_of_people(studio, blind_only=blind)
    if not pairs:
        st.info("No face has been judged by two people yet: ask somebody for second opinions.")
        return
    _table("Two people", {pair_name(pair): pair for pair in pairs})
    _all_pairs(pairs)
    _one_pair(pairs)


def _what_to_do(studio: Studio) -> None:
    open_cases = opinions.number_of_cases(studio)
    pages = st.session_state["pages"]
    with st.container(horizontal=True):
        if "review" in pages:
            st.page_link(
                pages["review"],
                label="Give second opinions",
                icon=":material/group:",
                query_params={"second_opinion": "true", "order": "random"},
            )
        if open_cases and "adjudicate" in pages:
            label = f"Settle {open_cases:,} disagreement{'s' * (open_cases != 1)}"
            st.page_link(pages["adjudicate"], label=label, icon=":material/balance:")


def _table(first: str, rows: dict[str, Agreement]) -> None:
    """Every number leads to its faces: all that were compared, and those not alike."""
    lines = [
        f"| {first} | compared | alike | not alike | Cohen's κ (95 %) |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, one in rows.items():
        lines.append(
            f"| {plain(name)} | {_link(one.compared)} | {one.share:.1%} | {_link(one.differ)} |"
            f" {kappa_text(one.kappa)}, {in_words(one.kappa)} |"
        )
    st.markdown("\n".join(lines))


def _link(face_ids: Sequence[int]) -> str:
    if not face_ids:
        return "0"
    return f"[{len(face_ids):,}]({links.grid_link(faces_of(face_ids), 'newest')})"


def _all_pairs(pairs: Sequence[Agreement]) -> None:
    rows = {pair_name(pair): pair for pair in pairs}
    figure = kappa_chart("Agreement of each two people", rows, dashboard.current_look())
    dashboard.show_chart(
        dashboard.Chart(key="kappa-pairs", figure=figure, numbers=partial(kappa_numbers, rows))
    )


def _one_pair(pairs: Sequence[Agreement]) -> None:
    named = {pair_name(pair): pair for pair in pairs}
    chosen = st.selectbox(
        "Two people", list(named), width=360, on_change=dashboard.forget_mark, key="pair"
    )
    pair = named[chosen]
    rows = by_class(pair)
    _table("Class", rows)
    look = dashboard.current_look()
    left, right = st.columns(2)
    with left:
        figure = kappa_chart(f"{chosen}, class by class", rows, look)
        dashboard.show_chart(
            dashboard.Chart(
                key="kappa-classes", figure=figure, numbers=partial(kappa_numbers, rows)
            )
        )
    with right:
        dashboard.show_chart(
            dashboard.Chart(
                key="said", figure=said_chart(pair, look), numbers=partial(said_numbers, pair)
            )
        )
