"""Stored faces as a model sees them: pictures from the home folder, each decoded once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from core.crop import cut_square
from core.images import ImageError, read_image
from core.predictor import Predictor
from db.home import Home
from db.queue_items import QueueItem, items_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredCrop:
    """A stored face and the model's input for it, uint8 (S, S, 3)."""

    face: QueueItem
    crop_rgb: np.ndarray


def stored_crops(
    db: Database, home: Home, predictor: Predictor, face_ids: Sequence[int]
) -> Iterator[StoredCrop]:
    """The crops of these faces in this order; a picture that cannot be read is logged, left out."""
    path, image_rgb = "", None
    for face in items_of(db, face_ids):
        if face.image_path != path:  # faces of one picture mostly follow each other
            path, image_rgb = face.image_path, _read(home, face)
        if image_rgb is not None:
            yield StoredCrop(face=face, crop_rgb=_cut(predictor, image_rgb, face))


def _read(home: Home, face: QueueItem) -> np.ndarray | None:
    try:
        return read_image(home.root / face.image_path)
    except (ImageError, OSError) as error:
        logger.warning("left out: %s: %s", face.image_name, error)
        return None


def _cut(predictor: Predictor, image_rgb: np.ndarray, face: QueueItem) -> np.ndarray:
    """A face that fills its picture was imported as a crop and is used as it is."""
    box = face.box
    if box.fills(face.image_width_px, face.image_height_px):
        return cut_square(image_rgb, box.square(), predictor.input_px)
    return predictor.cut(image_rgb, box)
