"""Answer photos, and say how the server is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile

from ui import actions
from ui.answers import AnsweredPhoto
from ui.api.limits import WorkQueue
from ui.api.schemas import Health, LoadedModel, PhotoAnswer
from ui.exports import photo_json
from ui.studio import Studio

_WAIT_FOR_MODELS_S = 30.0


def add_routes(router: APIRouter, studio: Studio) -> None:
    queue = WorkQueue()

    @router.get("/health", tags=["server"])
    def health() -> Health:
        """Whether the models are loaded and how many photos wait."""
        shelf = studio.models
        return Health(
            status="starting"
            if not shelf.is_settled
            else "ready"
            if shelf.is_ready
            else "degraded",
            message=shelf.status(),
            models=[
                LoadedModel(name=m.name, role=m.role, state=m.state, error=m.error)
                for m in shelf.models
            ],
            waiting=queue.waiting,
        )

    @router.post("/predict", tags=["predict"])
    async def predict(
        file: Annotated[UploadFile, File(description="a JPEG, PNG, WebP, BMP, TIFF or GIF")],
        teachers: Annotated[bool, Query(description="ask the teachers too")] = False,
        keep: Annotated[bool, Query(description="store the photo, to correct it later")] = False,
    ) -> PhotoAnswer:
        """Every face of a photo: box, mask and head pose. Nothing is stored unless ``keep``."""
        data, name = await file.read(), file.filename or "photo"

        def answer() -> AnsweredPhoto:
            *_, photo = actions.answer_photo(
                studio, data, name, with_teachers=teachers, wait_s=_WAIT_FOR_MODELS_S
            )
            return actions.keep_photo(studio, photo) if keep else photo

        photo = await queue.run(answer)
        return PhotoAnswer(**photo_json(photo), image_id=photo.image_id)
