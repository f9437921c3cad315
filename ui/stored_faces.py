"""Reading what the studio has kept: pages of faces, their pictures, photos and history."""

from __future__ import annotations

from dataclasses import dataclass

from core.crop import cut_square
from core.faces import FaceBox
from core.images import decode_image, encode_jpeg
from db.annotations import current_annotations, history
from db.database import connect, snapshot
from db.events import Annotation
from db.faces import Face, faces_of_image, get_face
from db.filters import FaceFilter
from db.images import Image, get_image, list_images, read_bytes
from db.predictions import Prediction, predictions_of_face
from db.review_queue import Cursor, Order, Page, QueueQuery, count, peek
from ui.studio import Studio

#: Shown around a face: more than the models see, so that a person can judge.
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


def page_of_faces(
    studio: Studio, order: Order, filter: FaceFilter, after: Cursor | None = None, size: int = 24
) -> Page:
    """Some stored faces in an order, and where the next page begins."""
    with connect(studio.home, read_only=True) as db:
        return peek(db, QueueQuery(order=order, filter=filter), count=size, after=after)


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
    with connect(studio.home, read_only=True) as db:
        image = get_image(db, image_id)
    return image, read_bytes(studio.home, image)


def face_crop(studio: Studio, image_id: int, box: FaceBox, side_px: int = CROP_PX) -> bytes:
    """A square JPEG of a face with some of what is around it."""
    image, data = photo_file(studio, image_id)
    image_rgb = decode_image(data, image.name)
    return encode_jpeg(cut_square(image_rgb, box.square(CROP_FACTOR), side_px))
