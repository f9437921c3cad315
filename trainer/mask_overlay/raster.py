"""Textured surfaces on a head, turned into pixels: cv2 polygons and one remap, no 3D library."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.mask_overlay.head_frame import HeadFrame

_SHIFT = 4  # fractional bits of polygon corners
_TEXEL_GUARD = 2  # rows between two textures of the atlas


@dataclass(frozen=True)
class Sheet:
    """A curved rectangle in head coordinates with its texture.

    ``points`` (R, C, 3), columns to the wearer's image right and rows downward, seen from
    outside; ``texture`` float32 (H, W, 4): albedo in [0, 1] times alpha, and alpha. Quads that
    face away are hidden unless ``two_sided``.
    """

    points: np.ndarray
    texture: np.ndarray
    two_sided: bool = False


@dataclass(frozen=True)
class Window:
    """The part of the picture that is drawn on, and how finely."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    supersample: int

    def sub_pixels(self, points_px: np.ndarray) -> np.ndarray:
        """Picture pixels (..., 2) in the supersampled window (pixel centres at integers)."""
        corner = np.array((self.left_px - 0.5, self.top_px - 0.5))
        return (points_px - corner) * self.supersample - 0.5


def normals(points: np.ndarray) -> np.ndarray:
    """Unit outward normals (R, C, 3) of a sheet's points."""
    along, down = np.empty((2, *points.shape))
    along[:, 1:-1] = points[:, 2:] - points[:, :-2]
    along[:, 0] = points[:, 1] - points[:, 0]
    along[:, -1] = points[:, -1] - points[:, -2]
    down[1:-1] = points[2:] - points[:-2]
    down[0] = points[1] - points[0]
    down[-1] = points[-1] - points[-2]
    ax, ay, az = along[..., 0], along[..., 1], along[..., 2]
    dx, dy, dz = down[..., 0], down[..., 1], down[..., 2]
    outward = np.stack((dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax), axis=-1)
    length = np.sqrt(np.einsum("rci,rci->rc", outward, outward))
    return outward / np.maximum(length, 1e-9)[..., None]


def project(sheets: list[Sheet], frame: HeadFrame) -> list[np.ndarray]:
    """Picture pixels (R, C, 2) of every sheet's points."""
    flat = frame.project(np.concatenate([sheet.points.reshape(-1, 3) for sheet in sheets]))
    ends = np.cumsum([sheet.points.size // 3 for sheet in sheets])[:-1]
    return [
        pixels.reshape(*sheet.points.shape[:2], 2)
        for sheet, pixels in zip(sheets, np.split(flat, ends), strict=True)
    ]


def render(
    sheets: list[Sheet], pixels: list[np.ndarray], frame: HeadFrame, window: Window
) -> np.ndarray:
    """The sheets seen in ``window``: premultiplied colour and alpha, float32 (h, w, 4).

    Painter's algorithm into a supersampled buffer of quad numbers; then every pixel finds its
    place in the texture by the affine map of its frontmost quad, one ``cv2.remap`` fetches the
    colours, and the share of covered subpixels softens the outline. ``pixels`` are ``project``'s.
    """
    atlas, offsets = _atlas(sheets)
    quads, maps, depths = [], [], []
    for sheet, points_px, offset in zip(sheets, pixels, offsets, strict=True):
        depth = sheet.points @ frame.rotation[2]
        quad, affine, front = _quads(points_px, sheet.texture.shape[:2], offset)
        keep = np.ones_like(front) if sheet.two_sided else front
        quads.append(quad[keep])
        maps.append(affine[keep])
        depths.append((depth[:-1, :-1] + depth[1:, 1:]).ravel()[keep])
    order = np.argsort(np.concatenate(depths))
    fine = window.supersample
    numbers = np.zeros((window.height_px * fine, window.width_px * fine), np.float32)
    corners = window.sub_pixels(np.concatenate(quads)[order]) * (1 << _SHIFT)
    for number, corner in enumerate(np.rint(corners).astype(np.int32), start=1):
        cv2.fillConvexPoly(numbers, corner, number, shift=_SHIFT)
    size = (window.width_px, window.height_px)
    covered = cv2.resize(np.minimum(numbers, 1), size, interpolation=cv2.INTER_AREA)
    front_most = cv2.dilate(numbers, np.ones((fine, fine), np.uint8), anchor=(0, 0))
    in_front = front_most[::fine, ::fine].astype(np.intp)
    table = np.concatenate((np.zeros((1, 6), np.float32), np.concatenate(maps)[order]))
    drawn = np.zeros((*in_front.shape, 4), np.float32)
    left, top, width, height = cv2.boundingRect((in_front > 0).view(np.uint8))
    inner = (slice(top, top + height), slice(left, left + width))
    if width and height:
        corner_px = (window.left_px + left, window.top_px + top)
        looked_up = _look_up(atlas, table, in_front[inner], corner_px)
        drawn[inner] = cv2.multiply(looked_up, cv2.merge((covered[inner],) * 4))
    return drawn


def _look_up(
    atlas: np.ndarray, table: np.ndarray, quad: np.ndarray, corner_px: tuple[int, int]
) -> np.ndarray:
    """Colours (h, w, 4) of pixels of which ``quad`` (h, w) tells the row of ``table``."""
    affine = table.take(quad, axis=0)  # (h, w, 6)
    x = np.arange(quad.shape[1], dtype=np.float32) + corner_px[0]
    y = np.arange(quad.shape[0], dtype=np.float32)[:, None] + corner_px[1]
    u = affine[..., 0] * x + affine[..., 1] * y + affine[..., 2]
    v = affine[..., 3] * x + affine[..., 4] * y + affine[..., 5]
    return cv2.remap(atlas, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _atlas(sheets: list[Sheet]) -> tuple[np.ndarray, list[int]]:
    """All textures below one another, edges repeated between them, and the row each starts at."""
    if len(sheets) == 1:
        return sheets[0].texture, [0]
    width = max(sheet.texture.shape[1] for sheet in sheets)
    parts, offsets, row = [], [], 0
    for sheet in sheets:
        height, own_width = sheet.texture.shape[:2]
        parts.append(
            cv2.copyMakeBorder(
                sheet.texture,
                _TEXEL_GUARD,
                _TEXEL_GUARD,
                0,
                width - own_width,
                cv2.BORDER_REPLICATE,
            )
        )
        offsets.append(row + _TEXEL_GUARD)
        row += height + 2 * _TEXEL_GUARD
    return np.concatenate(parts), offsets


def _quads(
    corners: np.ndarray, texture_shape: tuple[int, ...], row_offset: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quad outlines (Q, 4, 2), pixel-to-texel maps (Q, 6), and which face the viewer (Q,)."""
    rows, columns = corners.shape[0] - 1, corners.shape[1] - 1
    p00, p01 = corners[:-1, :-1].reshape(-1, 2), corners[:-1, 1:].reshape(-1, 2)
    p10, p11 = corners[1:, :-1].reshape(-1, 2), corners[1:, 1:].reshape(-1, 2)
    quads = np.stack((p00, p01, p11, p10), axis=1)
    along, down = (p01 - p00 + p11 - p10) / 2, (p10 - p00 + p11 - p01) / 2
    middle = quads.mean(axis=1)
    area = along[:, 0] * down[:, 1] - along[:, 1] * down[:, 0]
    # Seen edge-on a quad is thinner than a pixel: there its map is flattened, or pixels beside it
    # would fetch colours from the far side of the thing.
    longest = np.sqrt(np.maximum((along**2).sum(1), (down**2).sum(1)))
    flatten = np.minimum(1, np.abs(area) / np.maximum(longest, 1e-6)) ** 2
    size = np.where(area < 0, np.minimum(area, -1e-6), np.maximum(area, 1e-6)) / flatten
    step_u = (texture_shape[1] - 1) / columns
    step_v = (texture_shape[0] - 1) / rows
    row, column = np.divmod(np.arange(rows * columns), columns)
    ux, uy = step_u * down[:, 1] / size, -step_u * down[:, 0] / size
    vx, vy = -step_v * along[:, 1] / size, step_v * along[:, 0] / size
    u1 = (column + 0.5) * step_u - ux * middle[:, 0] - uy * middle[:, 1]
    v1 = (row + 0.5) * step_v + row_offset - vx * middle[:, 0] - vy * middle[:, 1]
    affine = np.stack((ux, uy, u1, vx, vy, v1), axis=1).astype(np.float32)
    return quads, affine, area > 0
