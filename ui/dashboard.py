"""What every dashboard page is made of: a chart, the faces of a clicked mark, and export.

One way round: a click writes the mark's filter into the page's address; the page shows the faces
of the address. So what is seen can be sent to somebody as a link.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.faces import FaceBox
from db.filters import FaceFilter
from db.queue_items import QueueItem
from db.review_queue import Order
from ui import chart_files, links, stored_faces
from ui.figures.look import LOOKS, Look
from ui.figures.marks import filter_of_selection
from ui.page_components import page_component
from ui.pictures import GONE, show_picture
from ui.plain import plain
from ui.studio import Studio, current_studio

#: Parameters of a page's address that are not conditions on faces.
CHART = "chart"
_CONDITIONS = tuple(field.name for field in fields(FaceFilter))
#: Single faces that an address names: 2,000 make up to 20 KB, and the server takes 64.
MOST_CHOSEN = 2000
#: Faces shown below a chart; the rest are one click away.
SHOWN = 12
_CROP_WIDTH_PX = 104
#: Above a chart without title: half of the highest tick's label.
_TOP_PX = 14
#: How long a browser needs for the first charts of a page that it has drawn before.
_HEAD_START_S = 0.25
#: In the state of a visit whose browser has drawn a chart.
HAS_DRAWN = "has-drawn-a-chart"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure, its numbers if somebody wants the CSV, and the order of a mark's faces.

    ``key`` names it in the address; marks carry ``FaceFilter.to_json()`` as ``customdata``.
    ``picks`` says how marks are chosen: by clicks alone, or by lasso and box too.
    ``faces_of`` reads Streamlit's selection; None: it means the faces of the chosen marks.
    """

    key: str
    figure: go.Figure
    numbers: Callable[[], pd.DataFrame]
    order: Order = "newest"
    picks: Literal["click", "lasso"] = "click"
    faces_of: Callable[[Mapping[str, Any]], FaceFilter | None] | None = None


def current_look() -> Look:
    """The charts' colours for this visitor."""
    return LOOKS["dark" if st.context.theme.type == "dark" else "light"]


@st.fragment
def show_chart(chart: Chart, *, sample: bool = False) -> None:
    """The chart, and below it the faces of the mark that the address names.

    ``sample``: the numbers are those of the bundled sample, so that there are no faces to show.
    """
    text, subtitle = chart.figure.layout.title.text, chart.figure.layout.title.subtitle.text
    if sample:
        subtitle = not_clickable(subtitle)
    with st.container(border=True):
        st.markdown(f"**{text}**  \n:small[:gray[{subtitle}]]")
        with _without_title(chart.figure):
            st.plotly_chart(
                chart.figure,
                theme=None,
                key=f"chart-{chart.key}",
                on_select="ignore" if sample else lambda: _clicked(chart),
                selection_mode=("points", "box", "lasso") if chart.picks == "lasso" else "points",
                config={"displaylogo": False, "displayModeBar": "hover"},
                alt=f"{text}. {subtitle}",
            )
        _export(chart)
        if not sample:
            _faces_of_mark(chart)


def after_first_chart(draw: Callable[[], None]) -> None:
    """Draw what stands below the first charts of a page; once on a page.

    A browser that is sent nine charts at once shows none before it has drawn them all. So on the
    first page of a visit, when it has most to load, the rest waits until it has drawn one; later
    the first charts get a head start, in which it can draw them.
    """
    if HAS_DRAWN in st.session_state:
        time.sleep(_HEAD_START_S)  # while the page still shows what it showed before
    _rest_of_page(draw)


@st.fragment
def _rest_of_page(draw: Callable[[], None]) -> None:
    if HAS_DRAWN in st.session_state:
        draw()
    else:
        page_component("first_chart")(key="first-chart", on_drawn_change=_drawn)


def _drawn() -> None:
    st.session_state[HAS_DRAWN] = True


def not_clickable(subtitle: str) -> str:
    """The subtitle without its invitation to click."""
    return " · ".join(part for part in subtitle.split(" · ") if not part.startswith("click "))


@contextmanager
def _without_title(figure: go.Figure) -> Iterator[None]:
    """On the page the title is text above the chart, which wraps on a phone; exports keep it."""
    title, margin_px = figure.layout.title.to_plotly_json(), figure.layout.margin.t
    figure.update_layout(title=None, margin_t=_TOP_PX)
    try:
        yield
    finally:  # a copy of the figure instead would take ten times as long
        figure.update_layout(title=title, margin_t=margin_px)


def _clicked(chart: Chart) -> None:
    """Write the chosen marks into the address; nothing chosen takes them out."""
    selection = st.session_state[f"chart-{chart.key}"]["selection"]
    forget_mark()
    faces = (chart.faces_of or filter_of_selection)(selection)
    if faces is None:
        return
    named = fit_for_address(faces)
    if named != faces:
        st.toast(
            f"{len(faces.face_ids):,} faces are within: here are {len(named.face_ids):,} of them.",
            icon=":material/content_cut:",
        )
    st.query_params.update({CHART: chart.key, **links.query_of(named)})


def fit_for_address(faces: FaceFilter) -> FaceFilter:
    """The same faces; of very many single ones at most ``MOST_CHOSEN``, from all of their range."""
    step = max(1, math.ceil(len(faces.face_ids) / MOST_CHOSEN))
    return replace(faces, face_ids=faces.face_ids[::step])


def forget_mark() -> None:
    """Take the chosen mark out of the address; the page's own parameters stay."""
    for name in (CHART, *_CONDITIONS):
        st.query_params.pop(name, None)


def mark_in_address(key: str, parameters: Mapping[str, str]) -> FaceFilter | None:
    """The mark of this chart that the address names. Raises links.BadLink."""
    if parameters.get(CHART) != key:
        return None
    given = {name: text for name, text in parameters.items() if name in _CONDITIONS}
    return links.filter_from_query(given)


def _faces_of_mark(chart: Chart) -> None:
    try:
        faces = mark_in_address(chart.key, st.query_params.to_dict())
    except links.BadLink as error:
        st.warning(f"The address is not understood: {plain(error)}")
        return
    if faces is None:
        return
    studio = current_studio()
    found = stored_faces.page_of_faces(studio, chart.order, faces, size=SHOWN)
    n = stored_faces.count_faces(studio, faces)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{n:,} faces** · {plain(describe(faces))}")
        face_links(faces, chart.order)
        st.button(
            "Close",
            icon=":material/close:",
            key=f"close-{chart.key}",
            on_click=forget_mark,
            type="tertiary",
        )
    show_faces(studio, found.items)


def face_links(faces: FaceFilter, order: Order) -> None:
    """The two ways on: one face at a time, or many at once."""
    pages = st.session_state["pages"]
    query = links.query_of(faces, order)
    for name, label in (("review", "Review"), ("grid", "Grid")):
        if name in pages:
            st.page_link(pages[name], label=label, query_params=query)


def show_faces(studio: Studio, items: Sequence[QueueItem]) -> None:
    """A strip of crops with what people and the student say."""
    with st.container(horizontal=True, gap="small"):
        for item in items:
            with st.container(width=_CROP_WIDTH_PX, gap=None):
                show_picture(
                    partial(_crop, item.image_sha256, item.image_id, item.box),
                    alt=item.image_name,
                    instead=f"face {item.face_id}: {GONE}",
                )
                st.caption(_words(item))


@st.cache_data(max_entries=2000, show_spinner=False)
def _crop(sha256: str, image_id: int, box: FaceBox) -> bytes:
    """``sha256`` tells pictures apart that homes, and what is restored, number alike."""
    return stored_faces.face_crop(current_studio(), image_id, box)


def _words(item: QueueItem) -> str:
    said = item.label.value if item.label else "no label"
    if item.predicted is None:
        return said
    return f"{said}  \nstudent: {item.predicted.value} {item.confidence:.0%}"


def describe(faces: FaceFilter) -> str:
    """The conditions in words: ``label masked · predicted unmasked``."""
    query = links.query_of(faces)
    if "face_ids" in query:
        return "chosen in the chart"
    return " · ".join(f"{name.replace('_', ' ')} {text}" for name, text in query.items())


def _export(chart: Chart) -> None:
    """Downloads, made only when somebody asks for one."""
    popover = st.popover(
        "Export",
        icon=":material/download:",
        type="tertiary",
        key=f"export-{chart.key}",
        on_change="rerun",
    )
    if not popover.open:
        return
    downloads = (
        ("Numbers (CSV)", "csv", "text/csv", lambda: chart.numbers().to_csv(index=False)),
        ("Figure (HTML)", "html", "text/html", lambda: chart_files.html(chart.figure)),
        ("Figure (PNG)", "png", "image/png", lambda: chart_files.png(chart.figure)),
    )
    with popover:
        for label, suffix, mime, make in downloads:
            is_possible = suffix != "png" or chart_files.has_browser()
            st.download_button(
                label,
                make,
                f"{chart.key}.{suffix}",
                mime,
                key=f"{suffix}-{chart.key}",
                on_click="ignore",
                disabled=not is_possible,
                help=None if is_possible else chart_files.NO_BROWSER,
            )
