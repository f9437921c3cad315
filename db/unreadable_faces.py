"""Faces whose pictures a job could not read: until the files are back, no model can answer them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

from sqlite_utils import Database

from db.database import write_transaction
from db.home import Home
from db.queue_items import items_of
from db.settings import get_setting, set_setting

_SETTING = "faces/unreadable"
#: More faces than this are no lost files but a lost folder, and their being left out is news.
_REMEMBERED = 10_000

#: By face: when its file last changed, None where it was gone.
_Stamps = dict[int, int | None]


def note_unreadable(
    db: Database, home: Home, left_out: Sequence[int], read: Collection[int]
) -> None:
    """Remember the faces left out because of their pictures, and forget those that were read."""
    if not left_out and _noted(db).keys().isdisjoint(read):
        return
    with write_transaction(db, durable=False):
        kept = {face: stamp for face, stamp in _noted(db).items() if face not in read}
        noted = kept | _stamps(db, home, left_out)
        set_setting(db, _SETTING, list(islice(noted.items(), _REMEMBERED)))


def unreadable_faces(db: Database, home: Home) -> list[int]:
    """The faces that were left out, except those whose files have changed since."""
    noted = _noted(db)
    return [face for face, stamp in _stamps(db, home, list(noted)).items() if stamp == noted[face]]


def _noted(db: Database) -> _Stamps:
    return dict(get_setting(db, _SETTING, []))


def _stamps(db: Database, home: Home, face_ids: Sequence[int]) -> _Stamps:
    stamps: _Stamps = {}
    for face in items_of(db, face_ids):
        try:
            stamps[face.face_id] = (home.root / face.image_path).stat().st_ctime_ns
        except OSError:
            stamps[face.face_id] = None
    return stamps
