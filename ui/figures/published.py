"""Figures that others published, and ours beside them.

Source: Thai et al., Real-time head pose estimation and masked face classification for RGB facial
image via knowledge distillation, Information Sciences 2022, tables of results; further rows name
their own source. Pose: mean absolute error of yaw, pitch and roll in degrees, without wrapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from core.intervals import Interval
from db.evaluations import Evaluation
from ui.figures.look import Look
from ui.figures.marks import whiskers

_PAPER = "Thai et al. 2022"
_OWN_PAPER = "its own paper"
_HERE = "measured for this project on the same 1,969 images"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published figure. ``note``: what it depends on."""

    model: str
    value: float
    source: str = _PAPER
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A benchmark's published figures. ``kinds``: the data sets of ours that it is about.

    ``field`` is the figure in a report of ``launch.py evaluate``; ``factor`` its unit.
    """

    title: str
    figure: str
    field: str
    kinds: tuple[str, ...]
    rows: Sequence[Published]
    less_is_better: bool = True
    decimals: int = 2


TABLES: Mapping[str, Table] = {
    "aflw2000": Table(
        title="AFLW2000-3D",
        figure="MAE, degrees",
        field="mae_deg",
        kinds=("aflw2000",),
        rows=(
            Published(model="HopeNet α=2", value=6.16),
            Published(model="HopeNet α=1", value=6.41),
            Published(model="FSA-Caps-Fusion", value=5.07),
            Published(model="WHENet-V", value=4.83),
            Published(model="MHPNet, the paper's student", value=4.08),
            Published(model="6DRepNet", value=3.97, source=_OWN_PAPER, note="40 M parameters"),
            Published(model="OPAL", value=3.27, source=_OWN_PAPER),
            Published(model="OpNet", value=3.11, source=_OWN_PAPER, note="more data, 129 px"),
            Published(model="3DDFA_V2 (mb0.5)", value=3.88, source=_HERE),
            Published(model="Lightweight-Head-Pose (b66)", value=4.35, source=_HERE),
        ),
    ),
    "aflw2000-masked": Table(
        title="AFLW2000-3D with masks drawn on",
        figure="MAE, degrees",
        field="mask_overlay.mae_deg",
        kinds=("aflw2000",),
        rows=(
            Published(model="3DDFA_V2 (mb0.5)", value=6.95, source=_HERE),
            Published(model="Lightweight-Head-Pose (b66)", value=8.59, source=_HERE),
            Published(model="WHENet", value=8.65, source=_HERE),
            Published(model="FSA-Net", value=12.45, source=_HERE),
        ),
    ),
    "biwi": Table(
        title="BIWI",
        figure="MAE, degrees",
        field="mae_deg",
        kinds=("biwi",),
        rows=(
            Published(model="HopeNet α=2", value=5.18, note="printed as 6.18"),
            Published(model="HopeNet α=1", value=4.90),
            Published(model="FSA-Caps-Fusion", value=4.00),
            Published(model="WHENet-V", value=3.48),
            Published(model="MHPNet, the paper's student", value=3.44),
            Published(model="6DRepNet", value=3.47, source=_OWN_PAPER),
        ),
    ),
    "mask": Table(
        title="Masked or not",
        figure="MCC",
        field="mcc",
        kinds=("mafa", "fmld", "mask-csv"),
        rows=(
            Published(model="ResNet-152, the paper's teacher", value=0.9456, note="MAFA"),
            Published(model="ResNet-18 alone", value=0.9002, note="MAFA"),
            Published(model="MHPNet, the paper's student", value=0.9072, note="MAFA"),
        ),
        less_is_better=False,
        decimals=4,
    ),
}


@dataclass(frozen=True, kw_only=True)
class OurFigure:
    """One of our models on a benchmark."""

    model: str
    benchmark: str
    value: float
    ci95: Interval | None
    n: int
    when: str


def ours(table: Table, found: Sequence[Evaluation]) -> list[OurFigure]:
    """The newest figure of each of our models on each data set that the table is about."""
    newest: dict[tuple[str, str], OurFigure] = {}
    for evaluation in found:  # newest first
        key = (evaluation.model, evaluation.benchmark)
        group, name = _group(table, evaluation.report)
        if key in newest or evaluation.report.get("kind") not in table.kinds:
            continue
        if group is None or group.get(name) is None:
            continue
        newest[key] = OurFigure(
            model=evaluation.model,
            benchmark=evaluation.benchmark,
            value=float(group[name]),
            ci95=group.get(f"{name}_ci95") and tuple(group[f"{name}_ci95"]),
            n=int(group["n"]),
            when=evaluation.created_at,
        )
    return list(newest.values())


def _group(table: Table, report: Mapping) -> tuple[Mapping | None, str]:
    """The part of a report that has the table's figure, and the figure's name in it."""
    *path, name = table.field.split(".")
    if path:
        return report.get(path[0]), name
    task = report.get("mask" if name == "mcc" else "pose")  # two tasks stand apart, one alone
    return (task if isinstance(task, Mapping) else report), name


def published_numbers(table: Table, mine: Sequence[OurFigure]) -> pd.DataFrame:
    """A row for each model, best first; ours with n and interval."""
    rows = [(one.model, one.value, None, None, None, one.source, one.note) for one in table.rows]
    rows += [
        (one.model, one.value, *(one.ci95 or (None, None)), one.n, "this studio", one.benchmark)
        for one in mine
    ]
    columns = ["model", table.figure, "ci95_low", "ci95_high", "n", "source", "note"]
    numbers = pd.DataFrame(rows, columns=columns)
    return numbers.sort_values(table.figure, ascending=table.less_is_better, ignore_index=True)


def published_chart(table: Table, mine: Sequence[OurFigure], look: Look) -> go.Figure:
    """Published and own figures on one scale, best on top."""
    numbers = published_numbers(table, mine)
    direction = "less" if table.less_is_better else "more"
    sizes = ", ".join(f"{one.n:,}" for one in mine)
    own_n = f"ours with 95 % bootstrap intervals, n = {sizes}" if mine else "none of ours yet"
    figure = look.blank(
        f"{table.title}: {table.figure}, published and ours",
        f"{direction} is better · {own_n} · data, crops and training sets differ "
        "between papers: see the numbers' notes",
        height_px=150 + 30 * len(numbers),
    )
    styles = (("published", look.quiet, "circle-open"), ("this studio", look.blue, "circle"))
    for name, color, symbol in styles:
        own = numbers["source"] == "this studio"
        rows = numbers[own if name == "this studio" else ~own]
        figure.add_scatter(
            x=rows[table.figure],
            y=[_row_name(row) for row in rows.itertuples(index=False)],
            mode="markers+text",
            name=name,
            text=[f"{value:.{table.decimals}f}" for value in rows[table.figure]],
            textposition="top center",
            cliponaxis=False,
            textfont={"size": 10, "color": look.quiet},
            marker={"size": 11, "color": color, "symbol": symbol},
            error_x=whiskers(rows[table.figure], rows["ci95_low"], rows["ci95_high"], color),
            hovertext=[
                f"<b>{row[0]}</b>: {row[1]:.{table.decimals}f} · "
                + " · ".join(text for text in row[5:] if text)
                for row in rows.itertuples(index=False)
            ],
            hoverinfo="text",
        )
    order = [_row_name(row) for row in numbers.itertuples(index=False)]
    figure.update_layout(
        xaxis={"title": {"text": table.figure}},
        yaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": order[::-1],
            "range": [-0.6, len(order) - 0.2],  # room for the figure over the topmost mark
        },
    )
    return figure


def _row_name(row: tuple) -> str:
    return f"{row[0]} on {row[6]}" if row[5] == "this studio" else row[0]


#: The paper's mask classifiers on MAFA (69 % masked). The last specificity follows from the rest.
MASKS = pd.DataFrame(
    [
        ("ResNet-152, the paper's teacher", 0.9770, 0.9836, 0.9456, None),
        ("ResNet-18 alone", 0.9578, 0.9702, 0.9002, None),
        ("ResNet-18 distilled, T = 1", 0.9699, None, None, None),
        ("ResNet-18 distilled, T = 3", 0.9717, None, None, None),
        ("ResNet-18 distilled, T = 5", 0.9636, None, None, None),
        ("MHPNet, the paper's student", 0.9608, 0.9722, 0.9072, 0.8985),
    ],
    columns=["model", "accuracy", "F1", "MCC", "specificity"],
)
#: What the paper's tables say about cost: megabytes, frames a second on a V100 and on a CPU.
COSTS = pd.DataFrame(
    [
        ("HopeNet", 98.9, 224, 141, 24),
        ("FSA-Caps-Fusion", 5.9, 64, 187, 54),
        ("WHENet-V", 19.3, 224, 97, 12),
        ("MHPNet, the paper's student", 45.1, 112, 398, 99),
    ],
    columns=["model", "MB", "input px", "frames a second, V100", "frames a second, CPU"],
)
