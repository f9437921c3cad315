"""Second opinions over REST: the queue that hides the labels, and what people say of them.

    GET  /api/v1/opinions/queue?queue={"order": "random", "second_opinion": true, "opinions": 2}
    POST /api/v1/opinions    the body of /annotations, and "blind"; the labels stay as they are
    GET  /api/v1/faces/7/opinions

``queue`` is a ``db.review_queue.QueueQuery`` as JSON: with ``second_opinion`` the faces that the
asker has neither labelled nor judged yet, until ``opinions`` people have spoken about each (the one
who labelled it included). A lease comes from ``/queue/take``, as for labelling; an opinion on a
label that changed meanwhile is a 409 with ``conflicts``, as for labels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request

from db.review_queue import QueueQuery
from ui import opinions
from ui.api.labels import change_of
from ui.api.schemas import OpinionGesture, Page, PersonOpinion, QueuedFace
from ui.api.stored import Limit, cursor_of, next_page, queued
from ui.studio import Studio


def add_routes(router: APIRouter, studio: Studio) -> None:
    @router.get("/opinions/queue", tags=["opinions"])
    def asked(
        request: Request,
        queue: Annotated[str, Query(description="a QueueQuery, JSON")] = "{}",
        after: Annotated[str | None, Query(description="from ``next``")] = None,
        limit: Limit = 100,
    ) -> Page[QueuedFace]:
        """Faces that one is asked to judge, without the labels that others gave."""
        page = opinions.asked_of(
            studio, _query(queue), studio.who(request.headers), cursor_of(after), limit
        )
        more = {"queue": queue, "limit": limit}
        if page.after:
            more["after"] = f"{page.after.value!r},{page.after.face_id}"
        return Page(
            items=[queued(item) for item in page.items],
            next=next_page(request, more if page.after else None),
        )

    @router.post("/opinions", tags=["opinions"])
    def give(request: Request, gesture: OpinionGesture) -> list[PersonOpinion]:
        """Keep opinions beside the labels, or 409 with ``conflicts`` where a label has changed."""
        kept = opinions.give_opinions(
            studio,
            [change_of(one) for one in gesture.changes],
            reviewer=studio.who(request.headers),
            op_id=gesture.client_op_id,
            blind=gesture.blind,
        )
        return [PersonOpinion.model_validate(one) for one in kept]

    @router.get("/faces/{face_id}/opinions", tags=["faces"])
    def of_face(face_id: int) -> list[PersonOpinion]:
        """What others said about the labels of a face, oldest first."""
        return [PersonOpinion.model_validate(x) for x in opinions.opinions_on(studio, face_id)]


def _query(text: str) -> QueueQuery:
    try:
        given = QueueQuery.from_json(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise HTTPException(422, f"queue: {error}") from None
    return replace(given, second_opinion=True)
