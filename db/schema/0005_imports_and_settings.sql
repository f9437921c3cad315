CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value)),
    changed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One import of a folder or file; it continues where it was interrupted.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    format TEXT NOT NULL,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    status TEXT NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'finished')),
    records_done INTEGER NOT NULL DEFAULT 0,
    report TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(report)),
    started_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;
CREATE INDEX imports_by_source ON imports (source_id);

-- What was left out, and why.
CREATE TABLE import_skips (
    id INTEGER PRIMARY KEY,
    import_id INTEGER NOT NULL REFERENCES imports (id),
    name TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX import_skips_by_import ON import_skips (import_id);
