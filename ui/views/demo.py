"""Try the models on photos, camera and video: the Gradio demo, in the studio's frame."""

from __future__ import annotations

import streamlit as st

#: The frame fills what the navigation leaves, so that only one thing scrolls and the demo's
#: messages, which stand at its upper edge, are always seen.
_FILL = """<style>
.stMainBlockContainer { padding: 3.75rem 1rem 0; }
.stMainBlockContainer iframe { height: calc(100dvh - 4rem); display: block; }
</style>"""


def show() -> None:
    mode = "dark" if st.context.theme.type == "dark" else "light"
    st.html(_FILL)
    st.iframe(f"/demo/?__theme={mode}", height="stretch", alt="Demo")
