"""Measures stored faces in the background: new ones within seconds, old ones after an upgrade."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np

from core.face_measures import measure_face
from core.images import ImageError, decode_image
from db.database import connect
from db.errors import StudioError
from db.face_measures import MeasuredFace, UnmeasuredFace, store_measures, unmeasured_faces
from db.home import Home
from db.images import get_image, read_bytes

_BATCH = 50
_PAUSE_S = 5.0

logger = logging.getLogger(__name__)


def start_measuring(home: Home) -> None:
    """Measure whatever is stored, as long as the program runs."""
    threading.Thread(target=_measure_for_ever, args=(home,), daemon=True).start()


def _measure_for_ever(home: Home) -> None:
    while True:
        began = time.monotonic()
        try:
            found = measure_some(home)
        except StudioError as error:  # a full disk, a foreign lock: later perhaps
            logger.warning("faces are not measured: %s", error)
            found = 0
        except Exception:  # such as a disk that fails to read: a thread that ends never comes back
            logger.exception("faces are not measured")
            found = 0
        # Half of one processor at most: people and training come first.
        time.sleep(time.monotonic() - began if found else _PAUSE_S)


def measure_some(home: Home, count: int = _BATCH) -> int:
    """Measure the next faces; returns how many there were."""
    with connect(home) as db:
        faces = unmeasured_faces(db, count)
        pictures = {face.image_id: get_image(db, face.image_id) for face in faces}
    images: dict[int, np.ndarray | None] = {}
    measured = []
    for face in faces:
        if face.image_id not in images:
            try:
                picture = pictures[face.image_id]
                images = {face.image_id: decode_image(read_bytes(home, picture), picture.name)}
            except (ImageError, StudioError):
                images = {face.image_id: None}
        measured.append(_measured(face, images[face.image_id]))
    if measured:
        with connect(home) as db:
            store_measures(db, measured)
    return len(measured)


def _measured(face: UnmeasuredFace, image_rgb: np.ndarray | None) -> MeasuredFace:
    if image_rgb is None:
        return MeasuredFace(face.face_id, None, None)
    return MeasuredFace(face.face_id, *measure_face(image_rgb, face.box))
