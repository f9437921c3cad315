"""The steps of the schema, one SQL file each, never edited once published."""

from __future__ import annotations

from pathlib import Path

#: In the order in which they are applied.
SCHEMA_FILES = tuple(sorted(Path(__file__).parent.glob("*.sql")))
#: How many steps this program knows; ``PRAGMA user_version`` of a file it wrote.
SCHEMA_VERSION = len(SCHEMA_FILES)
#: Tells our files from other SQLite files ("MPST").
APPLICATION_ID = 0x4D505354
