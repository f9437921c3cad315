-- What people say: events that are only ever added.
-- An action is one gesture of a person (a key, a click on forty faces); an event is what it did
-- to one face, and holds the whole value afterwards.

CREATE TABLE annotators (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    kind TEXT NOT NULL CHECK (kind IN ('person', 'dataset')),  -- dataset: labels that came by import
    added_at TEXT NOT NULL
) STRICT;

CREATE TABLE annotation_actions (
    id INTEGER PRIMARY KEY,
    client_op_id TEXT NOT NULL UNIQUE,    -- chosen by the caller: a retry carries the same one
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    kind TEXT NOT NULL CHECK (kind IN ('label', 'undo', 'redo', 'restore', 'import')),
    target_id INTEGER REFERENCES annotation_actions (id),  -- what an undo or redo is about
    created_at TEXT NOT NULL,
    CHECK ((target_id IS NOT NULL) = (kind IN ('undo', 'redo')))
) STRICT;
CREATE INDEX annotation_actions_by_annotator ON annotation_actions (annotator_id);
CREATE INDEX annotation_actions_by_target ON annotation_actions (target_id)
    WHERE target_id IS NOT NULL;

CREATE TABLE annotation_events (
    id INTEGER PRIMARY KEY,
    action_id INTEGER NOT NULL REFERENCES annotation_actions (id),
    face_id INTEGER NOT NULL REFERENCES faces (id),
    version INTEGER NOT NULL CHECK (version >= 1),  -- counts the events of this face
    base_version INTEGER GENERATED ALWAYS AS (version - 1) VIRTUAL,  -- what the person had seen
    previous_event_id INTEGER REFERENCES annotation_events (id),
    mask_label TEXT CHECK (mask_label IN ('unmasked', 'masked', 'incorrect')),
    yaw_deg REAL,
    pitch_deg REAL,
    roll_deg REAL,
    rejected INTEGER NOT NULL DEFAULT 0 CHECK (rejected IN (0, 1)),  -- 1: this is not a face
    note TEXT,
    UNIQUE (face_id, version),
    UNIQUE (action_id, face_id),
    CHECK (NOT rejected OR (mask_label IS NULL AND yaw_deg IS NULL)),
    CHECK ((yaw_deg IS NULL) = (pitch_deg IS NULL) AND (yaw_deg IS NULL) = (roll_deg IS NULL)),
    CHECK ((previous_event_id IS NULL) = (version = 1))
) STRICT;

-- A second look at an event: the verdict of another person.
CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    client_op_id TEXT NOT NULL UNIQUE,
    event_id INTEGER NOT NULL REFERENCES annotation_events (id),
    reviewer_id INTEGER NOT NULL REFERENCES annotators (id),
    verdict TEXT NOT NULL CHECK (verdict IN ('agree', 'disagree', 'unsure')),
    blind INTEGER NOT NULL CHECK (blind IN (0, 1)),  -- 1: the reviewer had not seen the label
    mask_label TEXT CHECK (mask_label IN ('unmasked', 'masked', 'incorrect')),  -- the own opinion
    yaw_deg REAL,
    pitch_deg REAL,
    roll_deg REAL,
    note TEXT,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX reviews_by_event ON reviews (event_id);
CREATE INDEX reviews_by_reviewer ON reviews (reviewer_id);
CREATE INDEX reviews_in_dispute ON reviews (event_id) WHERE verdict = 'disagree';

-- The guards below hold for every program that opens the file, also against INSERT OR REPLACE.
CREATE TRIGGER annotation_events_follow_the_last BEFORE INSERT ON annotation_events
BEGIN
    SELECT RAISE(ABORT, 'an annotation event must follow the last one of its face')
    WHERE NEW.previous_event_id IS NOT (
            SELECT id FROM annotation_events WHERE face_id = NEW.face_id
            ORDER BY version DESC LIMIT 1)
       OR NEW.version <> 1 + coalesce(
            (SELECT max(version) FROM annotation_events WHERE face_id = NEW.face_id), 0)
       OR EXISTS (SELECT 1 FROM annotation_events WHERE id = NEW.id);
END;
CREATE TRIGGER annotation_events_never_change BEFORE UPDATE ON annotation_events
BEGIN SELECT RAISE(ABORT, 'annotation events are only ever added'); END;
CREATE TRIGGER annotation_events_never_go BEFORE DELETE ON annotation_events
BEGIN SELECT RAISE(ABORT, 'annotation events are only ever added'); END;

CREATE TRIGGER annotation_actions_are_new BEFORE INSERT ON annotation_actions
BEGIN
    SELECT RAISE(ABORT, 'annotation actions are only ever added')
    WHERE EXISTS (SELECT 1 FROM annotation_actions
                  WHERE id = NEW.id OR client_op_id = NEW.client_op_id);
END;
CREATE TRIGGER annotation_actions_never_change BEFORE UPDATE ON annotation_actions
BEGIN SELECT RAISE(ABORT, 'annotation actions are only ever added'); END;
CREATE TRIGGER annotation_actions_never_go BEFORE DELETE ON annotation_actions
BEGIN SELECT RAISE(ABORT, 'annotation actions are only ever added'); END;

CREATE TRIGGER reviews_are_new BEFORE INSERT ON reviews
BEGIN
    SELECT RAISE(ABORT, 'reviews are only ever added')
    WHERE EXISTS (SELECT 1 FROM reviews WHERE id = NEW.id OR client_op_id = NEW.client_op_id);
END;
CREATE TRIGGER reviews_never_change BEFORE UPDATE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews are only ever added'); END;
CREATE TRIGGER reviews_never_go BEFORE DELETE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews are only ever added'); END;
