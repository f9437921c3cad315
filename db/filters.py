"""Which faces: a filter that a page, a link and a saved queue share, and its SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple

from core.faces import MaskLabel
from db.database import placeholders

Range = tuple[float, float]
Status = Literal["unlabelled", "labelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceFilter:
    """Conditions that all must hold; what is not given does not matter. Ranges include both ends.

    Predictions are those of the student that serves, or of ``model``, or of the models of ``run``.
    """

    status: Status | None = None  # labelled: a mask label, or "not a face"
    labels: tuple[MaskLabel, ...] = ()
    rejected: bool | None = None
    annotator: str | None = None
    annotated_from: str | None = None  # ISO 8601, a date is enough
    annotated_before: str | None = None
    source: str | None = None
    split: str | None = None
    flagged: bool | None = None
    disputed: bool | None = None  # a reviewer contradicts the label
    confirmed: bool | None = None  # the label was given once more, agreed with, or decided
    predicted: tuple[MaskLabel, ...] = ()
    confidence: Range | None = None
    yaw_deg: Range | None = None
    pitch_deg: Range | None = None
    roll_deg: Range | None = None
    model: str | None = None
    run: int | None = None
    also: str | None = None  # what another model says of the mask: ``its name:masked``
    wrong: bool | None = None  # the student contradicts the label
    disagreement: Range | None = None
    label_error: Range | None = None
    p_masked: Range | None = None  # the student's probability of a mask
    label_yaw_deg: Range | None = None  # the pose that people say
    label_pitch_deg: Range | None = None
    label_roll_deg: Range | None = None
    pose_error_deg: Range | None = None  # mean |student − people| of the three angles
    face_px: Range | None = None  # the longer side of the box
    sharpness: Range | None = None  # as core.face_measures measures them
    brightness: Range | None = None
    occluded: bool | None = None  # something covers the lower face, as a data set says
    name: str | None = None  # part of the picture's name
    face_ids: tuple[int, ...] = ()

    def to_json(self) -> str:
        """As a link or a saved queue holds it; only what is given."""
        given = {key: value for key, value in asdict(self).items() if value not in (None, ())}
        return json.dumps(given, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FaceFilter:
        """The filter of ``to_json``; ValueError names a condition that does not exist."""
        given = json.loads(text)
        unknown = set(given) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"no filter is called {min(unknown)!r}; there are: {_names(cls)}")
        given = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        for key in ("labels", "predicted"):
            if key in given:
                given[key] = tuple(MaskLabel(label) for label in given[key])
        return cls(**given)


class Condition(NamedTuple):
    """A piece of SQL over ``face_states s``, and its values."""

    sql: str
    values: tuple[Any, ...] = ()


def where(filter: FaceFilter, *, gather: bool = False) -> Condition:
    """All conditions joined; ``1`` where there are none.

    ``gather``: predictions of another model than the serving one are gathered first, which is
    faster where they are few; else they are looked up face by face.
    """
    states, other = where_states(filter), where_predicted(filter)
    if other is None:
        return states
    if gather:
        sql = f"s.face_id IN (SELECT p.face_id FROM predictions p WHERE {other.sql})"
    else:
        predictions = "predictions p INDEXED BY predictions_by_face"  # narrower than their rows
        sql = f"SELECT 1 FROM {predictions} WHERE {other.sql} AND p.face_id = s.face_id"
        sql = f"EXISTS ({sql})"
    return _all([states, Condition(sql, other.values)])


def where_states(filter: FaceFilter) -> Condition:
    """What is asked of ``face_states s``; ``1`` where nothing is."""
    found = [
        make(getattr(filter, name))
        for name, make in _CONDITIONS.items()
        if getattr(filter, name) not in (None, ())
    ]
    if where_predicted(filter) is None:
        found += _said(filter, "s", "predicted_label")
    return _all(found)


def where_predicted(filter: FaceFilter) -> Condition | None:
    """What is asked of ``predictions p`` of a model or run; None: of the serving student."""
    found = []
    if filter.model is not None:
        sql = "p.model_id = (SELECT id FROM models WHERE name = ?)"
        found.append(Condition(sql, (filter.model,)))
    if filter.run is not None:
        sql = "p.model_id IN (SELECT id FROM models WHERE run_id = ?)"
        found.append(Condition(sql, (filter.run,)))
    return _all(found + _said(filter, "p", "mask_label")) if found else None


def _said(filter: FaceFilter, row: str, label: str) -> list[Condition]:
    """The conditions on a prediction."""
    found = [_one_of(f"{row}.{label}", filter.predicted)] if filter.predicted else []
    for name in ("confidence", "yaw_deg", "pitch_deg", "roll_deg"):
        limits = getattr(filter, name)
        if limits:
            found.append(_between(f"{row}.{name}")(limits))
    return found


def _all(found: list[Condition]) -> Condition:
    return Condition(
        " AND ".join(condition.sql for condition in found) or "1",
        tuple(value for condition in found for value in condition.values),
    )


def _also(said: str) -> Condition:
    model, _, label = said.rpartition(":")
    sql = (
        "EXISTS (SELECT 1 FROM predictions o WHERE o.face_id = s.face_id AND o.mask_label = ?"
        " AND o.model_id = (SELECT id FROM models WHERE name = ?))"
    )
    return Condition(sql, (label, model))


def _one_of(column: str, values: tuple[Any, ...]) -> Condition:
    return Condition(f"{column} IN ({placeholders(len(values))})", tuple(map(_plain, values)))


def _between(column: str) -> Callable[[Range], Condition]:
    return lambda limits: Condition(f"{column} BETWEEN ? AND ?", tuple(limits))


def _measured(column: str) -> Callable[[Range], Condition]:
    sql = f"SELECT 1 FROM face_measures q WHERE q.face_id = s.face_id AND q.{column}"
    return lambda limits: Condition(f"EXISTS ({sql} BETWEEN ? AND ?)", tuple(limits))


def _exists(sql: str) -> Callable[[bool], Condition]:
    return lambda wanted: Condition(f"{'' if wanted else 'NOT '}EXISTS ({sql})")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, MaskLabel) else value


def _names(cls: type[FaceFilter]) -> str:
    return ", ".join(field.name for field in fields(cls))


#: Of ``face_states s``: 1 where the label was given again, by a gesture about nothing else, was
#: agreed with, or was decided.
CONFIRMED = (
    "coalesce(s.version > 1 AND EXISTS (SELECT 1 FROM events_compared c WHERE c.id = s.event_id"
    " AND c.kind IN ('label', 'redo') AND c.same_mask AND c.same_rest)"
    " OR (s.face_id, s.mask_label) IN (SELECT face_id, mask_label FROM present_reviews)"
    " OR s.event_id IN (SELECT event_id FROM adjudications), 0)"
)
_CONDITIONS: Mapping[str, Callable[[Any], Condition]] = {
    # The + keeps SQLite from hopping along an index where reading all rows is faster.
    "status": lambda status: Condition("+s.is_labelled = ?", (int(status == "labelled"),)),
    "labels": lambda labels: _one_of("s.mask_label", labels),
    "rejected": lambda wanted: Condition(
        f"(s.is_labelled AND s.mask_label IS NULL) = {int(wanted)}"
    ),
    "source": lambda name: Condition(
        "s.source_id = (SELECT id FROM sources WHERE name = ?)", (name,)
    ),
    "annotator": lambda name: Condition(
        "s.annotator_id = (SELECT id FROM annotators WHERE name = ?)", (name,)
    ),
    "annotated_from": lambda time: Condition("s.annotated_at >= ?", (time,)),
    "annotated_before": lambda time: Condition("s.annotated_at < ?", (time,)),
    "wrong": lambda wanted: Condition(f"s.mask_label {'<>' if wanted else '='} s.predicted_label"),
    "disagreement": _between("s.disagreement"),
    "label_error": _between("s.label_error"),
    "p_masked": lambda limits: Condition(
        "EXISTS (SELECT 1 FROM predictions said WHERE said.model_id = s.model_id"
        " AND said.face_id = s.face_id AND said.p_masked BETWEEN ? AND ?)",
        tuple(limits),
    ),
    "label_yaw_deg": _between("s.label_yaw_deg"),
    "label_pitch_deg": _between("s.label_pitch_deg"),
    "label_roll_deg": _between("s.label_roll_deg"),
    "pose_error_deg": _between("s.pose_error_deg"),
    "face_px": lambda limits: Condition(
        "EXISTS (SELECT 1 FROM faces f WHERE f.id = s.face_id"
        " AND max(f.width_px, f.height_px) BETWEEN ? AND ?)",
        tuple(limits),
    ),
    "sharpness": _measured("sharpness"),
    "brightness": _measured("brightness"),
    "occluded": lambda wanted: Condition(
        "EXISTS (SELECT 1 FROM faces f WHERE f.id = s.face_id AND f.lower_face_occluded = ?)",
        (int(wanted),),
    ),
    "also": _also,
    "face_ids": lambda ids: _one_of("s.face_id", ids),
    "flagged": _exists("SELECT 1 FROM flags WHERE flags.face_id = s.face_id"),
    "disputed": lambda wanted: Condition(
        f"s.face_id {'IN' if wanted else 'NOT IN'} (SELECT face_id FROM disputes)"
    ),
    "confirmed": lambda wanted: Condition(f"{'' if wanted else 'NOT '}{CONFIRMED}"),
    "split": lambda split: Condition("s.split = ?", (split,)),
    "name": lambda part: Condition(
        "EXISTS (SELECT 1 FROM faces f JOIN images i ON i.id = f.image_id"
        " WHERE f.id = s.face_id AND instr(lower(i.name), lower(?)))",
        (part,),
    ),
}
