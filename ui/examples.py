"""Pictures to try the demo with: one public-domain portrait, and masks that our renderer draws.

The portrait is NASA's of Eileen Collins, which comes inside scikit-image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.head_pose import rotation_from_euler
from core.images import encode_jpeg
from trainer.mask_overlay import HeadFrame, Worn, draw_mask, fit_head_frame

#: The 21 AFLW landmarks of the portrait (x, y in its 512 × 512 px), set by hand; the order is
#: that of ``trainer.mask_overlay.CANONICAL_21``.
_LANDMARKS_PX = np.array(
    [
        (191, 90), (201, 88), (212, 92), (239, 93), (251, 92), (262, 95),
        (194, 100), (203, 101), (210, 102), (237, 104), (247, 104), (258, 104),
        (178, 130), (215, 130), (226, 125), (236, 131), (272, 135),
        (204, 140), (224, 147), (243, 142), (224, 178),
    ],
    dtype=float,
)  # fmt: skip
#: Nearly frontal, tilted a little clockwise.
_ROTATION = (0.0, 0.0, 4.0)

_HEAD_AND_SHOULDERS = np.s_[0:320, 60:380]

#: File name → what is drawn, in which fabric, and the seed of everything else.
_DRAWN: dict[str, tuple[Worn, str | None, int]] = {
    "mask.jpg": (Worn.COVERING, "surgical", 3),
    "under-the-nose.jpg": (Worn.UNDER_NOSE, None, 5),
    "on-the-chin.jpg": (Worn.ON_CHIN, None, 8),
    "scarf.jpg": (Worn.SCARF, None, 2),
}


def write_examples(folder: Path) -> list[Path]:
    """Write the example pictures into ``folder``; the bare portrait comes first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("no-mask.jpg", *_DRAWN)]
    for path in paths:
        path.write_bytes(example_jpeg(path.name))
    return paths


def example_jpeg(name: str = "mask.jpg") -> bytes:
    """One example picture, 320 × 320 px."""
    from skimage import data

    image_rgb = np.asarray(data.astronaut())
    if name in _DRAWN:
        worn, style, seed = _DRAWN[name]
        rng = np.random.default_rng(seed)
        image_rgb = draw_mask(image_rgb, portrait_frame(), rng, worn=worn, style=style).image_rgb
    return encode_jpeg(image_rgb[_HEAD_AND_SHOULDERS])


def portrait_frame() -> HeadFrame:
    """Where the head is in the portrait."""
    return fit_head_frame(_LANDMARKS_PX, np.asarray(rotation_from_euler(*_ROTATION)))
