"""An axis of days, weeks or months that reads well for one of them, too."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

#: So many steps are in view at least: one bar alone is not as wide as the chart.
_STEPS_SEEN = 7
#: So many dates are named one by one; of more, plotly chooses.
_NAMED = 3


def time_axis(starts: Sequence[str], step_days: int) -> dict[str, object]:
    """Of marks at these dates (ISO, ascending), each of which stands for ``step_days``."""
    if not starts:
        return {"type": "date"}
    first, last = pd.Timestamp(starts[0]), pd.Timestamp(starts[-1])
    step = pd.Timedelta(days=step_days)
    margin = max(step, _STEPS_SEEN * step - (last - first)) / 2
    named = {"tickvals": list(starts)} if len(starts) <= _NAMED else {"nticks": _STEPS_SEEN}
    return {
        "type": "date",
        "range": [(first - margin).isoformat(), (last + margin).isoformat()],
        "tickformat": "%-d %b %Y",
        **named,
    }
