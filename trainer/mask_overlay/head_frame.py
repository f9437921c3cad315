"""Where a head is in a picture: weak perspective from landmarks and a known rotation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

#: The 21 AFLW landmarks of a mean head, (21, 3): x to image right, y up, z toward the viewer in
#: the frontal view; unit ≈ 5 cm. Source: ``pose/canonical_21.csv`` of the research data. Order:
#: 0-5 brows, 6-11 eyes (corner, centre, corner), 12 ear, 13-15 nose, 16 ear, 17-19 mouth, 20 chin.
CANONICAL_21 = np.array(
    [
        (-1.0443, 0.6290, -0.1606),
        (-0.7235, 0.7493, 0.0937),
        (-0.3529, 0.6990, 0.2558),
        (0.3398, 0.6997, 0.2659),
        (0.7067, 0.7554, 0.1418),
        (1.0011, 0.6644, -0.0981),
        (-0.8637, 0.3553, -0.0886),
        (-0.6075, 0.3756, 0.0371),
        (-0.3699, 0.3594, 0.0747),
        (0.3757, 0.3571, 0.0800),
        (0.6163, 0.3789, 0.0409),
        (0.8593, 0.3599, -0.0860),
        (-1.2770, -0.5293, -1.3741),
        (-0.3191, -0.3388, 0.2945),
        (0.0109, -0.2659, 0.7213),
        (0.3196, -0.3411, 0.2883),
        (1.2717, -0.5757, -1.3883),
        (-0.4618, -0.8841, 0.1506),
        (0.0179, -0.8812, 0.3864),
        (0.4767, -0.8827, 0.1498),
        (0.0241, -1.6843, 0.2150),
    ]
)
CANONICAL_21.setflags(write=False)

#: For each AFLW landmark the 68-layout points whose mean it is; none for the ear lobes.
_SOURCES_68: tuple[tuple[int, ...], ...] = (
    (17,), (19,), (21,), (22,), (24,), (26,),
    (36,), (37, 38, 40, 41), (39,), (42,), (43, 44, 46, 47), (45,),
    (), (31,), (30,), (35,), (), (48,), (62, 66), (54,), (8,),
)  # fmt: skip
_ANCHOR_REACH = 0.45  # head units over which one landmark's misfit bends what is drawn
_ANCHOR_DOUBT = 0.25  # weight of "no misfit", so that far from any landmark nothing bends


@dataclass(frozen=True)
class HeadFrame:
    """Maps head coordinates to pixels: ``image = scale · (R X)[:2]`` (y flipped) ``+ center``.

    ``anchors`` (K, 3) are the model points of the landmarks the frame was fitted to and
    ``misfits_px`` (K, 2) what the fit left over: drawing bends by it, so that a mask follows
    an open mouth or a long chin. Empty for a frame that was not fitted.
    """

    rotation: np.ndarray  # (3, 3), head to camera
    scale_px: float
    center_px: np.ndarray  # (2,) where the head origin falls
    anchors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    misfits_px: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def camera(self, points: np.ndarray) -> np.ndarray:
        """Head points (..., 3) in camera axes (x right, y up, z to the viewer), in head units."""
        return points @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of head points (..., 3)."""
        flat = points.reshape(-1, 3)
        pixels = self.camera(flat)[:, :2] * (self.scale_px, -self.scale_px) + self.center_px
        if len(self.anchors):
            square = (
                (flat**2).sum(1)[:, None] + (self.anchors**2).sum(1) - 2 * flat @ self.anchors.T
            )
            weight = np.exp(square * (-0.5 / _ANCHOR_REACH**2))
            pixels += weight @ self.misfits_px / (weight.sum(1, keepdims=True) + _ANCHOR_DOUBT)
        return pixels.reshape(*points.shape[:-1], 2)


def fit_head_frame(
    landmarks_px: np.ndarray, rotation: np.ndarray, model_points: np.ndarray = CANONICAL_21
) -> HeadFrame:
    """The frame whose projection of ``model_points`` (N, 3) is nearest to ``landmarks_px`` (N, 2).

    Least squares for scale and translation; rows of NaN are landmarks that are not visible.
    Raises ValueError when fewer than three landmarks, or landmarks all in one place, are given.
    """
    landmarks_px = np.asarray(landmarks_px, np.float64)
    rotation = np.asarray(rotation, np.float64)
    model_points = np.asarray(model_points, np.float64)
    if landmarks_px.shape != (len(model_points), 2):
        raise ValueError(
            f"expected landmarks of shape ({len(model_points)}, 2), got {landmarks_px.shape}"
        )
    if rotation.shape != (3, 3) or not np.isfinite(rotation).all():
        raise ValueError(f"expected a finite (3, 3) head rotation, got shape {rotation.shape}")
    seen = np.isfinite(landmarks_px).all(axis=1)
    if seen.sum() < 3:
        raise ValueError(f"a head frame needs at least 3 visible landmarks, got {seen.sum()}")
    anchors, target = model_points[seen], landmarks_px[seen]
    flat = (anchors @ rotation.T)[:, :2] * (1, -1)
    flat_mean, target_mean = flat.mean(0), target.mean(0)
    spread = ((flat - flat_mean) ** 2).sum()
    scale = ((flat - flat_mean) * (target - target_mean)).sum() / max(spread, 1e-9)
    if scale <= 1e-3:
        raise ValueError("the landmarks do not fit the head rotation: check its convention")
    center = target_mean - scale * flat_mean
    misfits = target - (scale * flat + center)
    limit = 0.35 * scale  # beyond it a landmark is wrong rather than a face unusual
    misfits *= np.minimum(
        1, limit / np.maximum(np.linalg.norm(misfits, axis=1, keepdims=True), 1e-9)
    )
    return HeadFrame(rotation, float(scale), center, anchors, misfits)


def landmarks_21_from_68(points_68: np.ndarray) -> np.ndarray:
    """AFLW landmarks (21, 2) from the 68-point layout (68, 2) of 300W-LP; NaN for the ears."""
    points_68 = np.asarray(points_68, np.float64)
    if points_68.shape != (68, 2):
        raise ValueError(f"expected 68 landmarks of shape (68, 2), got {points_68.shape}")
    result = np.full((21, 2), np.nan)
    for index, sources in enumerate(_SOURCES_68):
        if sources:
            result[index] = points_68[list(sources)].mean(axis=0)
    return result
