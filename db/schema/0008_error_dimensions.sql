-- What errors are sliced by, and how far off a pose is.

-- As a data set says it: something that need not be a mask covers the lower face.
-- NULL: nobody said.
ALTER TABLE faces ADD COLUMN lower_face_occluded INTEGER CHECK (lower_face_occluded IN (0, 1));

-- What is measured in the picture, face by face in the order of their numbers (core.face_measures);
-- NULL where the picture could not be read.
CREATE TABLE face_measures (
    face_id INTEGER PRIMARY KEY REFERENCES faces (id),
    sharpness REAL,
    brightness REAL
) STRICT;

-- People's pose, and the mean of the three angles' errors of the student's.
ALTER TABLE face_states ADD COLUMN label_yaw_deg REAL;
ALTER TABLE face_states ADD COLUMN label_pitch_deg REAL;
ALTER TABLE face_states ADD COLUMN label_roll_deg REAL;
ALTER TABLE face_states ADD COLUMN pose_error_deg REAL GENERATED ALWAYS AS (
    (abs(yaw_deg - label_yaw_deg) + abs(pitch_deg - label_pitch_deg)
     + abs(roll_deg - label_roll_deg)) / 3.0) VIRTUAL;
UPDATE face_states SET (label_yaw_deg, label_pitch_deg, label_roll_deg) =
    (SELECT yaw_deg, pitch_deg, roll_deg FROM annotation_events WHERE id = event_id)
WHERE event_id IN (SELECT id FROM annotation_events WHERE yaw_deg IS NOT NULL);
CREATE INDEX face_states_by_pose_error ON face_states
    (is_labelled, pose_error_deg, face_id, mask_label, predicted_label, source_id, confidence,
     yaw_deg, pitch_deg, roll_deg, label_yaw_deg, label_pitch_deg, label_roll_deg)
    WHERE pose_error_deg IS NOT NULL;

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
        label_error = (
            SELECT 1 - CASE NEW.mask_label WHEN 'masked' THEN p_masked
                WHEN 'unmasked' THEN p_unmasked WHEN 'incorrect' THEN p_incorrect END
            FROM predictions p WHERE p.model_id = face_states.model_id AND p.face_id = NEW.face_id),
        label_error_reason = NULL
    WHERE face_id = NEW.face_id;
    DELETE FROM leases WHERE face_id = NEW.face_id;
END;
