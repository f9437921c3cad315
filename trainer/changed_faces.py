"""Pictures of the faces on which a challenger answers otherwise than the champion, side by side."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.datasets import load_crop
from core.faces import MASK_CLASSES, FaceBox, FacePrediction, HeadPose
from core.head_pose import geodesic_deg, rotation_from_euler
from core.images import encode_png
from core.overlay import draw_faces
from core.whole_files import write_whole
from trainer.comparison import Pairs, has_mask, has_pose, mask_class
from trainer.face_results import FaceResult, angles_deg

#: Faces shown of each kind.
SHOWN = 12
#: A pose that changes by less is not worth a look.
MIN_ERROR_CHANGE_DEG = 3.0
MIN_TURN_DEG = 8.0
CROP_PX = 160

#: What happened to a face: its mask became right or wrong, its pose error shrank or grew, or its
#: pose turned where nobody has said what is right.
KINDS = ("mask better", "mask worse", "pose better", "pose worse", "pose turned")
#: Both models' answers in the same order, by benchmark.
Answered = Mapping[str, tuple[Sequence[FaceResult], Sequence[FaceResult]]]


@dataclass(frozen=True)
class _Change:
    """``size``: how much it matters, the greatest are shown. ``text``: one line for a person."""

    kind: str
    size: float
    text: str
    before: FaceResult
    after: FaceResult


def show_changes(results: Answered, folder: Path) -> dict[str, list[dict[str, str]]]:
    """By kind: ``file`` in ``folder`` (champion left, challenger right), ``name`` and ``text``."""
    shutil.rmtree(folder, ignore_errors=True)
    changes = [
        change
        for first, second in results.values()
        for change in _changes(list(zip(first, second, strict=True)))
    ]
    shown: dict[str, list[dict[str, str]]] = {kind: [] for kind in KINDS}
    for change in sorted(changes, key=lambda change: -change.size):
        faces = shown[change.kind]
        if len(faces) < SHOWN:
            file = f"{change.kind.replace(' ', '-')}-{len(faces)}.png"
            write_whole(folder / file, encode_png(_picture(change)))
            faces.append({"file": file, "name": change.before.sample.name, "text": change.text})
    return shown


def _changes(pairs: Pairs) -> Iterator[_Change]:
    for before, after in pairs:
        if before.sample.mask and has_mask((before, after)):
            yield from _mask_change(before, after)
        if has_pose((before, after)):
            yield from _pose_change(before, after)


def _mask_change(before: FaceResult, after: FaceResult) -> Iterator[_Change]:
    was, now = mask_class(before), mask_class(after)
    right = MASK_CLASSES.index(before.sample.mask) if before.sample.mask else None
    if was == now or right not in (was, now):
        return
    sure = float(after.mask_probabilities[now]) if after.mask_probabilities is not None else 0.0
    text = f"{MASK_CLASSES[was]} → {MASK_CLASSES[now]}, labelled {before.sample.mask}"
    yield _Change("mask better" if now == right else "mask worse", sure, text, before, after)


def _pose_change(before: FaceResult, after: FaceResult) -> Iterator[_Change]:
    if before.pose is None or after.pose is None:
        return
    truth, was, now = before.sample.pose, angles_deg(before.pose), angles_deg(after.pose)
    if truth is None:
        turned = float(geodesic_deg(rotation_from_euler(*was), rotation_from_euler(*now)))
        if turned >= MIN_TURN_DEG:
            yield _Change("pose turned", turned, f"turned by {turned:.0f}°", before, after)
        return
    old, new = (float(np.abs(angles - angles_deg(truth)).mean()) for angles in (was, now))
    if abs(new - old) >= MIN_ERROR_CHANGE_DEG:
        kind = "pose better" if new < old else "pose worse"
        yield _Change(kind, abs(new - old), f"off by {old:.0f}° → {new:.0f}°", before, after)


def _picture(change: _Change) -> np.ndarray:
    """RGB uint8 (CROP_PX, W, 3): the crop; for a pose twice, with the axes of either answer."""
    crop = load_crop(change.before.sample, CROP_PX)
    if change.kind.startswith("mask"):
        return crop
    return np.concatenate(
        [_with_axes(crop, result.pose) for result in (change.before, change.after)], axis=1
    )


def _with_axes(crop_rgb: np.ndarray, pose: HeadPose | None) -> np.ndarray:
    side_px = len(crop_rgb)
    box = FaceBox(0, 0, side_px, side_px).square(0.8)
    return draw_faces(crop_rgb, [FacePrediction(box=box, mask=None, pose=pose, model_id="")])
