"""A notification of the browser, for what ends while nobody looks at the page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from ui.theme import TITLE

_SCRIPT = Path(__file__).parent / "components" / "notify.js"
_BUTTON = '<button type="button" hidden>Notify me when a run ends</button>'
_STYLE = """
button { font: inherit; color: var(--st-link-color); background: none; border: 0; padding: 0;
  cursor: pointer; text-decoration: underline; }
"""


def notify(message: str | None, moment: str = "") -> None:
    """Show ``message`` once, where the person allowed it; None only offers to allow it.

    ``moment`` tells two events with the same words apart.
    """
    _component()(data={"title": TITLE, "message": message, "moment": moment}, key="notifier")


@functools.cache
def _component() -> Callable[..., object]:
    from streamlit.components import v2

    return v2.component("maskpose_notifier", html=_BUTTON, css=_STYLE, js=_SCRIPT.read_text())
