"""Names, notes and errors inside Markdown."""

from __future__ import annotations

_MEANS_SOMETHING = frozenset(r"\`*_{}[]()<>#+-.!|~:$")


def plain(text: str | Exception) -> str:
    """The text, or what an error says, as it is, whatever its signs mean in Markdown."""
    return "".join(f"\\{sign}" if sign in _MEANS_SOMETHING else sign for sign in str(text))
