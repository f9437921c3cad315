"""What people and models said, for ever (SQLite through sqlite-utils)."""
