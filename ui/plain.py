"""Names and notes inside Markdown."""

from __future__ import annotations

_MEANS_SOMETHING = frozenset(r"\`*_{}[]()<>#+-.!|~:$")


def plain(text: str) -> str:
    """The text as it is, whatever its signs mean in Markdown."""
    return "".join(f"\\{sign}" if sign in _MEANS_SOMETHING else sign for sign in text)
