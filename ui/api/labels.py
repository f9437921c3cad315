"""What people say about faces: gestures, undo and redo."""

from __future__ import annotations

from fastapi import APIRouter, Request

from core.faces import HeadPose
from db.labels import Change
from ui import actions
from ui.api.schemas import Annotation, ChangeRequest, Gesture, UndoRequest
from ui.studio import Studio


def add_routes(router: APIRouter, studio: Studio) -> None:
    @router.post("/annotations", tags=["annotations"])
    def annotate(request: Request, gesture: Gesture) -> list[Annotation]:
        """Label faces, or 409 with ``conflicts`` where somebody else was faster."""
        events = actions.apply_changes(
            studio,
            [_change(one) for one in gesture.changes],
            annotator=studio.who(request.headers),
            op_id=gesture.client_op_id,
        )
        return [Annotation.model_validate(event) for event in events]

    @router.post("/annotations/undo", tags=["annotations"])
    def undo(request: Request, body: UndoRequest) -> list[Annotation]:
        """Take back one's own last gesture."""
        events = actions.undo_last(
            studio, annotator=studio.who(request.headers), op_id=body.client_op_id
        )
        return [Annotation.model_validate(event) for event in events]

    @router.post("/annotations/redo", tags=["annotations"])
    def redo(request: Request, body: UndoRequest) -> list[Annotation]:
        """Do again what was undone last."""
        events = actions.redo_last(
            studio, annotator=studio.who(request.headers), op_id=body.client_op_id
        )
        return [Annotation.model_validate(event) for event in events]


def _change(asked: ChangeRequest) -> Change:
    """Only what was sent: a missing field keeps its value, null takes it away."""
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    if given.get("pose") is not None:
        given["pose"] = HeadPose(**given["pose"].model_dump())
    if "rejected" in given:
        given["rejected"] = bool(given["rejected"])
    return Change(**given)
