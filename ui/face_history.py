"""What became of one face: everything people said and did, oldest first, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from db.annotations import history, restore
from db.database import connect, snapshot
from db.events import Annotation, Op
from db.faces import Face, get_face
from db.images import Image, get_image
from db.labels import Label, describe
from db.models import aliases
from db.predictions import Prediction, predictions_of_face
from db.queue_items import QueueItem, items_of
from db.reviews import Review, reviews_of_face
from ui.actions import new_op_id
from ui.studio import Studio

_DID: Mapping[Op, str] = {
    "label": "labelled",
    "undo": "took back",
    "redo": "did again",
    "restore": "restored an earlier label",
    "import": "brought the label with an import",
    "adjudication": "settled a disagreement",
}
_VERDICTS = {"agree": "agreed", "disagree": "disagreed", "unsure": "was not sure"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the history. ``version``: of the label it made, None for an opinion.

    ``label`` is what was said, ``before`` what counted until then (an opinion changes nothing).
    """

    at: str
    who: str
    did: str
    label: Label
    before: Label
    version: int | None

    @property
    def words(self) -> str:
        said = describe(self.label)
        if self.version is None or self.before == Label() or describe(self.before) == said:
            return said
        return f"{describe(self.before)} → {said}"


@dataclass(frozen=True, kw_only=True)
class FaceHistory:
    """A face with all that is known of it. ``roles``: which models serve now, by name."""

    face: Face
    image: Image
    item: QueueItem
    steps: tuple[Step, ...]
    said: tuple[Prediction, ...]
    roles: Mapping[str, str]

    @property
    def version(self) -> int:
        return self.item.version

    @property
    def label(self) -> Label:
        """What counts now."""
        made = [step for step in self.steps if step.version is not None]
        return made[-1].label if made else Label()


def face_history(studio: Studio, face_id: int) -> FaceHistory:
    """Raises NotFound."""
    with connect(studio.home, read_only=True) as db, snapshot(db):
        face = get_face(db, face_id)
        (item,) = items_of(db, [face_id])
        return FaceHistory(
            face=face,
            image=get_image(db, face.image_id),
            item=item,
            steps=tuple(_steps(history(db, face_id), reviews_of_face(db, face_id))),
            said=tuple(predictions_of_face(db, face_id)),
            roles={model.name: alias for alias, model in aliases(db).items()},
        )


def bring_back(studio: Studio, face_id: int, version: int, seen: int, who: str) -> Annotation:
    """Make an earlier label count again, as a new event. 0: no label. Raises StaleVersion where
    the face is no longer at the version ``seen``."""
    with connect(studio.home) as db:
        return restore(
            db, face_id, version, base_version=seen, annotator=who, client_op_id=new_op_id()
        )


def _steps(events: Sequence[Annotation], reviews: Sequence[Review]) -> Iterator[Step]:
    """Labels and opinions by time; an opinion after the label that it is about."""
    labels = {event.event_id: event.label for event in events}
    befores = [None, *events[:-1]]
    found = [_step_of_event(*pair) for pair in zip(events, befores, strict=True)] if events else []
    found += [_step_of_review(review, labels[review.event_id]) for review in reviews]
    return iter(sorted(found, key=lambda step: (step.at, step.version is None)))


def _step_of_event(event: Annotation, before: Annotation | None) -> Step:
    return Step(
        at=event.created_at,
        who=event.annotator,
        did=_DID[event.op],
        label=event.label,
        before=before.label if before else Label(),
        version=event.version,
    )


def _step_of_review(review: Review, about: Label) -> Step:
    seen = "without seeing the label" if review.blind else "having seen the label"
    return Step(
        at=review.created_at,
        who=review.reviewer,
        did=f"{_VERDICTS[review.verdict]} with “{describe(about)}”, {seen}",
        label=review.opinion,
        before=about,
        version=None,
    )
