"""Where the student errs on head poses, and the way to those faces."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from sqlite_utils import Database

from core.faces import FaceBox, HeadPose
from db import pose_statistics
from db.filters import FaceFilter
from db.pose_statistics import AXES, PoseCell
from ui import error_report
from ui.dashboard import Chart, after_first_chart, current_look, face_links, show_chart
from ui.dashboard_source import Source, choose_faces, choose_source, counted_of
from ui.figures import pose, pose_maps
from ui.pictures import GONE, show_picture
from ui.plain import plain
from ui.pose_mistakes import PoseMistake, draw_pose, worst_poses
from ui.studio import Studio, current_studio

_WORST = 8
_PICTURE_PX = 150


def show() -> None:
    st.title("Pose errors", anchor=False)
    source = choose_source(
        current_studio(), has_numbers, "faces whose head pose people or data sets have labelled"
    )
    faces = choose_faces(source)
    _bands(source, faces)  # counted soonest, so that something is there to look at
    after_first_chart(partial(_rest, source, faces))


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    counted_of(pose_statistics.said_against_true, studio.home, FaceFilter())


def has_numbers(db: Database) -> bool:
    found = db.execute("SELECT 1 FROM face_states WHERE pose_error_deg IS NOT NULL LIMIT 1")
    return found.fetchone() is not None


def _rest(source: Source, faces: FaceFilter) -> None:
    cells = counted_of(pose_statistics.pose_cells, source.home, faces)
    _headline(cells)
    _by_angle(source, faces, cells)
    _maps(source, faces, cells)
    if not source.is_sample:
        _worst(faces)


def _headline(cells: list[PoseCell]) -> None:
    mae, geodesic = error_report.pose_error(cells), error_report.pose_error(cells, "geodesic")
    if mae.value is None or geodesic.value is None:
        st.caption("No face with a pose is among these.")
        return
    axes = ", ".join(f"{axis} {error_report.axis_error(cells, axis).value:.2f}°" for axis in AXES)
    st.markdown(
        f"On **{mae.n:,} faces** the student's angles are off by **{mae.value:.2f}°** in the mean"
        f" ({axes}), its rotation by **{geodesic.value:.2f}°**."
    )


def _by_angle(source: Source, faces: FaceFilter, cells: list[PoseCell]) -> None:
    for column, axis in zip(st.columns(3), AXES, strict=True):
        with column:
            figure = pose.angle_chart(cells, axis, current_look(), faces)
            _chart(source, f"by-{axis}", figure, partial(pose.bin_numbers, cells, axis))


def _maps(source: Source, faces: FaceFilter, cells: list[PoseCell]) -> None:
    look = current_look()
    left, right = st.columns(2)
    with left:
        figure = pose_maps.map_chart(cells, look, faces)
        _chart(source, "yaw-pitch", figure, partial(pose_maps.map_numbers, cells))
    with right:
        figure = pose.bias_chart(cells, look, faces)
        _chart(source, "bias", figure, partial(_all_bins, cells))
        figure = pose.mask_chart(cells, look, faces)
        _chart(source, "by-mask", figure, partial(pose.mask_numbers, cells))


def _all_bins(cells: list[PoseCell]) -> pd.DataFrame:
    return pd.concat([pose.bin_numbers(cells, axis) for axis in AXES])


def _bands(source: Source, faces: FaceFilter) -> None:
    counts = counted_of(pose_statistics.said_against_true, source.home, faces)
    for column, axis in zip(st.columns(3), AXES, strict=True):
        with column:
            figure = pose_maps.band_chart(counts[axis], axis, current_look(), faces)
            _chart(source, f"said-{axis}", figure, partial(pose_maps.band_numbers, counts[axis]))


def _chart(
    source: Source, key: str, figure: go.Figure, numbers: Callable[[], pd.DataFrame]
) -> None:
    chart = Chart(key=key, figure=figure, numbers=numbers, order="pose_error")
    show_chart(chart, sample=source.is_sample)


def _worst(faces: FaceFilter) -> None:
    """The largest errors as pictures, the student's axes beside people's."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("The largest errors", anchor=False)
        face_links(faces, "pose_error")
    st.caption("Left: what people say. Right: what the student says. The arrow is the nose.")
    with st.container(horizontal=True, gap="medium"):
        for mistake in worst_poses(current_studio(), faces, _WORST):
            with st.container(width=2 * _PICTURE_PX + 8, gap=None):
                _pair(mistake)


def _pair(mistake: PoseMistake) -> None:
    item = mistake.item
    with st.container(horizontal=True, gap=None):
        for pose_of, who in ((mistake.people, "people"), (mistake.student, "student")):
            show_picture(
                partial(_drawn, item.image_sha256, item.image_id, item.box, pose_of),
                alt=f"{item.image_name}: {who}",
                width=_PICTURE_PX,
                instead=GONE,
            )
    st.caption(
        f"{mistake.geodesic_deg:.0f}° apart · {plain(item.image_name)} · face {item.face_id}"
    )


@st.cache_data(max_entries=500, show_spinner=False)
def _drawn(sha256: str, image_id: int, box: FaceBox, pose_of: HeadPose) -> bytes:
    """``sha256`` as in ``ui.dashboard``."""
    return draw_pose(current_studio(), image_id, box, pose_of)
