"""Try the models on photos, camera and video: the Gradio demo, in the studio's frame."""

from __future__ import annotations

import streamlit as st

_HEIGHT_PX = 1500


def show() -> None:
    mode = "dark" if st.context.theme.type == "dark" else "light"
    st.iframe(f"/demo/?__theme={mode}", height=_HEIGHT_PX, alt="Demo")
