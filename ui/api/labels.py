"""What people say about faces: gestures, undo and redo."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request

from core.faces import HeadPose
from db.labels import Change
from ui import actions, bulk_actions, review_desk
from ui.api.schemas import (
    Annotation,
    ChangeRequest,
    FlagsRequest,
    Gesture,
    Label,
    UndoneStep,
    UndoRequest,
)
from ui.studio import Studio


def add_routes(router: APIRouter, studio: Studio) -> None:
    @router.post("/annotations", tags=["annotations"])
    def annotate(request: Request, gesture: Gesture) -> list[Annotation]:
        """Label faces, or 409 with ``conflicts`` where somebody else was faster."""
        events = actions.apply_changes(
            studio,
            [change_of(one) for one in gesture.changes],
            annotator=studio.who(request.headers),
            op_id=gesture.client_op_id,
        )
        return [Annotation.model_validate(event) for event in events]

    @router.post("/flags", tags=["annotations"], status_code=204)
    def flags(request: Request, body: FlagsRequest) -> None:
        """Mark faces for a talk about them, or take everybody's marks off them."""
        bulk_actions.set_flags(
            studio, body.face_ids, body.flagged, annotator=studio.who(request.headers)
        )

    @router.post("/annotations/undo", tags=["annotations"])
    def undo(request: Request, body: UndoRequest) -> list[UndoneStep]:
        """Take back one's own last gesture, and say what that was."""
        who = studio.who(request.headers)
        return _steps(review_desk.take_back(studio, who, body.client_op_id, body.gesture))

    @router.post("/annotations/redo", tags=["annotations"])
    def redo(request: Request, body: UndoRequest) -> list[UndoneStep]:
        """Do again what was undone last."""
        who = studio.who(request.headers)
        return _steps(review_desk.do_again(studio, who, body.client_op_id, body.gesture))


def _steps(steps: Sequence[review_desk.Step]) -> list[UndoneStep]:
    return [
        UndoneStep(
            **Annotation.model_validate(step.event).model_dump(),
            before=Label.model_validate(step.before),
        )
        for step in steps
    ]


def change_of(asked: ChangeRequest) -> Change:
    """Only what was sent: a missing field keeps its value, null takes it away."""
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    if given.get("pose") is not None:
        given["pose"] = HeadPose(**given["pose"].model_dump())
    if "rejected" in given:
        given["rejected"] = bool(given["rejected"])
    return Change(**given)
