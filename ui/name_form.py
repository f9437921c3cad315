"""Under which name one works, and a small form to change it where nobody has to log in."""

from __future__ import annotations

from html import escape

import streamlit as st

from ui.guard import MAX_NAME
from ui.studio import Studio
from ui.theme import RADIUS_PX

_STYLE = (
    f"padding:.4rem .75rem;border-radius:{RADIUS_PX}px;border:1px solid currentColor;"
    "background:transparent;color:inherit;font:inherit"
)


def show_name(studio: Studio, page: str) -> str:
    """Says who labels here and lets somebody else take over; returns the name."""
    name = studio.who(st.context.headers)
    if "authorization" in st.context.headers:
        st.caption(f"You are logged in as **{name}**.")
        return name
    with st.popover(f"You are {name}", icon=":material/person:", type="tertiary"):
        st.html(_form(name, page))
        st.caption("Labels and opinions are kept under this name, on this browser, from now on.")
    return name


def _form(name: str, page: str) -> str:
    """A plain form: the name becomes a cookie, and the page opens anew.

    A field called "name" would lose its name: Streamlit cleans HTML of what hides the form's own.
    """
    return f"""
    <form method="post" action="/api/v1/me" style="display:flex;flex-direction:column;gap:.5rem">
      <input type="hidden" name="back" value="{escape(page)}">
      <label for="me-name">Who is working here?</label>
      <input id="me-name" name="annotator" value="{escape(name)}" required maxlength="{MAX_NAME}"
             autocomplete="nickname" style="{_STYLE}">
      <button type="submit" style="{_STYLE};cursor:pointer">This is me</button>
    </form>"""
