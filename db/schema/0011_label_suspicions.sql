-- What the last check found against labels, so that a suspicion outlives what says nothing of the
-- mask: a corrected pose, a note, an undo.
CREATE TABLE label_suspicions (
    face_id INTEGER PRIMARY KEY REFERENCES faces (id),
    event_id INTEGER NOT NULL REFERENCES annotation_events (id),  -- the suspected label
    score REAL NOT NULL,
    reason TEXT NOT NULL
) STRICT;
INSERT INTO label_suspicions
SELECT face_id, event_id, label_error, label_error_reason FROM face_states
WHERE event_id IS NOT NULL AND label_error IS NOT NULL AND label_error_reason IS NOT NULL;

-- Events after which the same is known of the mask as before: an undo goes back, an import repeats
-- what it said, and the others changed something else.
CREATE VIEW events_beside_the_mask AS
SELECT e.id FROM annotation_events e
JOIN annotation_actions a ON a.id = e.action_id
LEFT JOIN annotation_events before ON before.id = e.previous_event_id
WHERE a.kind = 'undo' OR e.mask_label = before.mask_label
    AND (a.kind = 'import' OR e.note IS NOT before.note OR e.yaw_deg IS NOT before.yaw_deg
         OR e.pitch_deg IS NOT before.pitch_deg OR e.roll_deg IS NOT before.roll_deg);

-- For each event the one whose value it has: that before the gesture which an undo took back.
CREATE VIEW events_brought_back AS
SELECT e.id, back.id AS back_id FROM annotation_events e
JOIN annotation_actions a ON a.id = e.action_id AND a.kind = 'undo'
JOIN annotation_events undone ON undone.action_id = a.target_id AND undone.face_id = e.face_id
JOIN annotation_events back ON back.id = undone.previous_event_id;

DROP TRIGGER annotation_events_set_the_state;
CREATE TRIGGER annotation_events_set_the_state AFTER INSERT ON annotation_events
BEGIN
    UPDATE face_states SET
        is_labelled = NEW.mask_label IS NOT NULL OR NEW.rejected,
        mask_label = NEW.mask_label,
        (annotator_id, annotated_at) =
            (SELECT annotator_id, created_at FROM annotation_actions WHERE id = NEW.action_id),
        event_id = NEW.id,
        version = NEW.version,
        label_yaw_deg = NEW.yaw_deg,
        label_pitch_deg = NEW.pitch_deg,
        label_roll_deg = NEW.roll_deg,
        (label_error, label_error_reason) = (
            SELECT x.score, x.reason FROM label_suspicions x
            JOIN annotation_events suspected ON suspected.id = x.event_id
            WHERE x.face_id = NEW.face_id AND suspected.mask_label = NEW.mask_label
                AND EXISTS (SELECT 1 FROM events_beside_the_mask WHERE id = NEW.id)
                AND (label_error_reason IS NOT NULL AND mask_label = NEW.mask_label
                     OR EXISTS (
                        SELECT 1 FROM events_brought_back b
                        WHERE b.id = NEW.id AND (b.back_id = x.event_id OR EXISTS
                            (SELECT 1 FROM events_beside_the_mask WHERE id = b.back_id))))
            UNION ALL
            SELECT 1 - CASE NEW.mask_label WHEN 'masked' THEN p_masked
                WHEN 'unmasked' THEN p_unmasked WHEN 'incorrect' THEN p_incorrect END, NULL
            FROM predictions p WHERE p.model_id = face_states.model_id AND p.face_id = NEW.face_id
            LIMIT 1)
    WHERE face_id = NEW.face_id;
    DELETE FROM leases WHERE face_id = NEW.face_id;
END;
