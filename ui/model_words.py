"""What models said of a face, in lines of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from db.predictions import Prediction
from ui.plain import plain
from ui.when import local_time

_ROLES = {"champion": "answers now", "challenger": "challenger", "previous": "answered before"}


def model_lines(
    said: Sequence[Prediction], roles: Mapping[str, str] | None = None
) -> Iterator[str]:
    """One for each model; ``roles`` are the aliases of those in use."""
    for one in said:
        role = _ROLES.get((roles or {}).get(one.model, ""), "")
        when = f"asked {local_time(one.created_at, st.context.timezone)}"
        yield (
            f"**{plain(one.model)}**{f' · {role}' if role else ''}  \n{_opinion(one)}  \n"
            f":small[:gray[{when}]]"
        )


def _opinion(one: Prediction) -> str:
    said = []
    if one.mask:
        said.append(" · ".join(f"{name} {p:.0%}" for name, p in one.mask.probabilities.items()))
    if one.pose:
        pose = one.pose
        said.append(
            f"yaw {pose.yaw_deg:z.0f}°, pitch {pose.pitch_deg:z.0f}°, roll {pose.roll_deg:z.0f}°"
        )
    return " · ".join(said) or "nothing"
