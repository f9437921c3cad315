"""Pictures: files named by the SHA-256 of their bytes, and a row for each.

The caller decodes a picture and says its upright width and height; here bytes are only kept.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Literal, get_args

from sqlite_utils import Database

from db.database import now, select, select_one, write_transaction
from db.errors import ImageFileMissing, NotFound
from db.fresh_ids import fresh_id
from db.home import Home
from db.image_files import StoredFile, store_file

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_IMAGES = (
    "SELECT images.*, sources.name AS source FROM images JOIN sources ON sources.id = source_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A stored picture. ``path`` is relative to the home folder; see ``read_bytes``."""

    id: int
    sha256: str
    path: str
    name: str
    width_px: int
    height_px: int
    source: str
    split: str | None
    origin: str | None
    added_at: str


def add_image(
    db: Database,
    home: Home,
    data: bytes,
    *,
    name: str,
    width_px: int,
    height_px: int,
    source: str = "upload",
    split: Split | None = None,
    origin: str | None = None,
    durable: bool = True,
) -> Image:
    """The stored picture with these bytes; known bytes are not stored again, whatever the name.

    ``origin`` names what pictures of one person, video or album share, so that they stay in one
    split. The file is complete before its row exists.
    """
    file = store_file(home, data, durable=durable)
    with write_transaction(db, durable=durable):
        return add_stored(
            db,
            file,
            name=name,
            width_px=width_px,
            height_px=height_px,
            source=source,
            split=split,
            origin=origin,
        )


def add_stored(
    db: Database,
    file: StoredFile,
    *,
    name: str,
    width_px: int,
    height_px: int,
    source: str,
    split: str | None = None,
    origin: str | None = None,
) -> Image:
    """The row of a picture whose file is there already; see ``complete`` for a known one."""
    name = name or file.sha256[:12]
    with write_transaction(db):
        known = find_image(db, file.sha256)
        if known:
            if name != known.name:
                db.execute("INSERT OR IGNORE INTO image_names VALUES (?, ?)", [known.id, name])
            return complete(db, known, split=split, origin=origin)
        row = (*file, name, width_px, height_px, source_id(db, source), split, origin, now())
        cursor = db.execute(
            "INSERT INTO images (id, sha256, path, name, width_px, height_px, source_id, split,"
            f" origin, added_at) VALUES ({fresh_id('images')}, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        return get_image(db, int(cursor.lastrowid or 0))


def complete(db: Database, image: Image, *, split: str | None, origin: str | None) -> Image:
    """The picture with the split and the origin that it had not got yet; what it has stays.

    So does everything once a training may have learned from it: split and origin say whether one
    may.
    """
    whole = replace(image, split=image.split or split, origin=image.origin or origin)
    if whole != image and _may_be_learned(db, image):
        return image
    if whole != image:
        with write_transaction(db):
            db.execute(
                "UPDATE images SET split = ?, origin = ? WHERE id = ?",
                [whole.split, whole.origin, image.id],
            )
    return whole


def _may_be_learned(db: Database, image: Image) -> bool:
    """Whether a person has labelled a face in the picture, or it was labelled and a run exists.

    A training started outside the app leaves no run: from those it guards what people labelled.
    """
    return (
        select_one(
            db,
            "SELECT 1 FROM faces f"
            " JOIN annotation_events e ON e.face_id = f.id"
            " JOIN annotation_actions a ON a.id = e.action_id"
            " JOIN annotators who ON who.id = a.annotator_id"
            " WHERE f.image_id = ? AND (who.kind = 'person' OR EXISTS (SELECT 1 FROM runs))",
            [image.id],
        )
        is not None
    )


def source_id(db: Database, name: str) -> int:
    """The number of a source, which is added when new."""
    row = select_one(db, "SELECT id FROM sources WHERE name = ?", [name])
    if row:
        return int(row["id"])
    cursor = db.execute("INSERT INTO sources (name, added_at) VALUES (?, ?)", [name, now()])
    return int(cursor.lastrowid or 0)


def get_image(db: Database, image_id: int) -> Image:
    row = select_one(db, f"{_IMAGES} WHERE images.id = ?", [image_id])
    if row is None:
        raise NotFound(f"there is no image {image_id}")
    return _image(row)


def find_image(db: Database, sha256: str) -> Image | None:
    """The picture with these bytes, if it is stored."""
    row = select_one(db, f"{_IMAGES} WHERE sha256 = ?", [sha256])
    return _image(row) if row else None


def list_images(
    db: Database, *, before_id: int | None = None, limit: int = 100, source: str | None = None
) -> list[Image]:
    """The newest pictures first; pass the last id seen as ``before_id`` for the next page."""
    sql = f"{_IMAGES} WHERE images.id < ?" + (" AND sources.name = ?" if source else "")
    parameters: list[object] = [before_id if before_id is not None else 2**62]
    parameters += [source] if source else []
    return [
        _image(row)
        for row in select(db, f"{sql} ORDER BY images.id DESC LIMIT {limit:d}", parameters)
    ]


def list_sources(db: Database) -> list[str]:
    """The names of all sources, in the order they came."""
    return [row["name"] for row in select(db, "SELECT name FROM sources ORDER BY id")]


def other_names(db: Database, image_id: int) -> list[str]:
    """Further names under which the same bytes came."""
    sql = "SELECT name FROM image_names WHERE image_id = ? ORDER BY name"
    return [row["name"] for row in select(db, sql, [image_id])]


def read_bytes(home: Home, image: Image) -> bytes:
    """The file as it came; ImageFileMissing says which one is gone."""
    try:
        return (home.root / image.path).read_bytes()
    except FileNotFoundError:
        raise ImageFileMissing(
            f"the file of {image.name!r} is gone ({home.root / image.path}): "
            "add the same picture again and it is back, labels and all"
        ) from None


def _image(row: sqlite3.Row) -> Image:
    return Image(**{key: row[key] for key in row.keys() if key != "source_id"})  # noqa: SIM118
