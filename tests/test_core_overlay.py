"""core.overlay: drawings say what the prediction says, inside the picture, on a copy."""

from __future__ import annotations

import numpy as np
import pytest

from core.faces import (
    MASK_CLASSES,
    FaceBox,
    FacePrediction,
    HeadPose,
    MaskLabel,
    MaskPrediction,
)
from core.overlay import MASK_COLORS_RGB, NEUTRAL_COLOR_RGB, draw_faces, face_color


def prediction(
    box: FaceBox, label: MaskLabel | None = MaskLabel.MASKED, pose: HeadPose | None = None
) -> FacePrediction:
    probabilities = {mask: 0.9 if mask is label else 0.05 for mask in MASK_CLASSES}
    mask = None if label is None else MaskPrediction(probabilities)
    return FacePrediction(box=box, mask=mask, pose=pose, model_id="test")


def turned(yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0) -> HeadPose:
    return HeadPose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def has_color(image_rgb: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((image_rgb == color).all(axis=-1).any())


@pytest.mark.parametrize("style", ["axes", "cube"])
def test_a_new_picture_of_the_same_shape_is_returned(style: str) -> None:
    picture = grey(240, 320)
    drawn = draw_faces(picture, [prediction(FaceBox(100, 80, 60, 80), pose=turned(20))], style)
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    assert (picture == 128).all() and (drawn != 128).any()


def test_without_faces_nothing_is_drawn() -> None:
    np.testing.assert_array_equal(draw_faces(grey(50, 60), []), grey(50, 60))


@pytest.mark.parametrize("label", [*MASK_CLASSES, None])
def test_the_box_has_the_colour_of_its_mask_label(label: MaskLabel | None) -> None:
    face = prediction(FaceBox(100, 80, 60, 80), label)
    color = NEUTRAL_COLOR_RGB if label is None else MASK_COLORS_RGB[label]
    assert face_color(face) == color
    drawn = draw_faces(grey(240, 320), [face])
    assert has_color(drawn[78:83, 100:160], color)


def contrast(first: tuple[int, int, int], second: tuple[int, int, int]) -> float:
    """WCAG 2 contrast ratio of two sRGB colours."""

    def luminance(color: tuple[int, int, int]) -> float:
        c = np.array(color) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05

    ratio = luminance(first) / luminance(second)
    return max(ratio, 1 / ratio)


def test_labels_are_readable_and_classes_differ_without_colour() -> None:
    for color in (*MASK_COLORS_RGB.values(), NEUTRAL_COLOR_RGB):
        assert contrast(color, (0, 0, 0)) >= 4.5
    colors = list(MASK_COLORS_RGB.values())
    for index, color in enumerate(colors):
        for other in colors[index + 1 :]:
            assert contrast(color, other) >= 1.5, "told apart even as greys"


def label_area(drawn: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all pixels in a colour."""
    y, x = np.nonzero((drawn == color).all(axis=-1))
    return int(x.min()), int(y.min()), int(x.max()), int(y.max())


def test_mask_probability_and_angles_are_written() -> None:
    """The same face with another number has another label, and only the label changes."""
    box = FaceBox(200, 150, 120, 160)
    one = draw_faces(grey(480, 640), [prediction(box, pose=turned(yaw_deg=10.2))])
    same = draw_faces(grey(480, 640), [prediction(box, pose=turned(yaw_deg=10.2))])
    np.testing.assert_array_equal(one, same)
    for other in (turned(yaw_deg=-10.2), turned(pitch_deg=10.2), turned(roll_deg=10.2)):
        drawn = draw_faces(grey(480, 640), [prediction(box, pose=other)])
        assert (one[:, 330:] != drawn[:, 330:]).any()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (24, 40), (112, 112), (480, 640), (3000, 2000)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.7, 0.7), (-0.5, 0.2), (0.4, -0.6)])
@pytest.mark.parametrize("style", ["axes", "cube"])
def test_any_size_and_place_can_be_drawn(
    size: tuple[int, int], place: tuple[float, float], style: str
) -> None:
    height, width = size
    box = FaceBox(place[0] * width, place[1] * height, 0.5 * width, 0.6 * height)
    face = prediction(box, MaskLabel.INCORRECT, turned(-70, 30, 110))
    assert draw_faces(grey(height, width), [face], style).shape == (height, width, 3)


def test_the_label_is_whole_even_for_a_face_in_the_corner() -> None:
    color = MASK_COLORS_RGB[MaskLabel.MASKED]
    sizes = set()
    for left, top in ((200, 150), (520, -20), (-40, 330), (560, 400), (-30, -30)):
        # No pose: then colour is only in the frame, which is thin, and in the label.
        drawn = draw_faces(grey(480, 640), [prediction(FaceBox(left, top, 120, 160))])
        filled = (drawn == color).all(axis=-1)
        rows = np.nonzero(filled.sum(axis=1) > 30)[0]
        assert rows.size > 8
        sizes.add(int((drawn == 0).all(axis=-1).sum() > 40))  # black letters
    assert sizes == {1}


def test_the_label_leaves_the_face_free() -> None:
    box = FaceBox(250, 160, 120, 160)
    drawn = draw_faces(grey(480, 640), [prediction(box)])
    assert (drawn[170:310, 260:360] == 128).all()


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    faces = [
        prediction(FaceBox(100 + 130 * n, 200, 60, 80), MASK_CLASSES[n], turned(10 * n))
        for n in range(3)
    ]
    alone = [draw_faces(grey(480, 640), [face]) for face in faces]
    together = draw_faces(grey(480, 640), faces)
    for face, single in zip(faces, alone, strict=True):
        color = face_color(face)
        count = (single == color).all(axis=-1).sum()
        assert (together == color).all(axis=-1).sum() == pytest.approx(count, rel=0.02)


@pytest.mark.parametrize("style", ["axes", "cube"])
@pytest.mark.parametrize(
    ("pose", "right", "down"),
    [(turned(yaw_deg=60), -1, 0), (turned(yaw_deg=-60), 1, 0), (turned(pitch_deg=60), 0, -1)],
)
def test_the_nose_is_drawn_where_the_convention_says(
    style: str, pose: HeadPose, right: int, down: int
) -> None:
    """yaw > 0: to image left; pitch > 0: up. Blue is the nose axis and the front of the cube."""
    box = FaceBox(200, 150, 200, 200)
    drawn = draw_faces(grey(480, 640), [prediction(box, None, pose)], style)
    y, x = np.nonzero((drawn == (0, 114, 178)).all(axis=-1))
    assert x.size > 50
    offset_x, offset_y = x.mean() - 300, y.mean() - 250
    if right:
        assert np.sign(offset_x) == right and abs(offset_x) > 3 * abs(offset_y)
    else:
        assert np.sign(offset_y) == down and abs(offset_y) > 3 * abs(offset_x)


def test_lines_grow_with_the_picture() -> None:
    thickness = []
    for scale in (1, 4):
        face = prediction(FaceBox(100 * scale, 75 * scale, 120 * scale, 160 * scale))
        drawn = draw_faces(grey(300 * scale, 400 * scale), [face])
        row = (drawn[155 * scale, 50 * scale : 160 * scale] == face_color(face)).all(axis=-1)
        thickness.append(int(row.sum()))
    assert thickness[1] >= 3 * thickness[0] >= 3


def test_far_out_boxes_and_unknown_styles() -> None:
    face = prediction(FaceBox(-1e12, -1e12, 3e12, 3e12), pose=turned(5))
    assert draw_faces(grey(100, 100), [face]).shape == (100, 100, 3)
    with pytest.raises(ValueError, match="style"):
        draw_faces(grey(10, 10), [], "sphere")  # type: ignore[arg-type]
