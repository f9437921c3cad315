-- Trainings, the models that came of them, and what those models said.

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    recipe TEXT NOT NULL,
    config TEXT NOT NULL CHECK (json_valid(config)),
    status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN
        ('queued', 'running', 'paused', 'finished', 'failed', 'cancelled')),
    request TEXT CHECK (request IN ('cancel', 'pause')),  -- what a person asked of the worker
    backend TEXT NOT NULL DEFAULT 'local',
    device TEXT NOT NULL,                 -- cpu, cuda:0, …, or the address of a cluster
    host TEXT,
    pid INTEGER,
    heartbeat_at TEXT,
    phase TEXT,
    progress REAL NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    error TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
) STRICT;
CREATE INDEX runs_by_status ON runs (status);
-- One run at a time on a device.
CREATE UNIQUE INDEX runs_busy_devices ON runs (backend, device) WHERE status = 'running';

CREATE TABLE run_metrics (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL,                           -- NULL where the number was not finite
    PRIMARY KEY (run_id, name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,            -- the model_id that predictions carry
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    path TEXT NOT NULL,                   -- of the checkpoint, relative to the home folder
    kind TEXT NOT NULL CHECK (kind IN ('student', 'mask_teacher', 'pose_teacher')),
    recipe TEXT NOT NULL,
    run_id INTEGER REFERENCES runs (id),  -- NULL for one that came with the program
    metrics TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics)),
    licence TEXT,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX models_by_run ON models (run_id);

CREATE TABLE model_aliases (
    alias TEXT PRIMARY KEY CHECK (alias IN ('champion', 'challenger', 'previous')),
    model_id INTEGER NOT NULL REFERENCES models (id),
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every change of an alias, for ever.
CREATE TABLE model_alias_events (
    id INTEGER PRIMARY KEY,
    alias TEXT NOT NULL,
    model_id INTEGER REFERENCES models (id),  -- NULL: the alias was taken away
    reason TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX model_alias_events_by_model ON model_alias_events (model_id);

-- A model measured on a benchmark.
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    model_id INTEGER NOT NULL REFERENCES models (id),
    benchmark TEXT NOT NULL,
    report TEXT NOT NULL CHECK (json_valid(report)),
    run_id INTEGER REFERENCES runs (id),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX evaluations_by_model ON evaluations (model_id, benchmark);
CREATE INDEX evaluations_by_run ON evaluations (run_id);

-- A mask teacher leaves the pose NULL, a pose teacher the mask.
CREATE TABLE predictions (
    model_id INTEGER NOT NULL REFERENCES models (id),
    face_id INTEGER NOT NULL REFERENCES faces (id),
    mask_label TEXT CHECK (mask_label IN ('unmasked', 'masked', 'incorrect')),
    confidence REAL,                      -- the probability of mask_label
    p_unmasked REAL,
    p_masked REAL,
    p_incorrect REAL,
    yaw_deg REAL,
    pitch_deg REAL,
    roll_deg REAL,
    latency_ms REAL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (model_id, face_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX predictions_by_face ON predictions (face_id);
CREATE INDEX predictions_by_label ON predictions (model_id, mask_label, confidence);
