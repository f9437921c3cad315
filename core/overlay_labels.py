"""Labels beside faces: where they hide least, written with words that are drawn only once.

In a crowd or a video the same words and numbers come again and again: each is rendered once for
each font size and kept, and a label is put together from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.faces import FaceBox

Color = tuple[int, int, int]

#: A label that covers more than this part of its face's area is shortened, if it can be.
_MAX_HIDDEN = 0.2
_MIN_FONT_PX, _MAX_FONT_PX = 9, 64


class Label(NamedTuple):
    """What to write in black on ``color`` beside ``box``: the first of ``texts`` that has room.

    A text is a tuple of lines.
    """

    box: FaceBox
    texts: Sequence[tuple[str, ...]]
    color: Color


def draw_labels(canvas: np.ndarray, labels: Sequence[Label]) -> None:
    """Write all labels into a picture, RGB uint8 (H, W, 3), in place; letters grow with it."""
    height, width = canvas.shape[:2]
    taken = np.zeros((2 * len(labels), 4))  # left, top, right, bottom of faces, then of labels
    for row, label in enumerate(labels):
        taken[row] = _edges(label.box)
    for row, label in enumerate(labels, start=len(labels)):
        longer_side = max(label.box.width_px, label.box.height_px)
        ideal_px = min(min(width, height) / 30, longer_side / 5)
        font_px = min(max(round(ideal_px), _MIN_FONT_PX), _MAX_FONT_PX)
        ink, place = None, None
        for text in label.texts:
            ink = _written(text, font_px)
            place, hidden_px2 = _best_place(label.box, ink.shape, (height, width), taken)
            if place is not None and hidden_px2 <= _MAX_HIDDEN * label.box.area_px2:
                break
        if ink is None or place is None:
            continue
        left, top = place
        right, bottom = left + ink.shape[1], top + ink.shape[0]
        taken[row] = left, top, right, bottom
        canvas[top:bottom, left:right] = np.take(_inks(label.color), ink, axis=0)  # 3 × indexing


def _written(text: tuple[str, ...], font_px: int) -> np.ndarray:
    """Lines of words with a margin around them, uint8 (H, W): 255 where a letter is."""
    pad = max(2, round(font_px / 4))
    words = [[_word(word, font_px) for word in line.split()] for line in text]
    space = _space_px(font_px)
    line_px = words[0][0].shape[0]
    widths = [sum(word.shape[1] for word in line) + space * (len(line) - 1) for line in words]
    ink = np.zeros((line_px * len(text) + 2 * pad, max(widths) + 2 * pad), np.uint8)
    for row, line in enumerate(words):
        top, left = pad + row * line_px, pad
        for word in line:
            ink[top : top + line_px, left : left + word.shape[1]] = word
            left += word.shape[1] + space
    return ink


@lru_cache(maxsize=1024)
def _word(word: str, font_px: int) -> np.ndarray:
    """A word as uint8 (line height, width), 255 where a letter is."""
    font = _font(font_px)
    size = math.ceil(font.getlength(word)), sum(font.getmetrics())
    image = Image.new("L", size)
    ImageDraw.Draw(image).text((0, 0), word, 255, font)
    return np.array(image)


@lru_cache(maxsize=64)
def _inks(color: Color) -> np.ndarray:
    """From ``color`` (no letter) to black (255), uint8 (256, 3)."""
    paper = np.arange(255, -1, -1)[:, np.newaxis]
    return np.round(paper * np.array(color) / 255).astype(np.uint8)


@lru_cache(maxsize=64)
def _font(font_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(font_px)
    assert isinstance(font, ImageFont.FreeTypeFont)  # with a size it is, or Pillow raises
    return font


@lru_cache(maxsize=64)
def _space_px(font_px: int) -> int:
    return round(_font(font_px).getlength(" "))


def _best_place(
    box: FaceBox, label_shape: tuple[int, ...], picture_shape: tuple[int, int], taken: np.ndarray
) -> tuple[tuple[int, int] | None, float]:
    """Left and top where a label hides least of ``taken`` (N, 4), and how much, in px².

    It lies beside, above, below or in the box; None if the picture is too small for it.
    """
    height, width = label_shape
    room_down, room_right = picture_shape[0] - height, picture_shape[1] - width
    if room_down < 0 or room_right < 0:
        return None, math.inf
    corners = np.array(
        [
            (box.right_px, box.top_px),
            (box.left_px - width, box.top_px),
            (box.left_px, box.top_px - height),
            (box.left_px, box.bottom_px),
            (box.left_px, box.top_px),
        ]
    )
    corners = np.minimum(np.maximum(corners.round(), 0), (room_right, room_down))  # (5, 2)
    low = np.maximum(corners[:, np.newaxis], taken[:, :2])  # (5, N, 2)
    high = np.minimum(corners[:, np.newaxis] + (width, height), taken[:, 2:])
    sides = np.maximum(high - low, 0)
    hidden_px2 = (sides[..., 0] * sides[..., 1]).sum(axis=-1)  # (5,)
    best = int(hidden_px2.argmin())
    return (int(corners[best, 0]), int(corners[best, 1])), float(hidden_px2[best])


def _edges(box: FaceBox) -> tuple[float, float, float, float]:
    return box.left_px, box.top_px, box.right_px, box.bottom_px
