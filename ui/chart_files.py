"""A chart as a file to keep: HTML that works without network, or a PNG."""

from __future__ import annotations

from functools import cache

import plotly.graph_objects as go

_WIDTH_PX = 1000
_SCALE = 2  # sharp on paper

NO_BROWSER = (
    "Drawing a PNG needs Chrome or Chromium on the computer that runs the studio. "
    "The camera symbol in the chart's corner saves one without."
)


def html(figure: go.Figure) -> str:
    """A page with the chart, alive, and everything it needs in it (about 5 MB)."""
    return figure.to_html(include_plotlyjs=True, full_html=True)


def png(figure: go.Figure) -> bytes:
    """A picture of the chart, 2000 px wide; takes seconds, and a browser (``has_browser``)."""
    return figure.to_image("png", width=_WIDTH_PX, scale=_SCALE)


@cache
def has_browser() -> bool:
    """Whether this computer has a browser that kaleido can draw with."""
    from choreographer.browsers.chromium import Chromium

    return Chromium.find_browser(skip_local=False) is not None
