"""What the routes of the review queue take and give."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ui.api.schemas import FromRow, Label, Opinion, QueuedFace

#: Faces that one page may hold at a time.
MAX_HELD = 200


class ModelOpinion(Opinion):
    role: Literal["student", "teacher"]


class ReviewFace(QueuedFace):
    """A face with all that people and models say about it; nothing of it in a blind queue."""

    said: Label | None = Field(description="the whole label, with pose and note")
    opinions: list[ModelOpinion]


class TakeRequest(BaseModel):
    """``queue``: a ``QueueQuery`` as JSON, such as {"order": "newest", "blind": true}.

    ``own_too``: faces too that the asker holds already, in a tab that may be gone.
    """

    model_config = ConfigDict(extra="forbid")

    queue: dict[str, Any]
    count: int = Field(20, ge=1, le=MAX_HELD)
    own_too: bool = False


class HeldFaces(BaseModel):
    face_ids: list[int] = Field(min_length=1, max_length=2 * MAX_HELD)


class Mark(BaseModel):
    """Skips and flags may arrive twice; the operation id is for the sender's own records."""

    client_op_id: str | None = None


class Progress(FromRow):
    """So many faces wait for the asker; ``done`` had been among them and are labelled now."""

    left: int
    done: int
