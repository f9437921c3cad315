"""core.crop: the geometry every network depends on, to the half pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.crop import REFERENCE_FACTOR, cut_square, square_inside
from core.faces import FaceBox


def smooth_picture(height: int, width: int) -> np.ndarray:
    """Shading in which value tells place: red grows with x, green with y."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rgb = np.stack([x / width * 255, y / height * 255, np.full_like(x, 90)], axis=-1)
    return np.round(rgb).astype(np.uint8)


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_the_reference_factor_is_the_one_of_the_protocol() -> None:
    assert REFERENCE_FACTOR == 1.43


@pytest.mark.parametrize("size_px", [1, 2, 31, 112, 224])
def test_the_whole_square_at_its_own_size_is_the_identity(size_px: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3), np.uint8)
    crop = cut_square(picture, FaceBox(0, 0, size_px, size_px), size_px)
    np.testing.assert_array_equal(crop, picture)


def test_a_square_on_whole_pixels_is_a_slice() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    crop = cut_square(picture, FaceBox(17, 5, 64, 64), 64)
    np.testing.assert_array_equal(crop, picture[5:69, 17:81])


@pytest.mark.parametrize("shrink", [2, 3, 4])
def test_shrinking_by_a_whole_number_is_the_mean_of_the_pixels(shrink: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32 * shrink, 32 * shrink, 3), np.uint8)
    crop = cut_square(picture, FaceBox(0, 0, 32 * shrink, 32 * shrink), 32)
    means = picture.reshape(32, shrink, 32, shrink, 3).mean(axis=(1, 3))
    assert np.abs(crop - means).max() <= 1


@pytest.mark.parametrize("side", [200, 400, 1000, 3000])
def test_fine_stripes_become_grey_instead_of_aliasing(side: int) -> None:
    stripes = np.zeros((side, side, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = cut_square(stripes, FaceBox(0, 0, side, side), 50)[5:-5, 5:-5]
    assert crop.std() < 40 and abs(crop.mean() - 127.5) < 5


def test_enlarging_equals_opencv_resize_inside() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    crop = cut_square(picture, FaceBox(0, 0, 20, 20), 80)
    resized = cv2.resize(picture, (80, 80), interpolation=cv2.INTER_LINEAR)
    assert difference(crop[2:-2, 2:-2], resized[2:-2, 2:-2]) <= 4  # warpAffine counts 1/32 px


@pytest.mark.parametrize("side", [30.0, 64.0, 101.5, 300.0, 900.0])
def test_outside_the_picture_is_black_with_the_same_margin_on_all_sides(side: float) -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    crop = cut_square(white, FaceBox(32 - side / 2, 32 - side / 2, side, side), 112)
    assert difference(crop, crop[:, ::-1]) <= 2
    assert difference(crop, crop[::-1]) <= 2
    assert difference(crop, crop.swapaxes(0, 1)) <= 2
    if side > 70:
        assert (crop[0] == 0).all() and (crop[56, 56] == 255).all()
        covered = crop[..., 0].sum() / 255 / 112**2
        assert covered == pytest.approx((64 / side) ** 2, rel=0.05)


@pytest.mark.parametrize("place", [(-500, 0), (500, 0), (0, -500), (0, 500), (9e8, 9e8)])
def test_a_square_beside_the_picture_is_all_black(place: tuple[float, float]) -> None:
    crop = cut_square(np.full((64, 64, 3), 255, np.uint8), FaceBox(*place, 100, 100), 32)
    assert crop.shape == (32, 32, 3) and not crop.any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (40_000, 9), (9, 40_000)])
@pytest.mark.parametrize("side", [0.01, 7.0, 40_000.0, 1e9])
def test_extreme_pictures_and_squares_are_affordable(height: int, width: int, side: float) -> None:
    picture = np.full((height, width, 3), 200, np.uint8)
    square = FaceBox((width - side) / 2, (height - side) / 2, side, side)
    assert cut_square(picture, square, 112).shape == (112, 112, 3)


@settings(max_examples=60, deadline=None)
@given(
    left=st.floats(-40, 100),
    top=st.floats(-40, 80),
    side=st.floats(8, 400),
    size_px=st.integers(16, 96),
)
def test_mirrored_picture_and_square_give_the_mirrored_crop(
    left: float, top: float, side: float, size_px: int
) -> None:
    picture = smooth_picture(100, 140)
    crop = cut_square(picture, FaceBox(left, top, side, side), size_px)
    mirrored = cut_square(
        np.ascontiguousarray(picture[:, ::-1]), FaceBox(140 - left - side, top, side, side), size_px
    )
    # Sharp black edges may move by the 1/32 px of warpAffine's fixed-point arithmetic.
    assert np.abs(mirrored[:, ::-1].astype(int) - crop).mean() < 1.5


@settings(max_examples=60, deadline=None)
@given(
    left=st.floats(0, 40),
    top=st.floats(0, 40),
    side=st.floats(20, 400),
    size_px=st.integers(8, 96),
)
def test_each_crop_pixel_shows_the_place_it_stands_for(
    left: float, top: float, side: float, size_px: int
) -> None:
    width, height = 480, 450
    crop = cut_square(smooth_picture(height, width), FaceBox(left, top, side, side), size_px)
    centers = (np.arange(size_px) + 0.5) * side / size_px
    inside = (left + centers > 1) & (left + centers < width - 1)
    seen_x = crop[size_px // 2, inside, 0] / 255 * width
    assert np.abs(seen_x - (left + centers)[inside]).max() < 3  # one grey value is 1.9 px
    inside = (top + centers > 1) & (top + centers < height - 1)
    seen_y = crop[inside, size_px // 2, 1] / 255 * height
    assert np.abs(seen_y - (top + centers)[inside]).max() < 3


def test_the_result_does_not_depend_on_what_was_cut_before() -> None:
    picture = smooth_picture(100, 140)
    squares = [FaceBox(3.3, 4.4, 50, 50), FaceBox(-20, 30, 333, 333), FaceBox(60, 60, 10, 10)]
    forward = [cut_square(picture, square, 48) for square in squares]
    backward = [cut_square(picture, square, 48) for square in reversed(squares)]
    for first, second in zip(forward, reversed(backward), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(picture, smooth_picture(100, 140))


def test_views_of_arrays_are_cut_like_copies() -> None:
    picture = smooth_picture(100, 140)
    mirrored_view, square = picture[:, ::-1], FaceBox(10, 10, 64, 64)
    np.testing.assert_array_equal(
        cut_square(mirrored_view, square, 32),
        cut_square(np.ascontiguousarray(mirrored_view), square, 32),
    )


def test_what_is_not_square_is_refused() -> None:
    with pytest.raises(ValueError, match="square"):
        cut_square(smooth_picture(50, 50), FaceBox(0, 0, 20, 30), 32)
    with pytest.raises(ValueError, match="at least 1"):
        cut_square(smooth_picture(50, 50), FaceBox(0, 0, 20, 20), 0)


@pytest.mark.parametrize(
    ("box", "size_px", "left_top_side"),
    [
        (FaceBox(40, 40, 20, 10), (100, 100), (35, 30, 30)),  # room on all sides
        (FaceBox(0, 80, 20, 20), (100, 100), (0, 70, 30)),  # moved away from a corner
        (FaceBox(0, 0, 112, 112), (112, 112), (0, 0, 112)),  # a crop: nothing more is there
        (FaceBox(10, 5, 90, 90), (120, 110), (0, 0, 110)),  # as much as there is
        (FaceBox(-50, 0, 20, 20), (100, 100), (-55, -5, 30)),  # outside, and left there
        (FaceBox(0, 0, 100, 40), (100, 40), (0, -30, 100)),  # the whole box, whatever is black
    ],
)
def test_what_people_see_of_a_face_stays_inside_the_picture(
    box: FaceBox, size_px: tuple[int, int], left_top_side: tuple[float, float, float]
) -> None:
    square = square_inside(box, 1.5, *size_px)
    assert (square.left_px, square.top_px, square.width_px) == pytest.approx(left_top_side)
    assert square.width_px == square.height_px
