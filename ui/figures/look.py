"""One look for every chart, light and dark: the colours and the font of ``ui.theme``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import plotly.graph_objects as go

from core.faces import MaskLabel
from ui.theme import DARK, FONTS, LIGHT

Mode = Literal["light", "dark"]


@dataclass(frozen=True)
class Look:
    """The colours of a mode. Series are of Okabe and Ito's kind, told apart by any eye, and have
    a contrast of 3 or more on the page."""

    mode: Mode
    page: str
    panel: str
    border: str
    text: str
    quiet: str
    blue: str
    vermilion: str
    green: str
    purple: str

    @property
    def series(self) -> tuple[str, ...]:
        return self.blue, self.vermilion, self.green, self.purple, self.quiet

    @property
    def labels(self) -> Mapping[MaskLabel, str]:
        """The colour of each mask label."""
        return {
            MaskLabel.UNMASKED: self.vermilion,
            MaskLabel.MASKED: self.blue,
            MaskLabel.INCORRECT: self.purple,
        }

    @cached_property
    def template(self) -> go.layout.Template:
        return go.layout.Template(layout=_layout(self))

    def blank(self, title: str, subtitle: str, height_px: int = 360) -> go.Figure:
        """A figure without traces. The title says what is shown; the subtitle gives unit, number
        of faces and what the intervals are."""
        return go.Figure(
            layout={
                "template": self.template,
                "title": {"text": title, "subtitle": {"text": subtitle}},
                "height": height_px,
            }
        )


#: White can be read on it: the numbers in cells of heat maps.
_DEEP_BLUE = "#0072b2"
_SHARED = ("page", "panel", "border", "text", "quiet")
LOOKS: Mapping[Mode, Look] = {
    "light": Look(
        mode="light",
        **{name: LIGHT[name] for name in _SHARED},
        blue=_DEEP_BLUE,
        vermilion="#c85800",
        green="#00805b",
        purple="#a8497f",
    ),
    "dark": Look(
        mode="dark",
        **{name: DARK[name] for name in _SHARED},
        blue="#56b4e9",
        vermilion="#ff8a3d",
        green="#2bc79a",
        purple="#e08ec0",
    ),
}


def _layout(look: Look) -> dict[str, object]:
    font = {"family": ", ".join(FONTS), "size": 13, "color": look.text}
    axis = {
        "gridcolor": look.border,
        "linecolor": look.border,
        "zerolinecolor": look.quiet,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 13}},
        "ticklabelstandoff": 4,
    }
    return {
        "font": font,
        "title": {
            "x": 0,
            "xref": "paper",
            "font": {"size": 16},
            "subtitle": {"font": {"size": 12, "color": look.quiet}},
        },
        "paper_bgcolor": look.page,
        "plot_bgcolor": look.page,
        "colorway": look.series,
        "xaxis": axis,
        "yaxis": axis,
        "coloraxis": {
            "colorscale": [[0, look.panel], [1, _DEEP_BLUE]],
            "colorbar": {"thickness": 12, "outlinewidth": 0},
        },
        "hoverlabel": {"bgcolor": look.panel, "bordercolor": look.border, "font": font},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        # Room for ticks and titles of axes, right for half of the last tick's label. What needs
        # more gets it, but then the browser draws the chart twice.
        "margin": {"l": 72, "r": 24, "t": 72, "b": 54},
        "hovermode": "closest",
        "hoverdistance": 100,  # a click goes to the nearest mark: fingers are not exact
        "dragmode": False,  # on a phone, a finger on a chart scrolls the page
    }
