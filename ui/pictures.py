"""A stored picture on a page, or one line where its file is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.images import ImageError
from db.errors import StudioError
from ui.plain import plain

#: Said where a small picture should be.
GONE = "its picture is gone"


def show_picture(
    read: Callable[[], bytes],
    *,
    alt: str,
    width: int | Literal["stretch"] = "stretch",
    instead: str = "",
    place: DeltaGenerator | None = None,
) -> None:
    """The picture that ``read`` gives, here or in ``place``; ``instead``, or else why, if none."""
    try:
        (place or st).image(read(), width=width, alt=alt)
    except (StudioError, ImageError) as error:
        (place or st).caption(instead or f"No picture: {plain(error)}.")
