"""Reading what the studio has kept: pages of faces, their pictures, photos and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.crop import cut_square, square_inside
from core.faces import FaceBox
from core.images import decode_image, encode_jpeg
from db import export_rows
from db.annotations import current_annotations, history
from db.database import connect, snapshot
from db.events import Annotation
from db.faces import Face, faces_of_image, get_face
from db.filters import FaceFilter
from db.images import Image, get_image, list_images, list_sources, read_bytes
from db.predictions import Prediction, predictions_of_face
from db.queue_items import QueueItem, items_of
from db.review_queue import Cursor, Order, Page, QueueQuery, count, peek
from ui.studio import Studio

#: Shown of a face: more than the models see, where there is more, so that a person can judge.
CROP_FACTOR = 1.5
CROP_PX = 200


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How much the studio has kept."""

    faces: int
    labelled: int


def totals(studio: Studio) -> Totals:
    with connect(studio.home, read_only=True) as db:
        everything = count(db, FaceFilter())
        return Totals(faces=everything, labelled=count(db, FaceFilter(status="labelled")))


def count_faces(studio: Studio, filter: FaceFilter) -> int:
    with connect(studio.home, read_only=True) as db:
        return count(db, filter)


def count_exported(studio: Studio, filter: FaceFilter | None) -> int:
    """How many faces an export has: of a filter, or all of which somebody said something."""
    with connect(studio.home, read_only=True) as db:
        return export_rows.count_exported(db, filter)


def page_of_faces(
    studio: Studio, order: Order, filter: FaceFilter, after: Cursor | None = None, size: int = 24
) -> Page:
    """Some stored faces in an order, and where the next page begins."""
    with connect(studio.home, read_only=True) as db:
        return peek(db, QueueQuery(order=order, filter=filter), count=size, after=after)


def faces_by_id(studio: Studio, face_ids: Sequence[int]) -> list[QueueItem]:
    """These faces, in this order; unknown ones are left out."""
    with connect(studio.home, read_only=True) as db:
        return items_of(db, face_ids)


def sources(studio: Studio) -> list[str]:
    """Where pictures came from, in the order they came."""
    with connect(studio.home, read_only=True) as db:
        return list_sources(db)


def photos(studio: Studio, before_id: int | None = None, limit: int = 100) -> list[Image]:
    """The newest photos first."""
    with connect(studio.home, read_only=True) as db:
        return list_images(db, before_id=before_id, limit=limit)


@dataclass(frozen=True, kw_only=True)
class StoredPhoto:
    """A kept photo with its faces and what people said about them, by face id."""

    image: Image
    faces: tuple[Face, ...]
    labels: dict[int, Annotation]


def stored_photo(studio: Studio, image_id: int) -> StoredPhoto:
    """Raises NotFound."""
    with connect(studio.home, read_only=True) as db, snapshot(db):
        image = get_image(db, image_id)
        faces = tuple(faces_of_image(db, image_id))
        labels = current_annotations(db, [face.id for face in faces])
    return StoredPhoto(image=image, faces=faces, labels=labels)


@dataclass(frozen=True, kw_only=True)
class FaceStory:
    """Everything that models and people said about one face."""

    face: Face
    predictions: list[Prediction]
    events: list[Annotation]


def face_story(studio: Studio, face_id: int) -> FaceStory:
    """Raises NotFound."""
    with connect(studio.home, read_only=True) as db, snapshot(db):
        return FaceStory(
            face=get_face(db, face_id),
            predictions=predictions_of_face(db, face_id),
            events=history(db, face_id),
        )


def photo_file(studio: Studio, image_id: int) -> tuple[Image, bytes]:
    """A kept photo as it came."""
    image = stored_image(studio, image_id)
    return image, read_bytes(studio.home, image)


def located_face(studio: Studio, face_id: int) -> tuple[Face, Image]:
    """A face and the photo it is in. Raises NotFound."""
    with connect(studio.home, read_only=True) as db, snapshot(db):
        face = get_face(db, face_id)
        return face, get_image(db, face.image_id)


def crop_of_face(studio: Studio, face_id: int, side_px: int = CROP_PX) -> bytes:
    """``cut_face`` of a stored face. Raises NotFound."""
    return cut_face(studio, *located_face(studio, face_id), side_px)


def cut_face(studio: Studio, face: Face, image: Image, side_px: int) -> bytes:
    """A square JPEG whose centre and two thirds of whose side are the box's, be it black around:
    the review page draws head poses there.
    """
    image_rgb = decode_image(read_bytes(studio.home, image), image.name)
    return encode_jpeg(cut_square(image_rgb, face.box.square(CROP_FACTOR), side_px))


def stored_image(studio: Studio, image_id: int) -> Image:
    """What is known of a kept photo. Raises NotFound."""
    with connect(studio.home, read_only=True) as db:
        return get_image(db, image_id)


def photo_view(studio: Studio, image: Image, max_px: int) -> bytes:
    """A kept photo for the screen: upright, a JPEG, its longer side at most ``max_px``."""
    image_rgb = decode_image(read_bytes(studio.home, image), image.name)
    height_px, width_px = image_rgb.shape[:2]
    scale = max_px / max(height_px, width_px)
    if scale < 1:
        size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
        image_rgb = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)
    return encode_jpeg(image_rgb)


def face_crop(studio: Studio, image_id: int, box: FaceBox, side_px: int = CROP_PX) -> bytes:
    """A square JPEG of a face with some of what is around it."""
    image, data = photo_file(studio, image_id)
    image_rgb = decode_image(data, image.name)
    return encode_jpeg(cut_square(image_rgb, view_of(box, image_rgb), side_px))


def view_of(box: FaceBox, image_rgb: np.ndarray) -> FaceBox:
    """The square that is shown of a face."""
    height_px, width_px = image_rgb.shape[:2]
    return square_inside(box, CROP_FACTOR, width_px, height_px)
