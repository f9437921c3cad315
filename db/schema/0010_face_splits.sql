-- The split of a face's picture, beside what else is asked of every face: dashboards of one split
-- looked up two tables for each.
ALTER TABLE face_states ADD COLUMN split TEXT;
UPDATE face_states SET split = found.split
FROM (SELECT f.id, i.split FROM images i JOIN faces f ON f.image_id = i.id
      WHERE i.split IS NOT NULL) found
WHERE found.id = face_id;

DROP TRIGGER faces_get_a_state;
CREATE TRIGGER faces_get_a_state AFTER INSERT ON faces
BEGIN
    INSERT INTO face_states (face_id, source_id, split, random_key)
    SELECT NEW.id, source_id, split, abs(random()) FROM images WHERE id = NEW.image_id;
END;
CREATE TRIGGER images_set_the_split AFTER UPDATE OF split ON images
BEGIN
    UPDATE face_states SET split = NEW.split
    WHERE face_id IN (SELECT id FROM faces WHERE image_id = NEW.id);
END;

DROP INDEX face_states_by_age;
CREATE INDEX face_states_by_age ON face_states
    (is_labelled, face_id, mask_label, predicted_label, source_id, confidence, split);
DROP INDEX face_states_by_pose_error;
CREATE INDEX face_states_by_pose_error ON face_states
    (is_labelled, pose_error_deg, face_id, mask_label, predicted_label, source_id, confidence,
     yaw_deg, pitch_deg, roll_deg, label_yaw_deg, label_pitch_deg, label_roll_deg, split)
    WHERE pose_error_deg IS NOT NULL;
