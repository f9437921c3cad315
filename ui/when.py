"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def local_time(at: str, zone: str | None) -> str:
    """``3 Nov 2026, 14:05`` from ISO 8601, in a visitor's time zone (IANA name), else in UTC."""
    time = datetime.fromisoformat(at)
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    try:
        time = time.astimezone(ZoneInfo(zone or ""))
        name = ""
    except (ZoneInfoNotFoundError, ValueError):
        time, name = time.astimezone(UTC), " UTC"
    return f"{time.day} {time:%b %Y, %H:%M}{name}"
