"""Makes drawn things belong to the picture: its light, colour cast, sharpness and grain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.mask_overlay.head_frame import HeadFrame
from trainer.mask_overlay.raster import Sheet, Window, normals

_LUMINANCE = np.array((0.299, 0.587, 0.114), np.float32)
_SKIN_ALBEDO = 0.60  # luminance that ordinary skin reflects, to tell light from complexion
# The ratio of ``sharpness_blur_px`` in the 40 sharpest of 250 AFLW faces, blurred by so many px.
_DETAIL_RATIO = (0.378, 0.403, 0.451, 0.507, 0.602, 0.709, 0.915, 1.15)
_BLUR_PX = (2.5, 2.0, 1.5, 1.2, 0.9, 0.7, 0.5, 0.0)
_WRAP = 0.35  # light that reaches around edges: cloth and skin scatter
# Bare skin that is usually in view, in head coordinates, and which way it faces: forehead,
# cheeks, nose bridge, sides of the cheeks.
_SKIN_POINTS = np.array(
    (
        (0, 0.95, 0.25),
        (-0.6, -0.15, 0.15),
        (0.6, -0.15, 0.15),
        (0, 0.15, 0.45),
        (-0.9, -0.2, -0.2),
        (0.9, -0.2, -0.2),
    )
)
_SKIN_NORMALS = np.array(
    ((0, 0.2, 1), (-0.5, 0, 0.85), (0.5, 0, 0.85), (0, 0.2, 1), (-0.8, 0, 0.5), (0.8, 0, 0.5))
)


@dataclass(frozen=True)
class Scene:
    """What the picture tells about its light; colours in [0, 1]."""

    skin_rgb: np.ndarray  # (3,) albedo of the skin as far as one can tell
    level: float  # brightness that falls on the face; 1 = well lit
    cast_rgb: np.ndarray  # (3,) colour of the light, luminance about 1
    saturation: float  # 0 for a grey or sepia picture, 1 for an ordinary coloured one
    direction: np.ndarray  # (3,) unit, toward the main light, camera axes
    ambient: float  # share of the light that comes from everywhere


def read_scene(image_rgb: np.ndarray, frame: HeadFrame, rng: np.random.Generator) -> Scene:
    """Light and skin colour, read at bare skin and in the whole picture, a little randomised."""
    height, width = image_rgb.shape[:2]
    facing = _SKIN_NORMALS @ frame.rotation[2] > 0.2
    at = np.rint(frame.project(_SKIN_POINTS)).astype(int)
    inside = (at >= 0).all(1) & (at[:, 0] < width) & (at[:, 1] < height)
    seen = at[facing & inside]
    small = cv2.resize(image_rgb, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if len(seen):
        values = np.sort(image_rgb[seen[:, 1], seen[:, 0]], axis=0)
        skin = values[len(values) // 2].astype(np.float32) / 255
    else:
        skin = small[8:16, 8:16].mean((0, 1))
    skin_level = float(skin @ _LUMINANCE)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    mean_gray = max(float(gray.mean()), 0.02)
    cast = small.mean((0, 1)) / mean_gray
    chroma = float(np.abs(small - gray[..., None] * cast).mean()) / mean_gray
    bright = float(np.sort(gray, axis=None)[-58])  # nine tenths are darker
    share = rng.uniform(0.4, 0.8)
    level = share * skin_level / _SKIN_ALBEDO + (1 - share) * max(bright, skin_level) / 0.85
    level = float(np.clip(level * rng.uniform(0.9, 1.1), 0.12, 1.25))
    direction = np.array((rng.normal(0, 0.35), rng.uniform(0.1, 0.9), 1.0))
    return Scene(
        skin_rgb=np.clip(skin / level, 0.03, 1.0).astype(np.float32),
        level=level,
        cast_rgb=cast.astype(np.float32),
        saturation=float(np.clip((chroma - 0.02) / 0.03, 0, 1)),
        direction=direction / np.linalg.norm(direction),
        ambient=float(rng.uniform(0.25, 0.65)),
    )


def lit_sheet(
    points: np.ndarray,
    albedo: np.ndarray,
    alpha: np.ndarray | None,
    frame: HeadFrame,
    scene: Scene,
    two_sided: bool = False,
) -> Sheet:
    """A sheet whose albedo (H, W, 3) is shaded by the scene's light on its own relief."""
    facing = normals(points) @ frame.rotation.T
    if two_sided:
        facing = np.where(facing[..., 2:] < 0, -facing, facing)
    diffuse = np.clip(_WRAP + (1 - _WRAP) * (facing @ scene.direction), 0, 1)
    gain = scene.ambient + (1 - scene.ambient) * diffuse
    gain *= 0.9 + 0.1 * np.clip(facing[..., 2], 0, 1)
    straight_on = _WRAP + (1 - _WRAP) * scene.direction[2]
    gain /= scene.ambient + (1 - scene.ambient) * straight_on  # the picture's own level
    height, width = albedo.shape[:2]
    gain = cv2.resize(gain.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    if alpha is None:
        alpha = np.ones((height, width), np.float32)
    shaded = times(albedo.astype(np.float32, copy=False), gain * alpha)
    return Sheet(points, cv2.merge((*cv2.split(shaded), alpha)), two_sided)


def times(color: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Colours (h, w, 3) times one gain (h, w) for all channels, both float32."""
    return cv2.multiply(color, cv2.merge((gain, gain, gain)))


def sharpness_blur_px(gray: np.ndarray) -> float:
    """Gaussian blur (px) that the picture looks to have been through, from its fine detail.

    Compares detail of about one pixel with detail of about two.
    """
    once = cv2.GaussianBlur(gray, (0, 0), 0.8)
    twice = cv2.GaussianBlur(once, (0, 0), 1.4)
    fine = float(cv2.meanStdDev(gray - once)[1][0, 0])
    coarse = float(cv2.meanStdDev(once - twice)[1][0, 0])
    return float(np.interp(fine / max(coarse, 1e-3), _DETAIL_RATIO, _BLUR_PX))


def blend(
    image_rgb: np.ndarray,
    layer: np.ndarray,
    window: Window,
    scene: Scene,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The picture with the premultiplied ``layer`` (h, w, 4) over it, and its coverage.

    Returns a new uint8 (H, W, 3) and the layer's alpha float32 (window height, window width).
    """
    rows = slice(window.top_px, window.top_px + window.height_px)
    columns = slice(window.left_px, window.left_px + window.width_px)
    under = image_rgb[rows, columns] * np.float32(1 / 255)
    gray = cv2.cvtColor(under, cv2.COLOR_RGB2GRAY)
    blur_px = sharpness_blur_px(gray) * rng.uniform(0.7, 1.2)
    if blur_px > 0.3:
        layer = cv2.GaussianBlur(layer, (0, 0), blur_px)
    alpha = np.minimum(layer[..., 3], 1)
    color = times(cv2.transform(layer, _tint(scene, rng)), _local_light(gray, alpha, rng))
    grain = _grain(gray, rng) * alpha * rng.standard_normal(gray.shape, np.float32)
    bare = 1 - alpha
    kept = bare * (1 - _shadow(alpha, rng) * bare)
    mixed = times(under, kept) + color + cv2.merge((grain, grain, grain))
    if rng.random() < 0.35:
        jpeg = _as_jpeg(mixed, int(rng.integers(45, 92)))
        mixed = under + times(jpeg - under, np.minimum(alpha * 4, 1))
    result = image_rgb.copy()
    result[rows, columns] = cv2.convertScaleAbs(np.maximum(mixed, 0), alpha=255)
    return result, alpha


def _shadow(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the drawn thing takes from the light around it, mostly below: float32 (h, w)."""
    reach = max(2, round(alpha.shape[1] * rng.uniform(0.03, 0.1)))
    lift = int(rng.integers(0, 1 + reach // 2))  # the anchor moves the shadow down
    size, anchor = (2 * reach + 1, 2 * reach + 1), (reach, min(2 * reach, reach + lift))
    spread = cv2.blur(alpha, size, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    return spread * np.float32(rng.uniform(0.0, 0.35))


def _tint(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Matrix (3, 4) from drawn colour and alpha to colour as this picture shows it.

    As bright as the light is; grey in a grey picture, brown in a sepia one.
    """
    kept = scene.saturation * rng.uniform(0.8, 1.0)
    strength = 1 - scene.saturation * rng.uniform(0.5, 1.0)  # ordinary scenes tint little
    cast = 1 + strength * (scene.cast_rgb - 1)
    matrix = np.zeros((3, 4), np.float32)
    matrix[:, :3] = scene.level * cast[:, None] * (kept * np.eye(3) + (1 - kept) * _LUMINANCE)
    return matrix


def _local_light(gray: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How the light varies over the window: gain float32 (h, w), about 1 where covered."""
    coarse = cv2.resize(gray, (5, 5), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(coarse, gray.shape[::-1], interpolation=cv2.INTER_CUBIC)
    mean = float((smooth * alpha).sum() / max(float(alpha.sum()), 1e-3))
    gain = np.clip(smooth * np.float32(1 / max(mean, 0.02)), 0.4, 1.8)
    return cv2.pow(gain, rng.uniform(0.25, 0.75))


def _grain(gray: np.ndarray, rng: np.random.Generator) -> float:
    """Standard deviation of the picture's noise: the quiet part of its fine detail."""
    fine = np.abs(gray[1:, 1:] - gray[:-1, 1:] - gray[1:, :-1] + gray[:-1, :-1])[::3, ::3]
    quiet = float(np.sort(fine, axis=None)[int(0.4 * fine.size)])
    return min(quiet * rng.uniform(0.3, 0.9), 0.05)


def _as_jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    """The colours after one JPEG compression."""
    pixels = np.clip(rgb[..., ::-1] * 255 + 0.5, 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return decoded[..., ::-1].astype(np.float32) * np.float32(1 / 255)
