"""What there is to learn from: balance, duplicates, how far people agree, doubtful labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from sqlite_utils import Database

from db import data_statistics
from db.face_samples import states_of
from db.filters import FaceFilter
from ui import face_jobs, opinions, stored_faces
from ui.dashboard import (
    Chart,
    after_first_chart,
    current_look,
    face_links,
    show_chart,
    show_faces,
)
from ui.dashboard_source import Source, choose_source, counted
from ui.duplicates import Pair, pair_kinds
from ui.figures import balance
from ui.figures.agreement import kappa_chart, kappa_numbers, pair_name
from ui.studio import Studio, current_studio

_PAIRS_SHOWN = 9
_LINKED = 500
_LEFT_OUT = "trainings leave out val, test and one origin in five of the others · "


def show() -> None:
    studio = current_studio()
    st.title("Data quality", anchor=False)
    source = choose_source(studio, _has_labels, "labelled faces")
    _balance(source)
    after_first_chart(partial(_rest, studio, source))


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    counted(data_statistics.balance_by_source, studio.home)


def _has_labels(db: Database) -> bool:
    found = db.execute("SELECT 1 FROM face_states WHERE is_labelled = 1 LIMIT 1").fetchone()
    return found is not None


def _rest(studio: Studio, source: Source) -> None:
    _doubts(source)
    if source.is_sample:
        return
    st.subheader("Duplicates", anchor=False)
    _duplicates(studio)
    st.subheader("Agreement between people", anchor=False)
    _agreement(studio)


def _balance(source: Source) -> None:
    by_source, by_split = data_statistics.balance_by_source, data_statistics.balance_by_split
    left, right = st.columns([3, 2])
    charts = (
        (left, "source", by_source, "Faces by source and label", ""),
        (right, "split", by_split, "Labelled faces by split", _LEFT_OUT),
    )
    for column, condition, count, title, subtitle in charts:
        parts = counted(count, source.home)
        with column:
            show_chart(
                Chart(
                    key=f"balance-{condition}",
                    figure=balance.balance_chart(
                        parts, current_look(), title=title, subtitle=subtitle, condition=condition
                    ),
                    numbers=partial(balance.balance_numbers, parts),
                    order="random",
                ),
                sample=source.is_sample,
            )


def _doubts(source: Source) -> None:
    threshold = st.slider(
        "Suspect a label from this doubt on",
        0.5,
        0.99,
        0.9,
        0.01,
        key="doubt",
        bind="query-params",
        help="How much the student, or cleanlab where it was run, doubts the label: 0 to 1.",
    )
    days = [day.doubted(threshold) for day in counted(data_statistics.label_days, source.home)]
    if days:
        show_chart(
            Chart(
                key="doubts",
                figure=balance.doubt_chart(days, threshold, current_look()),
                numbers=partial(balance.doubt_numbers, days),
                order="label_error",
            ),
            sample=source.is_sample,
        )


def _duplicates(studio: Studio) -> None:
    repeated = counted(data_statistics.repeated_pictures, studio.home)
    st.caption(
        f"{repeated:,} pictures came again, byte for byte, under another name; each is kept once."
    )
    found = face_jobs.latest_survey(studio)
    if found is None:
        st.caption("Near-duplicates are looked for when the map of faces is drawn.")
        _map_link()
        return
    run, survey = found
    pairs = [tuple(pair) for pair in survey.pairs.tolist()]
    ids = sorted({face for first, second, _ in pairs for face in (first, second)})
    states = counted(states_of, studio.home, ids)
    kinds = pair_kinds(pairs, states)
    chosen = st.segmented_control(
        "Near-duplicates",
        list(kinds),
        default=next(iter(kinds)),
        required=True,
        format_func=lambda kind: f"{kind} ({len(kinds[kind]):,})",
        key="pairs",
    )
    st.caption(
        f"Pairs of faces whose perceptual hashes (pHash, 64 bits) differ in at most 4 bits, among "
        f"the {len(survey.face_ids):,} faces of job {run.id}."
    )
    _pairs(studio, kinds[chosen])
    _map_link()


def _agreement(studio: Studio) -> None:
    """How far people agree, in short; the page of its own has the classes and the faces."""
    pairs = opinions.agreements_of_people(studio, blind_only=True)
    if pairs:
        rows = {pair_name(pair): pair for pair in pairs}
        show_chart(
            Chart(
                key="kappa",
                figure=kappa_chart("Agreement of each two people", rows, current_look()),
                numbers=partial(kappa_numbers, rows),
            )
        )
    else:
        st.caption("No face has been judged blindly by two people yet.")
    pages = st.session_state["pages"]
    if "agreement" in pages:
        st.page_link(pages["agreement"], icon=":material/handshake:")


def _map_link() -> None:
    if "map" in st.session_state["pages"]:
        st.page_link(
            st.session_state["pages"]["map"],
            label="Look at the faces anew",
            icon=":material/scatter_plot:",
        )


def _pairs(studio: Studio, pairs: Sequence[Pair]) -> None:
    if not pairs:
        st.caption("None.")
        return
    ids = list(dict.fromkeys(face for pair in pairs for face in pair[:2]))
    with st.container(horizontal=True):
        face_links(FaceFilter(face_ids=tuple(ids[:_LINKED])), "newest")
    columns = st.columns(3)
    for place, (first, second, bits) in enumerate(pairs[:_PAIRS_SHOWN]):
        with columns[place % 3].container(border=True):
            st.caption(f"{bits} of 64 bits differ")
            show_faces(studio, stored_faces.faces_by_id(studio, [first, second]))
