-- What a model said of a face, without reading the whole prediction: filters of faces that people
-- labelled ask it of every one.
DROP INDEX predictions_by_face;
CREATE INDEX predictions_by_face ON predictions (face_id, model_id, mask_label, confidence);
