-- What the last check found against labels, so that a suspicion outlives what says nothing of the
-- mask: a corrected pose, a note; and so that it comes back with the label after an undo.
CREATE TABLE label_suspicions (
    face_id INTEGER PRIMARY KEY REFERENCES faces (id),
    event_id INTEGER NOT NULL REFERENCES annotation_events (id),  -- the suspected label
    score REAL NOT NULL,
    reason TEXT NOT NULL
) STRICT;
INSERT INTO label_suspicions
SELECT face_id, event_id, label_error, label_error_reason FROM face_states
WHERE event_id IS NOT NULL AND label_error IS NOT NULL AND label_error_reason IS NOT NULL;

-- Each event beside the value that it followed.
CREATE VIEW events_compared AS
SELECT e.id, e.face_id, e.previous_event_id, a.kind, a.target_id,
       e.mask_label = before.mask_label AS same_mask,
       e.note IS before.note AND e.yaw_deg IS before.yaw_deg AND e.pitch_deg IS before.pitch_deg
           AND e.roll_deg IS before.roll_deg AS same_rest
FROM annotation_events e
JOIN annotation_actions a ON a.id = e.action_id
LEFT JOIN annotation_events before ON before.id = e.previous_event_id;

-- Events that say nothing new of the mask, and the earlier one that says the same: that which an
-- undo goes back to or a redo repeats; or the last one, where an import came again or something
-- else was changed.
CREATE VIEW events_beside_the_mask AS
SELECT c.id,
       CASE c.kind WHEN 'undo' THEN target.previous_event_id WHEN 'redo' THEN target.id
           ELSE c.previous_event_id END AS same_as
FROM events_compared c
LEFT JOIN annotation_events target
    ON target.action_id = c.target_id AND target.face_id = c.face_id
WHERE c.kind IN ('undo', 'redo') OR c.same_mask AND (c.kind = 'import' OR NOT c.same_rest);

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
            SELECT score, reason FROM (
                SELECT x.score, x.reason, 1 AS place FROM label_suspicions x
                WHERE x.face_id = NEW.face_id AND NEW.mask_label IS NOT NULL
                    -- both go back to one event that spoke of the mask
                    AND EXISTS (
                        WITH RECURSIVE said(id) AS (
                            SELECT NEW.id UNION ALL
                            SELECT b.same_as FROM said JOIN events_beside_the_mask b USING (id)
                        ), suspected(id) AS (
                            SELECT x.event_id UNION ALL
                            SELECT b.same_as FROM suspected JOIN events_beside_the_mask b USING (id)
                        )
                        SELECT 1 FROM said JOIN suspected USING (id))
                UNION ALL
                SELECT 1 - CASE NEW.mask_label WHEN 'masked' THEN p_masked
                    WHEN 'unmasked' THEN p_unmasked WHEN 'incorrect' THEN p_incorrect END, NULL, 2
                FROM predictions p
                WHERE p.model_id = face_states.model_id AND p.face_id = NEW.face_id)
            ORDER BY place LIMIT 1)
    WHERE face_id = NEW.face_id;
    DELETE FROM leases WHERE face_id = NEW.face_id;
END;
