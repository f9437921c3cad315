"""Where the student errs on masks, and the way to those faces."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st
from sqlite_utils import Database

from core.faces import MaskLabel
from db import mask_slices, mask_statistics
from db.filters import FaceFilter
from ui import error_report, stored_faces
from ui.dashboard import (
    Chart,
    after_first_chart,
    current_look,
    face_links,
    show_chart,
    show_faces,
)
from ui.dashboard_source import Source, choose_faces, choose_source, counted_of
from ui.error_report import ThresholdCurves
from ui.figures.calibration import calibration_chart, calibration_numbers
from ui.figures.confusion import confusion_chart, confusion_numbers
from ui.figures.slices import slice_chart, slice_numbers
from ui.figures.thresholds import (
    precision_chart,
    rates_chart,
    recall_numbers,
    roc_chart,
    threshold_numbers,
)
from ui.studio import Studio, current_studio

_SLICES = {
    "source": "source",
    "face_px": "face size",
    "yaw_deg": "head turn (the student's yaw)",
    "sharpness": "sharpness",
    "brightness": "brightness",
    "occluded": "occlusion of the lower face",
}
#: Kinds of errors shown as pictures: label → what the student said.
_ERRORS = (
    ("False alarms: bare faces called masked", MaskLabel.UNMASKED, (MaskLabel.MASKED,)),
    ("Missed: masks called unmasked", MaskLabel.MASKED, (MaskLabel.UNMASKED,)),
    (
        "Worn wrongly, but not seen as such",
        MaskLabel.INCORRECT,
        (MaskLabel.MASKED, MaskLabel.UNMASKED),
    ),
)
_PICTURES = 8


def show() -> None:
    st.title("Mask errors", anchor=False)
    source = choose_source(
        current_studio(), has_numbers, "faces with a mask label that the student has judged"
    )
    faces = choose_faces(source)
    _confusion_and_calibration(source, faces)
    after_first_chart(partial(_rest, source, faces))


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    counted_of(mask_statistics.confusion, studio.home, FaceFilter())


def has_numbers(db: Database) -> bool:
    found = db.execute(
        "SELECT 1 FROM face_states WHERE is_labelled = 1 AND mask_label IS NOT NULL"
        " AND predicted_label IS NOT NULL LIMIT 1"
    )
    return found.fetchone() is not None


def _rest(source: Source, faces: FaceFilter) -> None:
    st.subheader("On which faces", anchor=False)
    _slices(source, faces)
    st.subheader("Where to draw the line", anchor=False)
    curves = error_report.threshold_curves(
        counted_of(mask_statistics.score_counts, source.home, faces)
    )
    if curves is None:
        st.caption("Curves need at least one masked and one unmasked face with a label.")
    else:
        _threshold(source, faces, curves)
    if not source.is_sample:
        st.subheader("The surest errors", anchor=False)
        _pictures(faces)


def _confusion_and_calibration(source: Source, faces: FaceFilter) -> None:
    left, right = st.columns(2)
    look = current_look()
    counts = counted_of(mask_statistics.confusion, source.home, faces)
    with left:
        show_chart(
            Chart(
                key="confusion",
                figure=confusion_chart(counts, look, replace(faces, status="labelled")),
                numbers=partial(confusion_numbers, counts),
                order="label_error",
            ),
            sample=source.is_sample,
        )
    bins = counted_of(mask_statistics.calibration, source.home, faces)
    error = error_report.calibration_error(bins)
    with right:
        show_chart(
            Chart(
                key="calibration",
                figure=calibration_chart(bins, error, look, faces),
                numbers=partial(calibration_numbers, bins),
                order="label_error",
            ),
            sample=source.is_sample,
        )


def _slices(source: Source, faces: FaceFilter) -> None:
    slices = counted_of(mask_slices.error_slices, source.home, faces)
    known = [name for name in _SLICES if slices[name]]
    for place, name in enumerate(known):
        if place % 2 == 0:
            columns = st.columns(2)
        with columns[place % 2]:
            show_chart(
                Chart(
                    key=f"by-{name}",
                    figure=slice_chart(slices[name], _SLICES[name], current_look()),
                    numbers=partial(slice_numbers, slices[name]),
                    order="label_error",
                ),
                sample=source.is_sample,
            )
    for name in _SLICES.keys() - set(known):
        st.caption(f"{_SLICES[name].capitalize()} is not known of these faces yet.")


@st.fragment
def _threshold(source: Source, faces: FaceFilter, curves: ThresholdCurves) -> None:
    """A movable threshold: only this part of the page follows it."""
    threshold = st.slider(
        "Call a face masked from this probability on",
        0.0,
        1.0,
        0.5,
        0.01,
        key="threshold",
        bind="query-params",
    )
    table = recall_numbers(curves)[["wanted_recall", "threshold", "specificity", "precision"]]
    percents = ["wanted_recall", "specificity", "precision"]
    st.dataframe(
        table.assign(**{name: 100 * table[name] for name in percents}),
        hide_index=True,
        column_config={
            "wanted_recall": st.column_config.NumberColumn(
                "masks found, at least", format="%.0f %%"
            ),
            "threshold": st.column_config.NumberColumn("by the threshold", format="%.3f"),
            "specificity": st.column_config.NumberColumn(
                "bare faces left alone (specificity)", format="%.1f %%"
            ),
            "precision": st.column_config.NumberColumn("precision", format="%.1f %%"),
        },
    )
    charts = {"threshold-rates": rates_chart, "roc": roc_chart, "precision-recall": precision_chart}
    for column, (key, make) in zip(st.columns(3), charts.items(), strict=True):
        with column:
            show_chart(
                Chart(
                    key=key,
                    figure=make(curves, threshold, current_look(), faces),
                    numbers=partial(threshold_numbers, curves),
                    order="label_error",
                ),
                sample=source.is_sample,
            )


def _pictures(faces: FaceFilter) -> None:
    studio = current_studio()
    for title, label, said in _ERRORS:
        kind = replace(faces, status="labelled", labels=(label,), predicted=said)
        found = stored_faces.page_of_faces(studio, "label_error", kind, size=_PICTURES)
        if found.items:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{title}**")
                face_links(kind, "label_error")
            show_faces(studio, found.items)
