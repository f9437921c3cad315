"""Faces as HTML cards: the crop, what each model says, and buttons to correct it.

The buttons carry ``data-act`` and ``data-face``; ``components/photo_view.js`` turns a click into
an event.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from core.crop import cut_square
from core.faces import MASK_CLASSES, FacePrediction, HeadPose, MaskPrediction
from core.images import encode_jpeg
from core.overlay import MASK_COLORS_RGB
from db.labels import describe
from ui.actions import NOT_A_FACE
from ui.answers import Answer, AnsweredFace, AnsweredPhoto, difference, shown_faces
from ui.pose_svg import head_svg
from ui.stored_faces import view_of

#: Faces on one page of cards.
PAGE_SIZE = 12
#: With more faces than these, what the teachers say is folded: the page stays short.
_UNFOLDED_FACES = 2
_CROP_PX = 160
#: In place of what a model was never taught.
_NO_ANSWER = '<span class="mp-quiet mp-none" title="This model does not answer that.">–</span>'


def cards_html(
    photo: AnsweredPhoto, image_rgb: np.ndarray, *, min_score: float = 0.0, page: int = 0
) -> str:
    """All cards of one page of faces; with more pages, the way to them."""
    faces = shown_faces(photo, min_score)
    part = faces[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    unfolded = len(faces) <= _UNFOLDED_FACES
    cards = "".join(_card(index, face, photo, image_rgb, unfolded) for index, face in part)
    return f'<div class="mp-cards">{cards}</div>{_pager(page, len(faces))}'


def _card(
    index: int, face: AnsweredFace, photo: AnsweredPhoto, image_rgb: np.ndarray, unfolded: bool
) -> str:
    crop = cut_square(image_rgb, view_of(face.box, image_rgb), _CROP_PX)
    picture = base64.b64encode(encode_jpeg(crop)).decode("ascii")
    student = "".join(_answer_row(answer, face) for answer in face.answers[:1])
    return (
        f'<article class="mp-card" data-face="{index}" aria-label="Face {index + 1}">'
        f"<header><h3>Face {index + 1}</h3>{_verdict_line(face)}</header>"
        f'<img src="data:image/jpeg;base64,{picture}" alt="Face {index + 1}" '
        f'width="{_CROP_PX}" height="{_CROP_PX}">'
        f'<div class="mp-scroll">{_table(student)}{_teachers(face, photo.waiting, unfolded)}</div>'
        f"{_correction(index, face)}</article>"
    )


def _table(rows: str) -> str:
    columns = ("model", "mask", "head", "agreement", "ms")
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    widths = f"<colgroup>{'<col>' * len(columns)}</colgroup>"
    return f"<table>{widths}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _teachers(face: AnsweredFace, waiting: Sequence[str], unfolded: bool) -> str:
    """What the teachers say: in a word, and in a table below it."""
    if not face.teachers and not waiting:
        return ""
    rows = "".join(_answer_row(answer, face) for answer in face.teachers)
    rows += "".join(
        f'<tr><th scope="row">{escape(name)}</th><td colspan="4">answering …</td></tr>'
        for name in waiting
    )
    return (
        f'<details class="mp-teachers"{" open" if unfolded else ""}>'
        f"<summary>{_teachers_in_a_word(face, len(waiting))}</summary>{_table(rows)}</details>"
    )


def _teachers_in_a_word(face: AnsweredFace, waiting: int) -> str:
    said = [difference(face.student, answer.said).is_notable for answer in face.teachers]
    parts = []
    if sum(said):
        parts.append(f'<span class="mp-differs">{_teachers_who(sum(said), "differ")}</span>')
    if len(said) - sum(said):
        parts.append(_teachers_who(len(said) - sum(said), "agree"))
    if waiting:
        parts.append(f"{waiting} answering …")
    return ", ".join(parts)


def _teachers_who(count: int, verb: str) -> str:
    return f"1 teacher {verb}s" if count == 1 else f"{count} teachers {verb}"


def _answer_row(answer: Answer, face: AnsweredFace) -> str:
    role = "student" if answer.role == "student" else "teacher"
    return (
        f'<tr><th scope="row"><b>{role}</b><small>{escape(answer.said.model_id)}</small></th>'
        f"<td>{_mask_bars(answer.said.mask)}</td><td>{_head(answer.said.pose)}</td>"
        f"<td>{_agreement(answer, face.student)}</td><td>{answer.latency_ms:.0f}</td></tr>"
    )


def _mask_bars(mask: MaskPrediction | None) -> str:
    """A bar for each class, with its word and number: colour alone says nothing."""
    if mask is None:
        return _NO_ANSWER
    return "".join(
        f'<div class="mp-bar{" mp-best" if label is mask.label else ""}"><span>{label.value}</span>'
        f'<i><i style="width:{probability:.1%};background:rgb{MASK_COLORS_RGB[label]}"></i></i>'
        f"<span>{probability:.0%}</span></div>"
        for label in MASK_CLASSES
        for probability in [mask.probabilities.get(label, 0.0)]
    )


def _head(pose: HeadPose | None) -> str:
    if pose is None:
        return _NO_ANSWER
    return (
        f'<div class="mp-pose">{head_svg(pose)}<span>yaw {round(pose.yaw_deg):+d}°<br>'
        f"pitch {round(pose.pitch_deg):+d}°<br>roll {round(pose.roll_deg):+d}°</span></div>"
    )


def _agreement(answer: Answer, student: FacePrediction) -> str:
    """Where and how strongly a teacher contradicts the student."""
    if answer.role == "student":
        return ""
    apart = difference(student, answer.said)
    parts = []
    if apart.mask is not None:
        parts.append(f"mask {apart.mask:.0%} apart")
    if apart.pose_deg is not None:
        parts.append(f"head {apart.pose_deg:.0f}° apart")
    sign = "differs" if apart.is_notable else "agrees"
    return f'<span class="mp-{sign}">{sign}</span><small>{"<br>".join(parts)}</small>'


def _verdict_line(face: AnsweredFace) -> str:
    """The label a person gave, or what the student thinks."""
    if face.stored and face.stored.version and describe(face.stored.label) != "no label":
        return f'<p class="mp-label">Label: <b>{escape(describe(face.stored.label))}</b></p>'
    said = face.student.mask if face.answers else None
    by_hand = " · box drawn by you" if face.box.score is None else ""
    if said is None:
        return f'<p class="mp-quiet">no opinion on the mask{by_hand}</p>'
    return f'<p>{said.label.value} <span class="mp-quiet">{said.confidence:.0%}{by_hand}</span></p>'


def _correction(index: int, face: AnsweredFace) -> str:
    """Buttons for what the face really is; pressed where that is its label."""
    if face.stored is None:
        return ""
    label = face.stored.label
    buttons = []
    for number, verdict in enumerate((*MASK_CLASSES, NOT_A_FACE), start=1):
        pressed = label.rejected if verdict == NOT_A_FACE else label.mask == verdict
        buttons.append(
            f'<button type="button" data-act="label" data-face="{index}" '
            f'data-verdict="{verdict}" aria-pressed="{str(bool(pressed)).lower()}">'
            f"{verdict} <kbd>{number}</kbd></button>"
        )
    return f'<footer><span class="mp-quiet">Really it is</span>{"".join(buttons)}</footer>'


def _pager(page: int, faces: int) -> str:
    pages = -(-faces // PAGE_SIZE)
    if pages <= 1:
        return ""
    last = min(faces, (page + 1) * PAGE_SIZE)
    back, on = (("" if enabled else " disabled") for enabled in (page > 0, page < pages - 1))
    return (
        f'<nav class="mp-pager" aria-label="Pages of faces">'
        f'<button type="button" data-act="page" data-page="{page - 1}"{back}>Previous</button>'
        f"<span>Faces {page * PAGE_SIZE + 1}–{last} of {faces}</span>"
        f'<button type="button" data-act="page" data-page="{page + 1}"{on}>Next</button></nav>'
    )
