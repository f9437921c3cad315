"""What people said since a moment: the labels that a model trained before cannot know."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from core.faces import MaskLabel
from db.database import select

_SINCE = """
SELECT s.mask_label AS label,
       sum(before.mask_label IS NULL) AS new,
       sum(before.mask_label <> s.mask_label) AS corrected,
       sum(s.predicted_label IS NOT NULL) AS answered,
       sum(s.predicted_label <> s.mask_label) AS contradicting
FROM face_states s
LEFT JOIN annotation_events before ON before.id = (
    SELECT e.id FROM annotation_events e JOIN annotation_actions a ON a.id = e.action_id
    WHERE e.face_id = s.face_id AND a.created_at <= :since ORDER BY e.version DESC LIMIT 1)
WHERE s.is_labelled AND s.mask_label IS NOT NULL AND s.annotated_at > :since
GROUP BY s.mask_label
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChanges:
    """Of one class: faces first labelled so since then, those changed to it from another class;
    of both together those that the student was asked about, and those of which it says something
    else."""

    label: MaskLabel
    new: int
    corrected: int
    answered: int
    contradicting: int


def changes_since(db: Database, since: str) -> list[LabelChanges]:
    """One entry for each class; ``since`` is a time as the database writes it."""
    rows = {row["label"]: row for row in select(db, _SINCE, {"since": since})}
    return [
        LabelChanges(
            label=label,
            **{
                name: int((rows[label][name] or 0) if label in rows else 0)
                for name in ("new", "corrected", "answered", "contradicting")
            },
        )
        for label in MaskLabel
    ]
