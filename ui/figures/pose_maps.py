"""The student's head poses against people's: as a map over yaw and pitch, and angle by angle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from db.filters import FaceFilter
from db.pose_statistics import BIN_DEG, SAID_STEP_DEG, TRUE_STEP_DEG, PoseCell
from ui.error_report import pose_error
from ui.figures.look import Look
from ui.figures.marks import cell_marks, point_marks
from ui.figures.pose import INSIDE_DEG, in_bins, with_interval

Counted = Mapping[tuple[int, int], int]
_BAND = (0.1, 0.5, 0.9)


def map_numbers(cells: Sequence[PoseCell]) -> pd.DataFrame:
    """A row for each cell of people's yaw × pitch that has faces."""
    corners = sorted({(cell.yaw_deg, cell.pitch_deg) for cell in cells})
    rows = []
    for yaw, pitch in corners:
        inside = [cell for cell in cells if (cell.yaw_deg, cell.pitch_deg) == (yaw, pitch)]
        figure = pose_error(inside)
        rows.append((yaw, pitch, figure.n, *with_interval(figure)))
    columns = ["yaw_from_deg", "pitch_from_deg", "faces", "mae_deg", "low_95", "high_95"]
    return pd.DataFrame(rows, columns=columns)


def map_chart(cells: Sequence[PoseCell], look: Look, faces: FaceFilter) -> go.Figure:
    """Mean error over people's yaw and pitch."""
    numbers = map_numbers(cells)
    figure = look.blank(
        "Pose error over yaw and pitch",
        f"mean of the three angles' |student − people|, degrees · n = {numbers['faces'].sum():,}"
        f" faces in cells of {BIN_DEG}° · click a cell for its faces",
        height_px=520,
    )
    table = numbers.pivot(index="pitch_from_deg", columns="yaw_from_deg", values="mae_deg")
    figure.add_heatmap(
        x=table.columns + BIN_DEG / 2,
        y=table.index + BIN_DEG / 2,
        z=table.to_numpy(),
        coloraxis="coloraxis",
        hoverinfo="skip",
        xgap=1,
        ygap=1,
    )
    figure.add_trace(
        cell_marks(
            x=numbers["yaw_from_deg"] + BIN_DEG / 2,
            y=numbers["pitch_from_deg"] + BIN_DEG / 2,
            faces=[
                in_bins(faces, {"yaw": row.yaw_from_deg, "pitch": row.pitch_from_deg})
                for row in numbers.itertuples()
            ],
            hover=[
                f"<b>{row.mae_deg:.2f}°</b> on {row.faces:,} faces: yaw {row.yaw_from_deg:+}° …"
                f" {row.yaw_from_deg + BIN_DEG:+}°, pitch {row.pitch_from_deg:+}° …"
                f" {row.pitch_from_deg + BIN_DEG:+}°"
                for row in numbers.itertuples()
            ],
            look=look,
        )
    )
    # A cell of two faces must not wash out all others.
    many = numbers[numbers["faces"] >= 5]["mae_deg"]
    figure.update_layout(
        coloraxis={
            "cmin": 0,
            "cmax": float(many.max()) if len(many) else None,
            "colorbar": {"title": {"text": "°"}},
        },
        xaxis={"title": {"text": "yaw that people say (°)"}, "dtick": 30, "showgrid": False},
        yaxis={"title": {"text": "pitch that people say (°)"}, "dtick": 30, "showgrid": False},
    )
    return figure


def band_numbers(counts: Counted) -> pd.DataFrame:
    """For each bin of people's angle: faces, median and middle 80 % of the student's angles."""
    rows = []
    for true in sorted({true for true, _ in counts}):
        said = sorted((angle, n) for (at, angle), n in counts.items() if at == true)
        angles, sizes = (np.array(column) for column in zip(*said, strict=True))
        quantiles = _quantiles(angles, sizes)
        rows.append((true + TRUE_STEP_DEG / 2, int(sizes.sum()), *quantiles))
    return pd.DataFrame(rows, columns=["people_deg", "faces", "p10_deg", "median_deg", "p90_deg"])


def _quantiles(angles: np.ndarray, sizes: np.ndarray) -> list[float]:
    """Of a histogram with cells of SAID_STEP_DEG, to half a cell."""
    below = sizes.cumsum() / sizes.sum()
    return [float(angles[np.searchsorted(below, q)]) + SAID_STEP_DEG / 2 for q in _BAND]


def band_chart(counts: Counted, axis: str, look: Look, faces: FaceFilter) -> go.Figure:
    """The student's angle against people's: the median and the middle 80 % of the faces."""
    numbers = band_numbers(counts)
    figure = look.blank(
        f"The student's {axis} against people's",
        f"degrees, in bins of {TRUE_STEP_DEG}° · line: median, band: middle 80 % of the faces,"
        f" dotted: no error · n = {numbers['faces'].sum():,} faces with a pose",
    )
    x = numbers["people_deg"]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=x, y=numbers["p10_deg"], **edge)
    figure.add_scatter(
        x=x, y=numbers["p90_deg"], fill="tonexty", fillcolor=_faint(look.blue), **edge
    )
    ends = [float(x.min()), float(x.max())] if len(x) else [-90.0, 90.0]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        line={"color": look.quiet, "dash": "dot", "width": 1},
    )
    half = TRUE_STEP_DEG / 2
    tick = 30 if ends[1] - ends[0] <= 200 else 60
    figure.add_trace(
        point_marks(
            x=x,
            y=numbers["median_deg"],
            faces=[
                replace(faces, **{f"label_{axis}_deg": (at - half, at + half - INSIDE_DEG)})
                for at in x
            ],
            hover=[
                f"people {row.people_deg:+.1f}°, student {row.median_deg:+.1f}°"
                f" ({row.p10_deg:+.1f} … {row.p90_deg:+.1f}), n = {row.faces:,}"
                for row in numbers.itertuples()
            ],
            mode="lines+markers",
            line={"color": look.blue},
            marker={"size": 7, "color": look.blue},
            showlegend=False,
        )
    )
    figure.update_layout(
        xaxis={"title": {"text": f"{axis} that people say (°)"}, "dtick": tick},
        yaxis={"title": {"text": f"{axis} that the student says (°)"}, "dtick": tick},
    )
    return figure


def _faint(color: str) -> str:
    """A hexadecimal colour, seen through."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.25)"
