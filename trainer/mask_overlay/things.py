"""What else covers mouths: hands, scarves, beards, microphones, cups, phones, plain shapes.

Hard negatives for the mask classifier. They are built from the same sheets, light and blur as
the masks, so that the drawing itself gives nothing away.
"""

from __future__ import annotations

import numpy as np

from trainer.mask_overlay.fabrics import Cloth, any_color, cloth, paint_mask, soft_noise
from trainer.mask_overlay.head_frame import HeadFrame
from trainer.mask_overlay.light import Scene, lit_sheet
from trainer.mask_overlay.raster import Sheet
from trainer.mask_overlay.surface import Outline, worn_points

_HAIR_COLORS = (
    (0.07, 0.06, 0.06),
    (0.16, 0.11, 0.08),
    (0.30, 0.20, 0.13),
    (0.42, 0.22, 0.12),
    (0.55, 0.43, 0.28),
    (0.55, 0.54, 0.53),
    (0.80, 0.79, 0.77),
)
_MOUTH = np.array((0.0, -0.85, 0.45))


def _front_z(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Depth just in front of nose and mouth at head (x, y)."""
    return 0.8 - 0.45 * x**2 - 0.3 * np.maximum(0, -0.7 - y) ** 2


def _tube(
    path: np.ndarray, radii: np.ndarray, flatness: float = 1.0, around: int = 9
) -> np.ndarray:
    """Surface points (N, around, 3) of a tube along ``path`` (N, 3) with ``radii`` (N,)."""
    forward = np.gradient(path, axis=0)
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    out = np.array((0.0, 0.0, 1.0)) if np.abs(forward[:, 2]).mean() < 0.8 else np.array((0, 1.0, 0))
    across = np.cross(forward, out)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    out = np.cross(across, forward)
    angle = np.linspace(np.pi, 3 * np.pi, around)  # the seam lies behind
    ring = (
        np.cos(angle)[:, None] * out[:, None] * flatness - np.sin(angle)[:, None] * across[:, None]
    )
    return path[:, None] + ring * radii[:, None, None]


def _capsule(start: np.ndarray, end: np.ndarray, radius: float, bend: float = 0.0) -> np.ndarray:
    """A finger: a round-ended tube from start to end, bent toward the viewer in its middle."""
    along = np.array((0.0, 0.02, 0.07, 0.2, 0.4, 0.6, 0.8, 0.92, 0.98, 1.0))
    path = start + (end - start) * along[:, None]
    path[:, 2] += bend * np.sin(np.pi * along)
    radii = radius * np.array((0.1, 0.6, 0.9, 1.05, 1.0, 1.04, 0.95, 0.8, 0.5, 0.08))
    return _tube(path, radii)


def hand(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A hand before the mouth, in the skin colour of the face."""
    style = ("fingers", "palm", "fist")[rng.choice(3, p=(0.45, 0.4, 0.15))]
    angle = rng.uniform(-1.2, 1.2)  # 0 = fingers upward
    toward = np.array((np.sin(angle), np.cos(angle)))
    across = np.array((toward[1], -toward[0]))
    skin = np.clip(scene.skin_rgb * rng.uniform(0.9, 1.2) + rng.normal(0, 0.02, 3), 0.03, 1)
    center = _MOUTH[:2] + rng.normal(0, 0.12, 2) - toward * rng.uniform(-0.1, 0.25)
    count = {"fingers": int(rng.integers(2, 5)), "palm": 4, "fist": 4}[style]
    length = 0.55 if style == "fist" else rng.uniform(1.0, 1.5)
    width, spread = rng.uniform(0.26, 0.34), rng.uniform(0, 0.12)
    shapes = []
    for index in range(count):
        offset = index - (count - 1) / 2
        tip_length = length * (0.55 - 0.05 * abs(offset - 0.3)) + rng.normal(0, 0.04)
        base = center + across * offset * width - toward * length * 0.5
        tip = center + across * offset * (width + spread) + toward * tip_length
        z = _front_z(np.array((base[0], tip[0])), np.array((base[1], tip[1]))) + width * 0.4
        shapes.append(
            _capsule(
                np.append(base, z[0]), np.append(tip, z[1]), width * 0.54, rng.uniform(0, 0.25)
            )
        )
    knuckles = center - toward * length * 0.45
    wrist = knuckles - toward * rng.uniform(1.1, 1.5)
    path = np.linspace(
        np.append(knuckles + toward * 0.15, 0.75), np.append(wrist, rng.uniform(0.5, 1.2)), 7
    )
    radii = width * count * 0.52 * np.array((0.3, 0.85, 1.0, 1.0, 0.95, 0.8, 0.7))
    shapes.append(_tube(path, radii, flatness=0.42))
    if rng.random() < 0.6:  # thumb
        side = across * (1 if rng.random() < 0.5 else -1)
        root = np.append(knuckles + side * width * count * 0.4 - toward * 0.3, 0.8)
        end = np.append(knuckles + side * (width * count * 0.4 + 0.45) + toward * 0.45, 0.65)
        shapes.append(_capsule(root, end, width * 0.58))
    area = cloth(max(12, detail // 3), max(12, detail // 3))
    sheets = []
    for points in shapes:
        gain = 1 + 0.04 * soft_noise(rng, area, 4, 3)
        tone = np.clip(skin + rng.normal(0, 0.01, 3), 0.02, 1).astype(np.float32)
        redder = np.array((0.02, -0.01, -0.01), np.float32) * (1 - area.v)[..., None]
        sheets.append(lit_sheet(points, tone * gain[..., None] + redder, None, frame, scene))
    return sheets, style


def scarf(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A scarf or shawl over mouth and neck, often the nose, wider than any mask."""
    top = rng.uniform(1.2, 3.1)
    outline = Outline(
        top=top,
        top_corner=top + rng.uniform(-0.4, 0.8),
        bottom=7.0,
        bottom_corner=7.0,
        reach=5.0,
        slack=rng.uniform(1.0, 1.5),
        lean=rng.normal(0, 0.25),
    )
    points = worn_points(outline, rows=9, columns=13)
    fall = np.linspace(0, 1, 9)[:, None] ** 1.5
    points[..., 0] *= 1.05 + rng.uniform(0.1, 0.5) * fall
    points[..., 1] -= rng.uniform(0.1, 0.7) * fall
    points[..., 2] += 0.1 + rng.uniform(0.1, 0.6) * fall
    area = cloth(detail, int(detail * 1.4))
    color = any_color(rng)
    style = ("folded", "knitted", "patterned")[rng.choice(3, p=(0.5, 0.3, 0.2))]
    albedo = (
        paint_mask("patterned", rng, area, scene.skin_rgb)
        if style == "patterned"
        else np.broadcast_to(color, (*area.shape, 3))
    )
    tilt = rng.normal(0, 0.5)
    wave = area.v * rng.uniform(2, 5) + tilt * area.u + 0.35 * soft_noise(rng, area, 4, 4)
    gain = 1 + rng.uniform(0.1, 0.3) * np.sin(2 * np.pi * wave)
    if style == "knitted":
        rib = rng.uniform(14, 26)
        gain = gain * (1 + 0.14 * np.sin(np.pi * rib * area.u) * np.sin(np.pi * rib * area.v))
    ragged = 0.5 + (area.v - 0.04 - 0.03 * soft_noise(rng, area, 1, 6)) * area.shape[0]
    alpha = np.clip(ragged, 0, 1).astype(np.float32)
    return [lit_sheet(points, albedo * gain[..., None], alpha, frame, scene)], style


def beard(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A full beard with moustache, the lips free: the dark lower face that is no mask."""
    outline = Outline(
        top=rng.uniform(2.6, 2.8),
        top_corner=rng.uniform(1.8, 3.4),
        bottom=rng.uniform(5.8, 6.8),
        bottom_corner=rng.uniform(4.8, 6.2),
        reach=rng.uniform(3.4, 4.6),
        slack=rng.uniform(0.0, 0.4),
        bulge=rng.uniform(0.0, 0.2),
    )
    area = cloth(detail, int(detail * 1.5))
    strands = soft_noise(rng, area, max(4, detail // 6), detail)
    hair = np.array(_HAIR_COLORS[rng.integers(len(_HAIR_COLORS))]) * rng.uniform(0.7, 1.3)
    gain = np.clip(1 + rng.uniform(0.15, 0.45) * strands, 0.2, 2)
    side = np.abs(area.u)
    bare_cheek = rng.uniform(0.15, 0.4) * np.sin(np.pi * np.minimum(1, side * 1.1)) ** 2
    lips = np.hypot(area.u / rng.uniform(0.22, 0.34), (area.v - 0.27) / rng.uniform(0.04, 0.09))
    inside = np.minimum(area.v - bare_cheek, np.minimum(1 - area.v, 0.8 * (1 - side)))
    inside = np.minimum(inside, 0.12 * (lips - 1)) + 0.025 * strands
    alpha = np.clip(inside * rng.uniform(8, 25), 0, rng.uniform(0.65, 1.0)).astype(np.float32)
    points = worn_points(outline, rows=10, columns=13)
    color = np.clip(hair, 0.02, 0.95) * gain[..., None]
    return [lit_sheet(points, color, alpha, frame, scene)], "full"


def microphone(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A microphone before the mouth: a round head, a collar and a handle pointing away."""
    radius = rng.uniform(0.32, 0.55)
    head = np.array(
        (rng.normal(0, 0.2), rng.uniform(-1.15, -0.75), 0.5 + radius + rng.uniform(0, 0.3))
    )
    away = np.array((rng.normal(0, 0.5), -1.0, rng.uniform(0.0, 0.8)))
    away /= np.linalg.norm(away)
    dark = np.full(3, rng.uniform(0.04, 0.2), np.float32)
    tone = any_color(rng) if rng.random() < 0.25 else np.full(3, rng.uniform(0.08, 0.7), np.float32)
    turn = np.linspace(0, np.pi, 10)
    ball = _tube(
        head - away * (radius * np.cos(turn))[:, None], radius * np.maximum(np.sin(turn), 0.02)
    )
    length = rng.uniform(1.2, 2.4)
    path = head + away * (radius * 0.8 + np.linspace(0, length, 5))[:, None]
    handle = _tube(path, radius * np.linspace(0.62, 0.42, 5))
    area = cloth(detail // 2, detail // 2)
    mesh = 1 + rng.uniform(0.1, 0.45) * np.sin(40 * area.u) * np.sin(50 * area.v)
    mesh = mesh - 0.4 * (np.abs(area.v - 0.55) < 0.05)
    plain = np.broadcast_to(dark, (*area.shape, 3))
    return [
        lit_sheet(handle, plain, None, frame, scene),
        lit_sheet(ball, tone * mesh[..., None], None, frame, scene),
    ], "ball"


def cup(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A cup, mug or glass at the lips, tilted as for drinking, sometimes with the fingers on it."""
    radius = rng.uniform(0.5, 0.85)
    tilt = rng.uniform(-0.1, 1.0)
    down = np.array((rng.normal(0, 0.15), -np.cos(tilt), np.sin(tilt)))
    rim = np.array((rng.normal(0, 0.1), rng.uniform(-0.85, -0.45), 0.45 + radius * np.cos(tilt)))
    path = rim + down * np.linspace(0, rng.uniform(1.1, 2.2), 6)[:, None]
    radii = radius * np.linspace(1, rng.uniform(0.65, 1.0), 6)
    area = cloth(detail // 2, detail)
    color = any_color(rng) if rng.random() < 0.6 else np.full(3, rng.uniform(0.8, 0.95), np.float32)
    albedo = np.broadcast_to(color, (*area.shape, 3))
    if rng.random() < 0.5:  # a band with a print
        low, high = np.sort(rng.uniform(0.1, 0.95, 2))
        band = ((area.v > low) & (area.v < high))[..., None]
        albedo = np.where(band, any_color(rng), albedo)
    side = _tube(path, radii, around=13)
    lid = np.stack([np.repeat(path[:1], 13, axis=0), side[0]])
    dim = np.broadcast_to(color * np.float32(rng.uniform(0.3, 0.8)), (*area.shape, 3))
    bottom = np.stack([side[-1], np.repeat(path[-1:], 13, axis=0)])
    return [
        lit_sheet(lid, dim, None, frame, scene, two_sided=True),
        lit_sheet(bottom, albedo, None, frame, scene, two_sided=True),
        lit_sheet(side, albedo, None, frame, scene),
    ], "cup"


def _plate(center: np.ndarray, width: float, height: float, turn: float, lean: float) -> np.ndarray:
    """Points (3, 3, 3) of a flat rectangle facing forward, turned in its plane and leaning."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 3) * width, np.linspace(0.5, -0.5, 3) * height)
    turned_x, turned_y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    return np.stack((turned_x, turned_y, turned_x * lean), axis=-1) + center


def phone(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A telephone held before mouth and chin, its back or dark screen to the viewer."""
    center = np.array((rng.normal(0, 0.25), rng.uniform(-1.7, -0.9), rng.uniform(0.7, 1.1)))
    turn = rng.normal(0, 0.3) + (np.pi / 2 if rng.random() < 0.3 else 0)
    points = _plate(center, rng.uniform(1.2, 1.5), rng.uniform(2.0, 2.8), turn, rng.normal(0, 0.3))
    area = cloth(detail, detail // 2)
    color = any_color(rng) if rng.random() < 0.4 else np.full(3, rng.uniform(0.03, 0.3), np.float32)
    gloss = 1 + 0.25 * soft_noise(rng, area, 2, 2)
    albedo = color * gloss[..., None]
    lens = np.hypot(area.u + 0.55, (area.v - 0.1) * 4) < rng.uniform(0.15, 0.3)
    albedo = np.where(lens[..., None], np.float32(0.05), albedo)
    return [lit_sheet(points, albedo, _rounded(area, 0.15), frame, scene, two_sided=True)], "phone"


def shape(
    rng: np.random.Generator, frame: HeadFrame, scene: Scene, detail: int
) -> tuple[list[Sheet], str]:
    """A plain card, sign or ball-shaped thing of any colour over the mouth."""
    style = ("rectangle", "ellipse")[rng.integers(2)]
    center = np.array((rng.normal(0, 0.15), rng.uniform(-1.3, -0.8), rng.uniform(0.6, 1.0)))
    width, height = rng.uniform(0.8, 2.4), rng.uniform(0.7, 1.8)
    points = _plate(center, width, height, rng.normal(0, 0.5), rng.normal(0, 0.4))
    area = cloth(detail // 2, detail // 2)
    if rng.random() < 0.5:
        albedo = paint_mask("patterned", rng, area, scene.skin_rgb)
    else:
        albedo = np.broadcast_to(any_color(rng), (*area.shape, 3))
    alpha = _rounded(area, 0.05 if style == "rectangle" else 1.0)
    return [lit_sheet(points, albedo, alpha, frame, scene, two_sided=True)], style


def _rounded(area: Cloth, corner: float) -> np.ndarray:
    """Coverage (H, W) of a rectangle with rounded corners; ``corner`` 1 gives an ellipse."""
    y = area.v * 2 - 1
    x = np.maximum(0, np.abs(area.u) - (1 - corner)) / corner
    y = np.maximum(0, np.abs(y) - (1 - corner)) / corner
    distance = 1 - np.hypot(x, y)
    return np.clip(0.5 + distance * corner * area.shape[0] / 2, 0, 1).astype(np.float32)
