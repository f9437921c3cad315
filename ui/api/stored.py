"""Kept photos and faces: lists in pages, files, crops, what models and people said."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response

from db.filters import FaceFilter
from db.images import read_bytes
from db.queue_items import QueueItem
from db.review_queue import Cursor, Order
from ui import stored_faces
from ui.api.filters import FilterText, read_filter
from ui.api.schemas import (
    Annotation,
    Face,
    FaceCount,
    Image,
    Label,
    Page,
    Pose,
    QueuedFace,
    StoredPrediction,
    sides,
)
from ui.stored_faces import CROP_FACTOR
from ui.studio import Studio

Limit = Annotated[int, Query(ge=1, le=500)]
_KINDS = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
}


def add_routes(router: APIRouter, studio: Studio) -> None:
    @router.get("/images", tags=["images"])
    def images(request: Request, before_id: int | None = None, limit: Limit = 100) -> Page[Image]:
        """Kept photos, the newest first."""
        rows = stored_faces.photos(studio, before_id, limit)
        more = {"before_id": rows[-1].id, "limit": limit} if len(rows) == limit else None
        return Page(
            items=[Image.model_validate(row) for row in rows], next=next_page(request, more)
        )

    @router.get("/images/{image_id}", tags=["images"])
    def image(image_id: int) -> Image:
        return Image.model_validate(stored_faces.stored_photo(studio, image_id).image)

    @router.get("/images/{image_id}/faces", tags=["images"])
    def faces_of(image_id: int) -> list[Face]:
        """The faces of a photo with their present labels."""
        photo = stored_faces.stored_photo(studio, image_id)
        return [
            Face(
                id=face.id,
                image_id=image_id,
                box=sides(face.box),
                score=face.box.score,
                detector=face.detector,
                version=said.version if said else 0,
                label=Label.model_validate(said.label) if said else None,
            )
            for face in photo.faces
            for said in [photo.labels.get(face.id)]
        ]

    @router.get("/images/{image_id}/file", tags=["images"], response_class=Response)
    def file(request: Request, image_id: int) -> Response:
        """The photo as it came."""
        image = stored_faces.stored_image(studio, image_id)
        kind = _KINDS.get(Path(image.path).suffix, "application/octet-stream")
        read = partial(read_bytes, studio.home, image)
        return _picture(request, image.sha256, read, media_type=kind)

    @router.get("/images/{image_id}/view", tags=["images"], response_class=Response)
    def view(
        request: Request, image_id: int, max_px: Annotated[int, Query(ge=64, le=4096)] = 2048
    ) -> Response:
        """The photo upright, as a JPEG whose longer side is at most ``max_px``."""
        image = stored_faces.stored_image(studio, image_id)
        draw = partial(stored_faces.photo_view, studio, image, max_px)
        return _picture(request, (image.sha256, max_px), draw)

    @router.get("/faces", tags=["faces"])
    @router.get("/queue", tags=["faces"])
    def faces(
        request: Request,
        order: Order = "newest",
        status: Literal["unlabelled", "labelled"] | None = None,
        filter: FilterText = "{}",
        after: Annotated[str | None, Query(description="from ``next``")] = None,
        limit: Limit = 100,
    ) -> Page[QueuedFace]:
        """Stored faces in an order of the review queue, with label and the student's opinion."""
        page = stored_faces.page_of_faces(
            studio, order, _filter(filter, status), cursor_of(after), limit
        )
        more = (
            dict(request.query_params) | {"after": f"{page.after.value!r},{page.after.face_id}"}
            if page.after
            else None
        )
        return Page(items=[queued(item) for item in page.items], next=next_page(request, more))

    @router.get("/faces/count", tags=["faces"])
    def count(
        status: Literal["unlabelled", "labelled"] | None = None, filter: FilterText = "{}"
    ) -> FaceCount:
        """How many faces there are to a filter."""
        return FaceCount(faces=stored_faces.count_faces(studio, _filter(filter, status)))

    @router.get("/faces/{face_id}/crop", tags=["faces"], response_class=Response)
    def crop(
        request: Request, face_id: int, side_px: Annotated[int, Query(ge=32, le=1024)] = 200
    ) -> Response:
        """A square JPEG of the face and some of what is around it."""
        face, image = stored_faces.located_face(studio, face_id)
        cut = partial(stored_faces.cut_face, studio, face, image, side_px)
        return _picture(request, (image.sha256, face.box, CROP_FACTOR, side_px), cut)

    @router.get("/faces/{face_id}/predictions", tags=["faces"])
    def predictions(face_id: int) -> list[StoredPrediction]:
        """What every model said about a face, newest model first."""
        return [
            StoredPrediction(
                model=one.model,
                mask=dict(one.mask.probabilities) if one.mask else None,
                pose=Pose.model_validate(one.pose) if one.pose else None,
                latency_ms=one.latency_ms,
                created_at=one.created_at,
            )
            for one in stored_faces.face_story(studio, face_id).predictions
        ]

    @router.get("/faces/{face_id}/history", tags=["faces"])
    def history(face_id: int) -> list[Annotation]:
        """Everything people said about a face, oldest first."""
        events = stored_faces.face_story(studio, face_id).events
        return [Annotation.model_validate(event) for event in events]


def queued(item: QueueItem) -> QueuedFace:
    return QueuedFace(
        face_id=item.face_id,
        version=item.version,
        image_id=item.image_id,
        image_name=item.image_name,
        image_width_px=item.image_width_px,
        image_height_px=item.image_height_px,
        source=item.source,
        box=sides(item.box),
        is_labelled=item.is_labelled,
        label=item.label,
        annotator=item.annotator,
        annotated_at=item.annotated_at,
        predicted=item.predicted,
        confidence=item.confidence,
        pose=Pose.model_validate(item.pose) if item.pose else None,
        entropy=item.entropy,
        disagreement=item.disagreement,
        label_error=item.label_error,
        label_error_reason=item.label_error_reason,
        is_flagged=item.is_flagged,
    )


def _picture(
    request: Request, seen: object, make: Callable[[], bytes], *, media_type: str = "image/jpeg"
) -> Response:
    """What ``make`` gives, or 304 where the browser has just that.

    Browsers keep pictures but ask each time: an id is another picture's in another home and after
    a restore, and nobody may label a face that is not the one on the screen.
    """
    tag = f'"{hashlib.sha256(repr(seen).encode()).hexdigest()}"'
    headers = {"cache-control": "private, no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(make(), media_type=media_type, headers=headers)


def _filter(text: str, status: Literal["unlabelled", "labelled"] | None) -> FaceFilter:
    given = read_filter(text)
    return given if status is None else replace(given, status=status)


def cursor_of(text: str | None) -> Cursor | None:
    if text is None:
        return None
    value, _, face_id = text.partition(",")
    try:  # whole numbers stay whole: a shuffled order has 63-bit keys, too fine for a float
        return Cursor(int(value) if value.isdecimal() else float(value), int(face_id))
    except ValueError:
        raise HTTPException(422, f"after: {text!r} does not come from 'next'") from None


def next_page(request: Request, parameters: dict[str, object] | None) -> str | None:
    return f"{request.url.path}?{urlencode(parameters)}" if parameters else None
