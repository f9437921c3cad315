"""The review queue over REST: take faces, hold them, skip, flag, and see how far it is.

A page takes some faces ahead, labels them through ``/annotations`` and asks for more; what it
holds is nobody else's until it is labelled, given back, or five minutes have passed.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request

from db.review_queue import QueueQuery
from ui import review_desk
from ui.api.queue_schemas import (
    HeldFaces,
    Mark,
    ModelOpinion,
    Progress,
    ReviewFace,
    TakeRequest,
)
from ui.api.schemas import Label, Mask, Pose
from ui.api.stored import queued
from ui.studio import Studio


def add_routes(router: APIRouter, studio: Studio) -> None:
    def who(request: Request) -> str:
        return studio.who(request.headers)

    @router.post("/queue/take", tags=["queue"])
    def take(request: Request, body: TakeRequest) -> list[ReviewFace]:
        """The next faces for the asker; nobody else is given them for five minutes."""
        query = _query(body.queue)
        taken = review_desk.take_faces(
            studio, query, who(request), body.count, own_too=body.own_too
        )
        return [_face(one) for one in taken]

    @router.post("/queue/hold", tags=["queue"], status_code=204)
    def hold(request: Request, body: HeldFaces) -> None:
        """Five minutes more for faces that the asker holds."""
        review_desk.hold(studio, who(request), body.face_ids)

    @router.post("/queue/release", tags=["queue"], status_code=204)
    def release(request: Request, body: HeldFaces) -> None:
        """Others may have these faces now."""
        review_desk.give_back(studio, who(request), body.face_ids)

    @router.get("/queue/progress", tags=["queue"])
    def progress(
        request: Request, queue: Annotated[str, Query(description="a QueueQuery, JSON")]
    ) -> Progress:
        found = review_desk.progress(studio, _query(_parsed(queue)), who(request))
        return Progress.model_validate(found)

    @router.get("/queue/faces", tags=["queue"])
    def faces(face_id: Annotated[list[int], Query(max_length=100)]) -> list[ReviewFace]:
        """These faces with everything that people and models say about them."""
        return [_face(one) for one in review_desk.faces_by_id(studio, face_id)]

    @router.post("/faces/{face_id}/skip", tags=["queue"], status_code=204)
    def skip(request: Request, face_id: int, mark: Mark) -> None:
        """Leave a face to others."""
        review_desk.mark_skipped(studio, who(request), face_id, True)

    @router.post("/faces/{face_id}/unskip", tags=["queue"], status_code=204)
    def unskip(request: Request, face_id: int, mark: Mark) -> None:
        review_desk.mark_skipped(studio, who(request), face_id, False)

    @router.post("/faces/{face_id}/flag", tags=["queue"], status_code=204)
    def flag(request: Request, face_id: int, mark: Mark) -> None:
        """Mark a face for a talk about it."""
        review_desk.mark_flagged(studio, who(request), face_id, True)

    @router.post("/faces/{face_id}/unflag", tags=["queue"], status_code=204)
    def unflag(request: Request, face_id: int, mark: Mark) -> None:
        """Take everybody's marks off a face."""
        review_desk.mark_flagged(studio, who(request), face_id, False)


def _face(face: review_desk.ReviewFace) -> ReviewFace:
    item = face.item
    return ReviewFace(
        **queued(item).model_dump(),
        said=Label.model_validate(face.label) if face.label else None,
        opinions=[_opinion(one) for one in face.opinions],
    )


def _opinion(opinion: review_desk.ModelOpinion) -> ModelOpinion:
    said = opinion.said
    return ModelOpinion(
        model=said.model,
        role=opinion.role,
        mask=Mask(label=said.mask.label, probabilities=dict(said.mask.probabilities))
        if said.mask
        else None,
        pose=Pose.model_validate(said.pose) if said.pose else None,
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as error:
        raise HTTPException(422, f"queue: {error}") from None


def _query(given: dict[str, Any]) -> QueueQuery:
    try:
        return QueueQuery.from_json(json.dumps(given))
    except (ValueError, TypeError, AttributeError) as error:
        raise HTTPException(422, f"queue: {error}") from None
