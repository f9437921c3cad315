-- Opinions of further people, and decisions where they differ.

-- A reviewer, too, may find that this is not a face.
ALTER TABLE reviews ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0 CHECK (rejected IN (0, 1));

-- Events by which somebody who saw both opinions decided.
CREATE TABLE adjudications (
    event_id INTEGER PRIMARY KEY REFERENCES annotation_events (id),
    disputed_event_id INTEGER NOT NULL REFERENCES annotation_events (id)
) STRICT;
CREATE INDEX adjudications_by_disputed_event ON adjudications (disputed_event_id);
CREATE TRIGGER adjudications_are_new BEFORE INSERT ON adjudications
BEGIN
    SELECT RAISE(ABORT, 'adjudications are only ever added')
    WHERE EXISTS (SELECT 1 FROM adjudications WHERE event_id = NEW.event_id);
END;
CREATE TRIGGER adjudications_never_change BEFORE UPDATE ON adjudications
BEGIN SELECT RAISE(ABORT, 'adjudications are only ever added'); END;
CREATE TRIGGER adjudications_never_go BEFORE DELETE ON adjudications
BEGIN SELECT RAISE(ABORT, 'adjudications are only ever added'); END;

-- The last word of each reviewer about the label that counts now. It holds for a label that an
-- undo brought back as well: then the event it is about is an earlier one with the same value.
CREATE VIEW present_reviews AS
SELECT r.*, s.face_id, s.event_id AS present_event_id
FROM reviews r
JOIN annotation_events e ON e.id = r.event_id
JOIN face_states s ON s.face_id = e.face_id
JOIN annotation_events present ON present.id = s.event_id
JOIN annotation_actions a ON a.id = present.action_id
WHERE (present.id = e.id
       OR a.kind = 'undo' AND present.mask_label IS e.mask_label
          AND present.rejected = e.rejected AND present.yaw_deg IS e.yaw_deg
          AND present.pitch_deg IS e.pitch_deg AND present.roll_deg IS e.roll_deg)
  AND NOT EXISTS (SELECT 1 FROM reviews later JOIN annotation_events le ON le.id = later.event_id
                  WHERE le.face_id = e.face_id AND later.reviewer_id = r.reviewer_id
                    AND later.id > r.id);

-- Faces on which a reviewer contradicts the label that counts now.
DROP VIEW disputes;
CREATE VIEW disputes AS
SELECT r.face_id, now.mask_label, now.rejected, annotators.name AS annotator,
       now.yaw_deg, now.pitch_deg, now.roll_deg, s.annotated_at, s.version,
       r.mask_label AS reviewer_mask_label, r.rejected AS reviewer_rejected,
       r.yaw_deg AS reviewer_yaw_deg, r.pitch_deg AS reviewer_pitch_deg,
       r.roll_deg AS reviewer_roll_deg,
       reviewers.name AS reviewer, r.note, r.blind, r.created_at, r.id AS review_id,
       r.present_event_id
FROM present_reviews r
JOIN face_states s ON s.face_id = r.face_id
JOIN annotation_events now ON now.id = s.event_id
JOIN annotators ON annotators.id = s.annotator_id
JOIN annotators reviewers ON reviewers.id = r.reviewer_id
WHERE r.verdict = 'disagree';
