"""How far off the student's head poses are: by angle, to which side, with and without a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.faces import MaskLabel
from db.filters import FaceFilter, Range
from db.pose_statistics import AXES, BIN_DEG, PoseCell
from ui.error_report import Figure, pose_bias, pose_error
from ui.figures.look import Look
from ui.figures.marks import point_marks, whiskers

#: Ranges of a filter include both ends; bins do not include their upper one.
INSIDE_DEG = 1e-4


def bin_numbers(cells: Sequence[PoseCell], axis: str) -> pd.DataFrame:
    """A row for each bin of people's angle: faces, both errors and the bias, with intervals."""
    rows = []
    for low in sorted({getattr(cell, f"{axis}_deg") for cell in cells}):
        inside = [cell for cell in cells if getattr(cell, f"{axis}_deg") == low]
        figures = (pose_error(inside), pose_error(inside, "geodesic"), pose_bias(inside, axis))
        rows.append(
            (low, low + BIN_DEG, figures[0].n, *(x for f in figures for x in with_interval(f)))
        )
    columns = [f"{axis}_from_deg", f"{axis}_to_deg", "faces"]
    for name in ("mae_deg", "geodesic_deg", f"{axis}_bias_deg"):
        columns += [name, f"{name}_low_95", f"{name}_high_95"]
    return pd.DataFrame(rows, columns=columns)


def with_interval(figure: Figure) -> tuple[float, float, float]:
    """Value, low and high end; NaN where there is none."""
    low, high = figure.interval or (np.nan, np.nan)
    return (np.nan if figure.value is None else figure.value), low, high


def angle_chart(cells: Sequence[PoseCell], axis: str, look: Look, faces: FaceFilter) -> go.Figure:
    """Mean error and geodesic by people's yaw, pitch or roll."""
    numbers = bin_numbers(cells, axis)
    all_faces = pose_error(cells)
    figure = look.blank(
        f"Pose error by {axis}",
        f"mean of the three angles' |student − people| and geodesic angle, degrees, with 95 %"
        f" intervals (from 30 faces on) · n = {all_faces.n:,} faces with a pose",
    )
    for column, name, color in (
        ("mae_deg", "mean of three angles", look.blue),
        ("geodesic_deg", "geodesic", look.vermilion),
    ):
        figure.add_trace(_bin_points(numbers, axis, column, name, color, look, faces))
    figure.update_layout(
        xaxis={"title": {"text": f"{axis} that people say (°)"}, "dtick": 30},
        yaxis={"title": {"text": "error (°)"}, "rangemode": "tozero"},
    )
    return figure


def bias_chart(cells: Sequence[PoseCell], look: Look, faces: FaceFilter) -> go.Figure:
    """Mean signed error of each axis by people's angle about that axis."""
    figure = look.blank(
        "Bias: does the student turn heads too far or not far enough?",
        "mean of student − people, degrees, with 95 % intervals (from 30 faces on), each axis over"
        f" its own angle · n = {pose_error(cells).n:,} faces with a pose",
    )
    for axis, color in zip(AXES, look.series, strict=False):
        numbers = bin_numbers(cells, axis)
        figure.add_trace(
            _bin_points(numbers, axis, f"{axis}_bias_deg", axis, color, look, faces, mode="lines")
        )
    figure.add_hline(y=0, line={"color": look.quiet, "width": 1})
    figure.update_layout(
        xaxis={"title": {"text": "angle that people say (°)"}, "dtick": 30},
        yaxis={"title": {"text": "bias (°)"}},
    )
    return figure


def _bin_points(
    numbers: pd.DataFrame,
    axis: str,
    column: str,
    name: str,
    color: str,
    look: Look,
    faces: FaceFilter,
    mode: str = "",
) -> go.Scatter:
    value, low, high = (numbers[f"{column}{end}"] for end in ("", "_low_95", "_high_95"))
    starts = numbers[f"{axis}_from_deg"]
    return point_marks(
        x=starts + BIN_DEG / 2,
        y=value,
        faces=[in_bins(faces, {axis: start}) for start in starts],
        hover=[
            f"<b>{name}</b>: {value[i]:.2f}° for {axis} {starts[i]:+}° … {starts[i] + BIN_DEG:+}°,"
            f" n = {numbers['faces'][i]:,}"
            for i in range(len(numbers))
        ],
        mode=f"{mode}+markers".strip("+"),
        name=name,
        line={"color": color},
        marker={"size": 10, "color": color},
        error_y=whiskers(value, low, high, look.quiet, thickness=1.5),
    )


def in_bins(faces: FaceFilter, starts: Mapping[str, int]) -> FaceFilter:
    """The faces whose angles, as people say them, lie in these bins."""
    ranges: dict[str, Range] = {
        f"label_{axis}_deg": (float(start), start + BIN_DEG - INSIDE_DEG)
        for axis, start in starts.items()
    }
    return replace(faces, **ranges)  # type: ignore[arg-type]


_MASKS: Sequence[tuple[MaskLabel | None, str]] = (
    *((label, label.value) for label in MaskLabel),
    (None, "no mask label"),
)


def mask_numbers(cells: Sequence[PoseCell]) -> pd.DataFrame:
    """A row for each mask label: faces, both errors with intervals."""
    rows = []
    for label, name in _MASKS:
        inside = [cell for cell in cells if cell.label is label]
        if inside:
            mae, geodesic = pose_error(inside), pose_error(inside, "geodesic")
            rows.append((name, mae.n, *with_interval(mae), *with_interval(geodesic)))
    columns = ["label", "faces"]
    for name in ("mae_deg", "geodesic_deg"):
        columns += [name, f"{name}_low_95", f"{name}_high_95"]
    return pd.DataFrame(rows, columns=columns)


def mask_chart(cells: Sequence[PoseCell], look: Look, faces: FaceFilter) -> go.Figure:
    """Does a mask make the pose worse?"""
    numbers = mask_numbers(cells)
    figure = look.blank(
        "Pose error with and without a mask",
        "mean of the three angles' |student − people| and geodesic angle, degrees, with 95 %"
        f" intervals (from 30 faces on) · n = {numbers['faces'].sum():,} faces with a pose",
        height_px=170 + 48 * len(numbers),
    )
    labels = {name: label for label, name in _MASKS}
    for column, name, color in (
        ("mae_deg", "mean of three angles", look.blue),
        ("geodesic_deg", "geodesic", look.vermilion),
    ):
        value, low, high = (numbers[f"{column}{end}"] for end in ("", "_low_95", "_high_95"))
        figure.add_trace(
            point_marks(
                x=value,
                y=[f"{row.label}  (n = {row.faces:,})" for row in numbers.itertuples()],
                faces=[
                    replace(
                        faces,
                        labels=(labels[text],) if labels[text] else (),
                        status=None if labels[text] else "unlabelled",
                        pose_error_deg=(0.0, 360.0),
                    )
                    for text in numbers["label"]
                ],
                hover=[
                    f"<b>{name}</b> {value[i]:.2f}° on {numbers['faces'][i]:,} faces"
                    for i in range(len(numbers))
                ],
                name=name,
                marker={"size": 12, "color": color},
                error_x=whiskers(value, low, high, look.quiet, thickness=1.5),
            )
        )
    figure.update_layout(
        xaxis={"title": {"text": "error (°)"}, "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "type": "category"},
    )
    return figure
