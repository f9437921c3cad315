"""A large made-up database, drawn by SQLite itself within a minute or two.

People have labelled the faces that the queues put first, which is the hard case: every walk along
an order must get past them.
"""

from __future__ import annotations

from sqlite_utils import Database

from db.annotators import annotator_id
from db.database import now, write_transaction
from db.models import promote, register_model

STUDENT, TEACHER = "student-1", "mask-teacher-1"
ANNOTATORS = tuple(f"annotator {n}" for n in range(8))
_SOURCES = tuple(f"source {n:02d}" for n in range(20))

_COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_CHANCE = "(abs(random()) / 9223372036854775807.0)"
#: Of a pose label, degrees; NULL, as for one face of four, makes that there is none.
_ANGLE_ERROR = f"iif(s.face_id % 4 = 0, NULL, ({_CHANCE} - 0.5) * 24)"


def fill(db: Database, *, faces: int, annotations: int) -> None:
    """``faces`` faces in four fifths as many pictures, two predictions each, and labels."""
    db.execute("PRAGMA cache_size = -400000")
    _models(db)
    with write_transaction(db, durable=False):
        indexes = _drop_indexes(db)
        _pictures_and_faces(db, faces)
        for name in (STUDENT, TEACHER):
            _predictions(db, name)
        _scores(db)
        _measures(db)
        for sql in indexes:
            db.execute(sql)
        _annotations(db, annotations)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _drop_indexes(db: Database) -> list[str]:
    """Building an index once at the end is many times faster; returns how to."""
    sql = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        " AND tbl_name IN ('images', 'faces', 'face_states', 'predictions')"
    )
    found = db.execute(sql).fetchall()
    for name, _ in found:
        db.execute(f"DROP INDEX {name}")
    return [sql for _, sql in found]


def _pictures_and_faces(db: Database, faces: int) -> None:
    images = max(1, faces * 4 // 5)
    time = now()
    db.conn.executemany(
        "INSERT INTO sources (name, added_at) VALUES (?, ?)", [(name, time) for name in _SOURCES]
    )
    db.execute(
        f"{_COUNT} INSERT INTO images (sha256, path, name, width_px, height_px, source_id, split,"
        " added_at) SELECT lower(hex(randomblob(32))), printf('images/%06d.jpg', i),"
        " printf('%06d.jpg', i), 1024, 768, 1 + i * 20 / (:count + 1),"
        " CASE i % 10 WHEN 0 THEN 'val' WHEN 1 THEN 'test' ELSE 'train' END, :time FROM n",
        {"count": images, "time": time},
    )
    db.execute(
        f"{_COUNT} INSERT INTO faces (image_id, left_px, top_px, width_px, height_px, score,"
        " detector, added_at, lower_face_occluded)"
        " SELECT 1 + (i - 1) * :images / :count, 10.0 + i % 500, 20.0,"
        " 20.0 + i % 290, 30.0, 0.9, 'centerface', :time, nullif(i % 3, 2) FROM n",
        {"count": faces, "images": images, "time": time},
    )


def _models(db: Database) -> None:
    for number, (name, kind) in enumerate(((STUDENT, "student"), (TEACHER, "mask_teacher"))):
        register_model(
            db,
            name=name,
            sha256=f"{number:064d}",
            path=f"checkpoints/{name}.safetensors",
            kind=kind,  # type: ignore[arg-type]
            recipe="default",
        )
    promote(db, STUDENT, reason="benchmark", changed_by="benchmark")


def _predictions(db: Database, model: str) -> None:
    db.execute(
        "WITH drawn AS MATERIALIZED ("
        f" SELECT id, {_CHANCE} AS a, {_CHANCE} AS b, {_CHANCE} AS c FROM faces),"
        " p AS (SELECT id, a * a / (a * a + b * b + c * c / 4) AS unmasked,"
        "              b * b / (a * a + b * b + c * c / 4) AS masked FROM drawn)"
        " INSERT INTO predictions SELECT (SELECT id FROM models WHERE name = ?), id,"
        " CASE max(unmasked, masked, 1 - unmasked - masked)"
        "  WHEN unmasked THEN 'unmasked' WHEN masked THEN 'masked' ELSE 'incorrect' END,"
        " max(unmasked, masked, 1 - unmasked - masked), unmasked, masked,"
        f" 1 - unmasked - masked, {_CHANCE} * 180 - 90, {_CHANCE} * 80 - 40,"
        f" {_CHANCE} * 60 - 30, 5.0, ? FROM p",
        [model, now()],
    )


def _scores(db: Database) -> None:
    """What ``db.predictions.refresh_states`` computes, in SQL (without the poses' disagreement)."""
    db.execute(
        "UPDATE face_states SET model_id = p.model_id, predicted_label = p.mask_label,"
        " confidence = p.confidence, yaw_deg = p.yaw_deg, pitch_deg = p.pitch_deg,"
        " roll_deg = p.roll_deg, entropy = -(p.p_masked * ln(p.p_masked + 1e-12)"
        " + p.p_unmasked * ln(p.p_unmasked + 1e-12) + p.p_incorrect * ln(p.p_incorrect + 1e-12)),"
        " disagreement = 0.5 * (abs(p.p_masked - t.p_masked) + abs(p.p_unmasked - t.p_unmasked)"
        " + abs(p.p_incorrect - t.p_incorrect))"
        " FROM predictions p JOIN predictions t ON t.face_id = p.face_id"
        " WHERE p.model_id = (SELECT id FROM models WHERE name = ?)"
        " AND t.model_id = (SELECT id FROM models WHERE name = ?)"
        " AND p.face_id = face_states.face_id",
        [STUDENT, TEACHER],
    )


def _measures(db: Database) -> None:
    db.execute(
        "INSERT INTO face_measures SELECT id, abs(random()) % 3000, abs(random()) % 1000 / 1000.0"
        " FROM faces"
    )


def _annotations(db: Database, count: int) -> None:
    """The most doubtful half, and the most disputed half, labelled one by one."""
    for name in ANNOTATORS:
        annotator_id(db, name)
    db.execute(
        "CREATE TEMP TABLE chosen AS SELECT face_id FROM ("
        " SELECT face_id FROM (SELECT face_id FROM face_states ORDER BY entropy DESC LIMIT :half)"
        " UNION SELECT face_id FROM"
        " (SELECT face_id FROM face_states ORDER BY disagreement DESC LIMIT :count)) LIMIT :count",
        {"half": count // 2, "count": count},
    )
    db.execute(
        "INSERT INTO annotation_actions (id, client_op_id, annotator_id, kind, created_at)"
        " SELECT rowid, 'benchmark-' || rowid, 1 + rowid % 8, 'label',"
        " strftime('%Y-%m-%dT%H:%M:%S.000+00:00', '2026-01-01', '+' || rowid || ' minutes')"
        " FROM chosen"
    )
    db.execute(
        "INSERT INTO annotation_events (action_id, face_id, version, mask_label, yaw_deg,"
        " pitch_deg, roll_deg) SELECT chosen.rowid, chosen.face_id, 1,"
        " CASE WHEN abs(random()) % 10 = 0 THEN 'incorrect' ELSE predicted_label END,"
        f" yaw_deg + {_ANGLE_ERROR}, pitch_deg + {_ANGLE_ERROR},"
        f" roll_deg + {_ANGLE_ERROR}"
        " FROM chosen JOIN face_states s ON s.face_id = chosen.face_id"
    )
    db.execute("DROP TABLE chosen")
