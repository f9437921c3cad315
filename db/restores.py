"""Which restore the present state came from: who remembers what was there looks anew after one."""

from __future__ import annotations

import secrets

from sqlite_utils import Database

from db.settings import get_setting, set_setting

_SETTING = "last_restore"


def last_restore(db: Database) -> str:
    """Another text after every restore; empty where there was none."""
    return str(get_setting(db, _SETTING, ""))


def mark_restore(db: Database) -> None:
    """Give the state that is about to be restored a mark that no state before it had."""
    set_setting(db, _SETTING, secrets.token_hex(8))
