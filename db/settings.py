"""Settings of the studio: a key and a JSON value."""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from db.database import now, select_one, write_transaction


def get_setting(db: Database, key: str, default: Any = None) -> Any:
    """The value of a setting, or ``default`` where it was never set."""
    row = select_one(db, "SELECT value FROM settings WHERE key = ?", [key])
    return json.loads(row["value"]) if row else default


def set_setting(db: Database, key: str, value: Any) -> None:
    """Keep a value that JSON can express."""
    with write_transaction(db):
        db.execute(
            "INSERT INTO settings VALUES (?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            [key, json.dumps(value), now()],
        )
