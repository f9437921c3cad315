"""Which faces are worth a person's next minutes, by what was found in faces like them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlite_utils import Database

from db.filters import FaceFilter, where
from db.review_queue import Order, count


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueValue:
    """Faces that wait, and how often the student was wrong on labelled faces of the same kind."""

    title: str
    why: str
    order: Order
    faces: FaceFilter
    waiting: int
    alike: int
    wrong: int

    @property
    def errors_per_100(self) -> float | None:
        """None where people have not yet looked at such faces."""
        return 100 * self.wrong / self.alike if self.alike else None


_UNLABELLED: tuple[tuple[str, str, Order, FaceFilter], ...] = (
    (
        "Student and teachers disagree",
        "One of them is wrong: a label here teaches the student most.",
        "disagreement",
        FaceFilter(status="unlabelled", disagreement=(0.5, 1.0)),
    ),
    (
        "The student is unsure",
        "It gives its own answer less than 70 %.",
        "entropy",
        FaceFilter(status="unlabelled", confidence=(0.0, 0.7)),
    ),
    (
        "Any face without a label",
        "Shuffled: such labels bring the figures here nearer to those of all faces.",
        "random",
        FaceFilter(status="unlabelled"),
    ),
)
_DOUBTED: tuple[tuple[str, str, Order, FaceFilter], ...] = (
    (
        "Reviewers contradict the label",
        "Two people disagree: a third look decides.",
        "newest",
        FaceFilter(status="labelled", disputed=True),
    ),
    (
        "The label looks wrong",
        "The student gives it less than 5 %: a slip, or a hard face.",
        "label_error",
        FaceFilter(status="labelled", label_error=(0.95, 1.0), confirmed=False),
    ),
)


def queue_values(db: Database) -> list[QueueValue]:
    """What could be done next, the most valuable first; what has no faces is left out.

    First labels that somebody or something doubts, because all figures rest on them; then faces
    without a label, by how often the student was wrong on labelled faces of the same kind.
    """
    doubted = [
        QueueValue(
            title=title,
            why=why,
            order=order,
            faces=faces,
            waiting=count(db, faces),
            alike=0,
            wrong=0,
        )
        for title, why, order, faces in _DOUBTED
    ]
    waiting = [_unlabelled(db, *one) for one in _UNLABELLED]
    waiting.sort(key=lambda value: value.errors_per_100 or 0.0, reverse=True)
    return [value for value in (*doubted, *waiting) if value.waiting]


def _unlabelled(db: Database, title: str, why: str, order: Order, faces: FaceFilter) -> QueueValue:
    condition = where(replace(faces, status="labelled"))
    alike, wrong = db.execute(
        "SELECT count(s.mask_label <> s.predicted_label),"
        " coalesce(sum(s.mask_label <> s.predicted_label), 0)"
        f" FROM face_states s WHERE {condition.sql}",
        condition.values,
    ).fetchone()
    return QueueValue(
        title=title,
        why=why,
        order=order,
        faces=faces,
        waiting=count(db, faces),
        alike=alike,
        wrong=wrong,
    )
