-- Pictures, each stored once whatever its name, and the faces in them.
-- Times are ISO 8601 in UTC; pixels are those of the upright picture.

CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,            -- upload, camera, or the name of an imported data set
    added_at TEXT NOT NULL
) STRICT;

CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    path TEXT NOT NULL,                   -- of the file, relative to the home folder
    name TEXT NOT NULL,                   -- what it was called when it first came
    width_px INTEGER NOT NULL CHECK (width_px > 0),
    height_px INTEGER NOT NULL CHECK (height_px > 0),
    source_id INTEGER NOT NULL REFERENCES sources (id),
    split TEXT CHECK (split IN ('train', 'val', 'test')),
    origin TEXT,                          -- pictures of one person, video or album share it
    added_at TEXT NOT NULL
) STRICT;
CREATE INDEX images_by_source ON images (source_id);

-- Other names under which the same bytes came again.
CREATE TABLE image_names (
    image_id INTEGER NOT NULL REFERENCES images (id),
    name TEXT NOT NULL,
    PRIMARY KEY (image_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE faces (
    id INTEGER PRIMARY KEY,
    image_id INTEGER NOT NULL REFERENCES images (id),
    left_px REAL NOT NULL,
    top_px REAL NOT NULL,
    width_px REAL NOT NULL CHECK (width_px > 0),
    height_px REAL NOT NULL CHECK (height_px > 0),
    score REAL,                           -- of the detector, NULL for a box drawn by a person
    detector TEXT NOT NULL,               -- its name, or 'person', or 'dataset'
    added_at TEXT NOT NULL
) STRICT;
CREATE INDEX faces_by_image ON faces (image_id);
