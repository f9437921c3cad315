"""The time as it may stand in the name of a file."""

from __future__ import annotations

from datetime import UTC, datetime


def file_time() -> str:
    """UTC to the millisecond, without characters that some file systems refuse."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S-%f")[:-3]
