-- Views for people: what `datasette` or any other browser shows at a glance.

-- The label that counts now, of every face that has one.
CREATE VIEW annotations AS
SELECT s.face_id, e.mask_label, e.yaw_deg, e.pitch_deg, e.roll_deg, e.rejected, e.note,
       e.version, e.id AS event_id, annotators.name AS annotator, annotators.kind AS annotator_kind,
       a.created_at
FROM face_states s
JOIN annotation_events e ON e.id = s.event_id
JOIN annotation_actions a ON a.id = e.action_id
JOIN annotators ON annotators.id = a.annotator_id
WHERE e.mask_label IS NOT NULL OR e.rejected OR e.yaw_deg IS NOT NULL OR e.note IS NOT NULL;

-- Who said what and when, with the value before.
CREATE VIEW annotation_history AS
SELECT e.face_id, e.version, a.kind AS op, annotators.name AS annotator, a.created_at,
       e.mask_label, before.mask_label AS previous_mask_label,
       e.yaw_deg, before.yaw_deg AS previous_yaw_deg,
       e.pitch_deg, before.pitch_deg AS previous_pitch_deg,
       e.roll_deg, before.roll_deg AS previous_roll_deg,
       e.rejected, before.rejected AS previous_rejected,
       e.note, before.note AS previous_note,
       a.client_op_id, e.base_version, e.id AS event_id, e.action_id
FROM annotation_events e
JOIN annotation_actions a ON a.id = e.action_id
JOIN annotators ON annotators.id = a.annotator_id
LEFT JOIN annotation_events before ON before.id = e.previous_event_id;

-- Every face with its picture, its label and the student's opinion.
CREATE VIEW faces_overview AS
SELECT f.id AS face_id, images.name AS image, images.path, sources.name AS source, images.split,
       f.left_px, f.top_px, f.width_px, f.height_px, f.detector,
       s.mask_label, annotators.name AS annotator, s.annotated_at,
       models.name AS model, s.predicted_label, s.confidence,
       s.yaw_deg, s.pitch_deg, s.roll_deg, s.disagreement, s.label_error
FROM faces f
JOIN face_states s ON s.face_id = f.id
JOIN images ON images.id = f.image_id
JOIN sources ON sources.id = images.source_id
LEFT JOIN annotators ON annotators.id = s.annotator_id
LEFT JOIN models ON models.id = s.model_id;

-- Faces on which a reviewer contradicts the label that counts now.
CREATE VIEW disputes AS
SELECT s.face_id, s.mask_label, annotators.name AS annotator, r.mask_label AS reviewer_mask_label,
       reviewers.name AS reviewer, r.note, r.blind, r.created_at, r.id AS review_id
FROM reviews r
JOIN annotation_events e ON e.id = r.event_id
JOIN face_states s ON s.face_id = e.face_id AND s.event_id = e.id
JOIN annotators ON annotators.id = s.annotator_id
JOIN annotators reviewers ON reviewers.id = r.reviewer_id
WHERE r.verdict = 'disagree';

-- The models in use, by alias.
CREATE VIEW models_in_use AS
SELECT alias, models.name, models.kind, models.recipe, models.metrics, model_aliases.since
FROM model_aliases JOIN models ON models.id = model_aliases.model_id;
