-- Faces at the edge of their picture are measured otherwise than before (core.face_measures): all
-- are measured anew in the background, so that old and new ones can be compared.
DELETE FROM face_measures;
