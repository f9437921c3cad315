"""One answered photo as HTML: the picture with its faces, what can be done with it, the cards.

``components/photo_view.js`` turns clicks and keys into events for Gradio.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from core.images import decode_image, encode_jpeg
from core.overlay import draw_faces
from ui.answers import AnsweredPhoto, shown_faces
from ui.demo_session import Style
from ui.exports import photo_csv, photo_json
from ui.face_cards import cards_html

_COMPONENTS = Path(__file__).parent / "components"
#: Longer side of the picture on the page, and of the overlay that can be downloaded.
_MAX_SHOWN_PX = 2000

EMPTY = (
    '<div class="mp-empty"><p>Drop a photo, paste one, take one with the camera, or click an '
    "example.</p><p>Every face gets a box, its head pose and whether a mask is "
    "worn.</p></div>"
)


def view_css() -> str:
    return _joined("demo.css", "photo_view.css", "face_cards.css")


def view_js() -> str:
    return _joined("photo_view.js", "box_drawing.js")


def _joined(*names: str) -> str:
    return "\n".join((_COMPONENTS / name).read_text(encoding="utf-8") for name in names)


def photo_html(
    photo: AnsweredPhoto,
    *,
    key: str = "",
    style: Style = "axes",
    min_score: float = 0.0,
    page: int = 0,
) -> str:
    """Everything about a photo, to be shown in one piece; every event from it names its ``key``."""
    image_rgb = decode_image(photo.data, photo.name)
    picture = encode_jpeg(drawn(photo, style=style, min_score=min_score))
    return (
        f'<section class="mp-photo" data-key="{escape(key)}" '
        f'aria-label="Answers for {escape(photo.name)}">'
        f'<p class="mp-summary" role="status">{escape(summary(photo))}</p>'
        f"{_picture(photo, picture)}{_tools(photo, picture)}"
        f"{cards_html(photo, image_rgb, min_score=min_score, page=page)}</section>"
    )


def photos_pager(keys: Sequence[str], shown: str) -> str:
    """Where a photo stands among those of the page, with the way to its neighbours."""
    if len(keys) < 2:
        return ""
    index = keys.index(shown)
    return (
        '<nav class="mp-pager mp-photos" aria-label="Your photos">'
        f"{_turn('Previous', keys[:index][-1:])}"
        f"<span>Photo {index + 1} of {len(keys)}</span>"
        f"{_turn('Next', keys[index + 1 :][:1])}</nav>"
    )


def _turn(word: str, keys: Sequence[str]) -> str:
    """A button to the neighbour, if there is one."""
    target = f'data-photo="{escape(keys[0])}"' if keys else "disabled"
    return f'<button type="button" data-act="photo" {target}>{word}</button>'


def drawn(photo: AnsweredPhoto, *, style: Style = "axes", min_score: float = 0.0) -> np.ndarray:
    """The photo (H, W, 3) with the student's answers drawn in, at most ``_MAX_SHOWN_PX`` long."""
    image_rgb = decode_image(photo.data, photo.name)
    answered = [face.student for _, face in shown_faces(photo, min_score) if face.answers]
    return _shrunk(draw_faces(image_rgb, answered, style))


def summary(photo: AnsweredPhoto) -> str:
    """What was found and how long it took, in one sentence."""
    count = len(photo.faces)
    if not count:
        return (
            f"No face found in {photo.name}. Try a larger or brighter picture, or draw a box "
            "around the face."
        )
    student_ms = sum(face.answers[0].latency_ms for face in photo.faces if face.answers)
    return (
        f"{count} {'face' if count == 1 else 'faces'} in {photo.name}, "
        f"{photo.detection_ms + student_ms:.0f} ms: found in {photo.detection_ms:.0f} ms, "
        f"judged by the student in {student_ms:.0f} ms."
    )


def _picture(photo: AnsweredPhoto, jpeg: bytes) -> str:
    return (
        f'<div class="mp-picture" data-width="{photo.width_px}" data-height="{photo.height_px}">'
        f'<img draggable="false" src="{_data_url(jpeg, "image/jpeg")}" '
        f'alt="{escape(photo.name)} with its faces marked"></div>'
    )


def _tools(photo: AnsweredPhoto, jpeg: bytes) -> str:
    """Draw a box, copy, download. Links carry their data: nothing lies on the server."""
    stem = escape(Path(photo.name).stem or "photo")
    answer = escape(json.dumps(photo_json(photo), indent=2), quote=True)
    csv_url = "data:text/csv;charset=utf-8," + quote(photo_csv(photo))
    return (
        '<div class="mp-tools">'
        '<button type="button" data-tool="box" aria-pressed="false">Draw a missed face</button>'
        f'<button type="button" data-tool="copy" data-text="{answer}">Copy as JSON</button>'
        f'<a download="{stem}-faces.csv" href="{csv_url}">Download CSV</a>'
        f'<a download="{stem}-faces.jpg" href="{_data_url(jpeg, "image/jpeg")}">'
        'Download picture</a></div><p class="mp-hint" role="status"></p>'
    )


def _shrunk(image_rgb: np.ndarray) -> np.ndarray:
    height_px, width_px = image_rgb.shape[:2]
    scale = _MAX_SHOWN_PX / max(height_px, width_px)
    if scale >= 1:
        return image_rgb
    size = round(width_px * scale), round(height_px * scale)
    return cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)


def _data_url(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
