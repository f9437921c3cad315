"""All faces as a table: find some, act on many, bring data in, take data away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from core.faces import MASK_CLASSES
from db.filters import FaceFilter
from db.queue_items import QueueItem
from db.review_queue import Cursor
from ui import bulk_actions, stored_faces
from ui.actions import NOT_A_FACE, Verdict
from ui.filter_bar import Choice, choose_faces
from ui.gestures import say_done
from ui.links import query_of
from ui.studio import Studio, current_studio
from ui.views import data_export, data_import, face, photo

_PAGE_SIZE = 200
_ROW_PX = 56
_COLUMNS = {
    "picture": st.column_config.ImageColumn(width=70),
    "when": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
    "sure": st.column_config.NumberColumn(format="percent"),
}
_VERDICTS: tuple[Verdict, ...] = (*MASK_CLASSES, NOT_A_FACE)
_VERDICT_KEY = "data-verdict"


def show() -> None:
    studio = current_studio()
    st.title("Data", anchor=False)
    faces, bring, take = st.tabs(["Faces", "Import", "Export and backup"], key="data-tab")
    with faces:
        choice = choose_faces(studio, default="newest")
        if choice:
            _faces(studio, choice)
    with bring:
        data_import.show(studio)
    with take:
        data_export.show(studio, choice.filter if choice else None)


def _nothing(asked: FaceFilter) -> str:
    if asked == FaceFilter():
        return "No faces yet: import photos or labels in the next tab, or keep photos in the demo."
    return "No face fulfils these conditions."


def _faces(studio: Studio, choice: Choice) -> None:
    total = stored_faces.count_faces(studio, choice.filter)
    cursors = _cursors(choice)
    page = stored_faces.page_of_faces(
        studio, choice.order, choice.filter, cursors[-1] if cursors else None, _PAGE_SIZE
    )
    if not page.items:
        st.info(_nothing(choice.filter) if total == 0 else "No more faces here.")
    else:
        # other rows under the same key would be chosen in place of those that were
        rows = tuple(item.face_id for item in page.items)
        table = f"rows-{hash(rows)}"
        st.dataframe(
            _table(page.items),
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            key=table,
            column_config=_COLUMNS,
            row_height=_ROW_PX,
            placeholder="",
        )
        _pager(cursors, page.after, total, len(page.items))
        _bulk(studio, choice, page.items, table, total)
        chosen = _chosen(page.items, table)
        if len(chosen) == 1:
            face_id = chosen[0].face_id
            face.link(face_id, f"Face {face_id}: who said what and when, and the way back")
            photo.show(studio, chosen[0].image_id)
    _links(studio, choice)


def _table(items: list[QueueItem]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "picture": [f"/api/v1/faces/{item.face_id}/crop?side_px=96" for item in items],
            "face": [item.face_id for item in items],
            "photo": [item.image_name for item in items],
            "source": [item.source for item in items],
            "label": [_label(item) for item in items],
            "by": [item.annotator if item.is_labelled else None for item in items],
            "when": pd.to_datetime([item.annotated_at for item in items]),
            "the model says": [item.predicted and item.predicted.value for item in items],
            "sure": [item.confidence for item in items],
            "yaw°": [item.pose and round(item.pose.yaw_deg) for item in items],
            "pitch°": [item.pose and round(item.pose.pitch_deg) for item in items],
            "roll°": [item.pose and round(item.pose.roll_deg) for item in items],
            "flagged": [item.is_flagged for item in items],
        }
    )


def _chosen(items: list[QueueItem], table: str) -> list[QueueItem]:
    """The faces of the rows that are chosen now."""
    return [items[row] for row in st.session_state[table].selection.rows if row < len(items)]


def _label(item: QueueItem) -> str | None:
    if not item.is_labelled:
        return None
    return item.label.value if item.label else NOT_A_FACE


def _cursors(choice: Choice) -> list[Cursor]:
    """Where the pages before this one ended; other faces begin at the first page."""
    if st.session_state.get("data-choice") != choice:
        st.session_state["data-choice"] = choice
        st.session_state["data-cursors"] = []
    return st.session_state["data-cursors"]


def _pager(cursors: list[Cursor], after: Cursor | None, total: int, shown: int) -> None:
    first = len(cursors) * _PAGE_SIZE + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Faces {first:,}–{first + shown - 1:,} of {total:,}", width="content")
        if cursors:
            st.button("Previous page", on_click=cursors.pop)
        if after:
            st.button("Next page", on_click=cursors.append, args=(after,))


def _bulk(studio: Studio, choice: Choice, items: list[QueueItem], table: str, total: int) -> None:
    """What can be done with the rows that are chosen, or with everything that is found."""
    chosen = _chosen(items, table)
    switch = f"all-{hash((choice.filter, total))}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(
            f"**{len(chosen)} chosen**" if chosen else "Choose rows, or all that is found",
            width="content",
        )
        is_all = st.toggle(
            f"All that is found ({total:,})",
            key=switch,
            disabled=total > bulk_actions.MAX_FACES,
            help=f"At most {bulk_actions.MAX_FACES:,} faces at once.",
        )
        verdict = st.selectbox(
            "Label",
            _VERDICTS,
            key=_VERDICT_KEY,
            format_func=str,
            label_visibility="collapsed",
            width=140,
        )
        everything = bulk_actions.all_faces(studio, choice.filter) if is_all else []

        def meant() -> list[QueueItem]:
            if st.session_state[_VERDICT_KEY] != verdict:
                return []  # the pressed button still named the one before
            return everything if st.session_state[switch] else _chosen(items, table)

        who = studio.who(st.context.headers)
        for title, icon, act in (
            (f"Label {verdict}", "label", partial(bulk_actions.label, verdict=verdict)),
            ("Take labels away", "label_off", partial(bulk_actions.label, verdict=None)),
            ("Flag", "flag", bulk_actions.flag_faces),
            ("Unflag", "outlined_flag", bulk_actions.unflag_faces),
        ):
            st.button(
                title,
                icon=f":material/{icon}:",
                disabled=not (chosen or everything),
                on_click=_do,
                args=(partial(act, studio, annotator=who), meant),
            )


def _do(act: Callable[[list[QueueItem]], str], meant: Callable[[], list[QueueItem]]) -> None:
    """Carry out a press before the page is read anew: it is about the faces as they were shown, and
    who has labelled one since then was faster."""
    if faces := meant():
        say_done(partial(act, faces))
    else:
        st.toast("The page had not caught up yet: press again.", icon=":material/error:")


def _links(studio: Studio, choice: Choice) -> None:
    """Undo, also where the last action has left no face to show; and the way to other pages."""
    query = query_of(choice.filter, choice.order)
    pages = st.session_state["pages"]
    with st.container(horizontal=True, vertical_alignment="center"):
        who = studio.who(st.context.headers)
        st.button(
            "Undo",
            icon=":material/undo:",
            help="My last action, on all its faces",
            on_click=say_done,
            args=(partial(bulk_actions.undo, studio, annotator=who),),
        )
        for path, label in (("grid", "These faces as a grid"), ("review", "One at a time")):
            if path in pages:
                st.page_link(pages[path], label=label, query_params=query)
