-- One row for each face: what people and the student say of it now. Everything here follows
-- from other tables (`db.check.rebuild_states` writes it anew); it is kept so that any order of
-- the review queue is the walk along one index.

CREATE TABLE face_states (
    face_id INTEGER PRIMARY KEY REFERENCES faces (id),
    source_id INTEGER NOT NULL REFERENCES sources (id),
    random_key INTEGER NOT NULL,          -- a shuffled order that stays the same
    -- people: the last event
    is_labelled INTEGER NOT NULL DEFAULT 0 CHECK (is_labelled IN (0, 1)),  -- or rejected
    mask_label TEXT,
    annotator_id INTEGER REFERENCES annotators (id),
    annotated_at TEXT,
    event_id INTEGER REFERENCES annotation_events (id),
    version INTEGER NOT NULL DEFAULT 0,
    -- the student: the champion, or without one the latest that looked at this face
    model_id INTEGER REFERENCES models (id),
    predicted_label TEXT,
    confidence REAL,
    entropy REAL,                         -- of the mask probabilities, in nats
    yaw_deg REAL,
    pitch_deg REAL,
    roll_deg REAL,
    -- both
    disagreement REAL,                    -- 0 … 1, of student and teachers (db.scores)
    label_error REAL,                     -- 0 … 1, how much the student doubts the label
    label_error_reason TEXT
) STRICT;
-- The orders of the queue. The columns after the order let a filter pass faces over without
-- reading their rows.
CREATE INDEX face_states_by_entropy ON face_states
    (is_labelled, entropy, face_id, mask_label, predicted_label, source_id, confidence);
CREATE INDEX face_states_by_disagreement ON face_states
    (is_labelled, disagreement, face_id, mask_label, predicted_label, source_id, confidence);
CREATE INDEX face_states_by_label_error ON face_states
    (is_labelled, label_error, face_id, mask_label, predicted_label, source_id, confidence)
    WHERE label_error IS NOT NULL;
CREATE INDEX face_states_by_chance ON face_states
    (is_labelled, random_key, face_id, mask_label, predicted_label, source_id, confidence);
CREATE INDEX face_states_by_age ON face_states
    (is_labelled, face_id, mask_label, predicted_label, source_id, confidence);

-- A face that somebody has on the screen. Others are not given it before the time is over.
CREATE TABLE leases (
    face_id INTEGER PRIMARY KEY REFERENCES faces (id),
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX leases_by_annotator ON leases (annotator_id);
CREATE INDEX leases_by_expiry ON leases (expires_at);

CREATE TABLE skips (
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    face_id INTEGER NOT NULL REFERENCES faces (id),
    created_at TEXT NOT NULL,
    PRIMARY KEY (annotator_id, face_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX skips_by_face ON skips (face_id);

CREATE TABLE flags (
    face_id INTEGER NOT NULL REFERENCES faces (id),
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    note TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (face_id, annotator_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX flags_by_annotator ON flags (annotator_id);

-- A filter and an order under a name, to share and to continue.
CREATE TABLE saved_queues (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    query TEXT NOT NULL CHECK (json_valid(query)),
    created_by INTEGER NOT NULL REFERENCES annotators (id),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX saved_queues_by_annotator ON saved_queues (created_by);

-- Faces and events of an older file.
INSERT INTO face_states (face_id, source_id, random_key)
SELECT faces.id, images.source_id, abs(random()) FROM faces JOIN images ON images.id = image_id;
UPDATE face_states SET
    (is_labelled, mask_label, annotator_id, annotated_at, event_id, version) =
    (SELECT e.mask_label IS NOT NULL OR e.rejected, e.mask_label, a.annotator_id, a.created_at,
            e.id, e.version
     FROM annotation_events e JOIN annotation_actions a ON a.id = e.action_id
     WHERE e.face_id = face_states.face_id ORDER BY e.version DESC LIMIT 1)
WHERE face_id IN (SELECT face_id FROM annotation_events);

CREATE TRIGGER faces_get_a_state AFTER INSERT ON faces
BEGIN
    INSERT INTO face_states (face_id, source_id, random_key)
    SELECT NEW.id, source_id, abs(random()) FROM images WHERE id = NEW.image_id;
END;

CREATE TRIGGER annotation_events_set_the_state AFTER INSERT ON annotation_events
BEGIN
    UPDATE face_states SET
        is_labelled = NEW.mask_label IS NOT NULL OR NEW.rejected,
        mask_label = NEW.mask_label,
        (annotator_id, annotated_at) =
            (SELECT annotator_id, created_at FROM annotation_actions WHERE id = NEW.action_id),
        event_id = NEW.id,
        version = NEW.version,
        label_error = (
            SELECT 1 - CASE NEW.mask_label WHEN 'masked' THEN p_masked
                WHEN 'unmasked' THEN p_unmasked WHEN 'incorrect' THEN p_incorrect END
            FROM predictions p WHERE p.model_id = face_states.model_id AND p.face_id = NEW.face_id),
        label_error_reason = NULL
    WHERE face_id = NEW.face_id;
    DELETE FROM leases WHERE face_id = NEW.face_id;
END;
