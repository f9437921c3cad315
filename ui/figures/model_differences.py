"""Models on the same faces: paired differences, what changed, and what accuracy costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.faces import MASK_CLASSES, MaskLabel
from core.intervals import Interval, compare_counts, interval_of_sums
from core.metrics import macro_f1_of, matthews_correlation
from db.filters import FaceFilter
from db.paired_answers import PoseErrors, Triple
from ui.figures.look import Look
from ui.figures.marks import mark_data, whiskers

#: Confusion matrices (…, 3, 3) to one figure each.
Statistic = Callable[[np.ndarray], np.ndarray]
_EVERY = FaceFilter()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One figure of two models on the same ``n`` faces. ``better``: the change that is good.

    ``labels``: the figure is about faces with these labels alone; () = about all.
    """

    figure: str
    unit: str
    n: int
    first: float
    second: float
    difference: float
    ci95: Interval | None
    better: int  # +1: more is better, −1: less is
    labels: tuple[MaskLabel, ...] = ()

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        if self.ci95 is None:
            return "too few faces"
        low, high = (self.better * end for end in self.ci95)
        if min(low, high) > 0:
            return "better"
        return "worse" if max(low, high) < 0 else "no clear difference"


def mask_differences(triples: Mapping[Triple, int]) -> list[Difference]:
    """Figures of masks from counts of (label, first's answer, second's answer); in per cent."""
    joint = joint_counts(triples)
    if not joint.sum():
        return []
    figures: list[tuple[str, Statistic, tuple[MaskLabel, ...]]] = [
        ("accuracy", _accuracy, ()),
        ("macro F1", macro_f1_of(joint.sum(axis=(1, 2))), ()),
        ("MCC, masked or not", _mcc, (MaskLabel.UNMASKED, MaskLabel.MASKED)),
    ]
    figures += [
        (f"recall of {label}", _recall(index), (label,)) for index, label in enumerate(MASK_CLASSES)
    ]
    found = []
    for name, statistic, labels in figures:
        paired = compare_counts(statistic, joint)
        if np.isfinite(paired.difference):
            found.append(
                Difference(
                    figure=name,
                    unit="points",
                    n=paired.n,
                    first=100 * paired.first,
                    second=100 * paired.second,
                    difference=100 * paired.difference,
                    ci95=_scaled(paired.difference_ci95, 100),
                    better=1,
                    labels=labels,
                )
            )
    return found


def pose_difference(errors: PoseErrors | None) -> list[Difference]:
    """The change of the pose error, in degrees; nothing where no pose is labelled."""
    if errors is None:
        return []
    change = errors.second_mae_deg - errors.first_mae_deg
    return [
        Difference(
            figure="pose error (MAE)",
            unit="°",
            n=errors.n,
            first=errors.first_mae_deg,
            second=errors.second_mae_deg,
            difference=change,
            ci95=interval_of_sums(errors.n, change, errors.squared_difference),
            better=-1,
        )
    ]


def joint_counts(triples: Mapping[Triple, int]) -> np.ndarray:
    """Counts (3, 3, 3) in the order of ``MASK_CLASSES``."""
    joint = np.zeros((3, 3, 3), np.int64)
    for labels, n in triples.items():
        joint[tuple(MASK_CLASSES.index(label) for label in labels)] = n
    return joint


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1))


def _mcc(confusion: np.ndarray) -> np.ndarray:
    """Of masked against unmasked; the faces and answers of the third class are left out."""
    return matthews_correlation(confusion[..., :2, :2])


def _recall(index: int) -> Statistic:
    def recall(confusion: np.ndarray) -> np.ndarray:
        of_class = confusion[..., index, :].sum(-1)
        with np.errstate(invalid="ignore"):
            return confusion[..., index, index] / of_class

    return recall


def _scaled(interval: Interval | None, factor: float) -> Interval | None:
    return interval and (factor * interval[0], factor * interval[1])


def difference_numbers(found: Sequence[Difference]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "figure": [one.figure for one in found],
            "unit": [one.unit for one in found],
            "n": [one.n for one in found],
            "first": [one.first for one in found],
            "second": [one.second for one in found],
            "difference": [one.difference for one in found],
            "ci95_low": [one.ci95[0] if one.ci95 else None for one in found],
            "ci95_high": [one.ci95[1] if one.ci95 else None for one in found],
            "verdict": [one.verdict for one in found],
        }
    )


_VERDICT_SYMBOLS = {
    "better": "triangle-up",
    "worse": "triangle-down",
    "no clear difference": "circle",
    "too few faces": "circle-open",
}


def difference_chart(
    found: Sequence[Difference], first: str, second: str, look: Look, faces: FaceFilter = _EVERY
) -> go.Figure:
    """Every figure's change from the first model to the second, with its interval."""
    unit = found[0].unit if found else "points"
    n = max((one.n for one in found), default=0)
    name = "Head pose" if unit == "°" else "Mask"
    direction = "less is better" if unit == "°" else "more is better"
    words = "degrees" if unit == "°" else "percentage points"
    figure = look.blank(
        f"{name}: {second} compared with {first}, on the same faces",
        f"change in {words}, {direction} · 95 % intervals of the paired difference"
        f" · n = {n:,} labelled faces that both answered",
        height_px=150 + 38 * len(found),
    )
    colors = {"better": look.green, "worse": look.vermilion}
    for one in reversed(found):
        low, high = one.ci95 or (one.difference, one.difference)
        color = colors.get(one.verdict, look.quiet)
        figure.add_scatter(
            x=[one.difference],
            y=[f"{one.figure}<br>{one.first:.1f} → {one.second:.1f}"],
            mode="markers",
            marker={"size": 12, "color": color, "symbol": _VERDICT_SYMBOLS[one.verdict]},
            error_x=whiskers(one.difference, low, high, color),
            customdata=mark_data(
                [replace(faces, status="labelled", model=second, labels=one.labels)]
            ),
            hovertext=f"<b>{one.verdict}</b>: {one.first:.2f} → {one.second:.2f}, change "
            f"{one.difference:+.2f} ({low:+.2f} to {high:+.2f}) {one.unit}",
            hoverinfo="text",
            showlegend=False,
        )
    figure.add_vline(x=0, line={"color": look.quiet, "dash": "dot"})
    figure.update_layout(xaxis={"title": {"text": f"change, {words}"}}, yaxis={"type": "category"})
    return figure


@dataclass(frozen=True, kw_only=True)
class ModelCost:
    """What a model is good for and what it costs; None: not known."""

    model: str
    role: str
    n: int
    accuracy: float | None
    accuracy_ci95: Interval | None
    latency_ms: float | None
    size_mb: float | None


def cost_numbers(models: Sequence[ModelCost]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": [one.model for one in models],
            "role": [one.role for one in models],
            "n": [one.n for one in models],
            "accuracy": [one.accuracy for one in models],
            "ci95_low": [one.accuracy_ci95[0] if one.accuracy_ci95 else None for one in models],
            "ci95_high": [one.accuracy_ci95[1] if one.accuracy_ci95 else None for one in models],
            "ms a face": [one.latency_ms for one in models],
            "MB": [one.size_mb for one in models],
        }
    )


def cost_chart(models: Sequence[ModelCost], look: Look, faces: FaceFilter = _EVERY) -> go.Figure:
    """Accuracy over the time a face takes; the area of a mark is the size of the file."""
    known = [one for one in models if one.accuracy is not None and one.latency_ms]
    slowest_ms = max((one.latency_ms for one in known), default=0)
    figure = look.blank(
        "What accuracy costs: time and size",
        "three-class accuracy on the labelled faces that all of them answered, 95 % Wilson "
        f"intervals · n = {max((one.n for one in known), default=0):,} · time: median when the "
        "answers were stored, on whatever machine that was",
        height_px=380,
    )
    for one, color in zip(known, look.series * (1 + len(known)), strict=False):
        low, high = one.accuracy_ci95 or (one.accuracy, one.accuracy)
        size = "size unknown" if one.size_mb is None else f"{one.size_mb:.0f} MB"
        figure.add_scatter(
            x=[one.latency_ms],
            y=[one.accuracy],
            mode="markers+text",
            text=[f"{one.model}<br>{size}"],
            textposition="middle left" if one.latency_ms > slowest_ms / 2 else "middle right",
            cliponaxis=False,
            marker={
                "size": 12 + 2.0 * (one.size_mb or 0) ** 0.5,
                "color": color,
                "opacity": 0.85,
            },
            error_y=whiskers(one.accuracy, low, high, color),
            customdata=mark_data([replace(faces, status="labelled", model=one.model)]),
            hovertext=f"<b>{one.model}</b> ({one.role}): {one.accuracy:.1%} ({low:.1%} to "
            f"{high:.1%}), {one.latency_ms:.1f} ms a face, {size}",
            hoverinfo="text",
            showlegend=False,
        )
    figure.update_layout(
        xaxis={"title": {"text": "ms a face"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "accuracy"}, "tickformat": ".1~%"},
    )
    return figure
