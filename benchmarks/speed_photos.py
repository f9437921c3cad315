"""Photos for the benchmark: a public-domain portrait, once or tiled into a crowd."""

from __future__ import annotations

import math

import cv2
import numpy as np


def example_photo(faces: int, width_px: int, height_px: int) -> np.ndarray:
    """A picture, RGB uint8 (height, width, 3), with ``faces`` copies of a portrait side by side.

    Copies differ in mirror and brightness, as a crowd's faces do; one face is about a third of its
    tile wide.
    """
    from skimage import data

    portrait = np.asarray(data.astronaut())[:320, 64:384]  # head and shoulders
    columns = math.ceil(math.sqrt(faces * width_px / height_px))
    rows = math.ceil(faces / columns)
    side_px = min(width_px // columns, height_px // rows)
    tile = cv2.resize(portrait, (side_px, side_px), interpolation=cv2.INTER_AREA)
    photo = np.full((height_px, width_px, 3), 96, np.uint8)
    for index in range(faces):
        row, column = divmod(index, columns)
        copy = tile[:, ::-1] if index % 2 else tile
        brightness = 1 - 0.06 * (index % 5)
        top, left = row * side_px, column * side_px
        photo[top : top + side_px, left : left + side_px] = copy * brightness
    return photo
