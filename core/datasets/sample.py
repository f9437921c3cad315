"""One labelled face of any data set, what a reader returns, and how its crop is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.crop import cut_square
from core.faces import FaceBox, HeadPose, MaskLabel
from core.images import ImageError, read_image

#: Names shown per reason in a report; the rest are counted.
NAMES_SHOWN = 3
#: Longer names are cut in reports.
LONGEST_NAME = 120


def printable(text: str) -> str:
    """Text from a label file, safe in a terminal: one line, no control characters, not endless."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}…"


class DatasetError(ValueError):
    """A folder that is no such data set at all: what came, what was expected, what to do."""


class UnusableEntryError(ValueError):
    """One entry of a data set that cannot be used; becomes a ``Skipped``, never fatal."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceSample:
    """One face with whatever its data set says about it; None = the set does not say.

    ``box`` is the face as the data set gives it, in pixels of the image.
    ``crop_square`` is the square to cut; None means that the whole file is the crop.
    ``crop_factor`` is the side of that crop ÷ the longer side of the 68-landmark box, where known.
    ``rotation`` (3, 3) float64 is the exact label; ``pose`` the same in degrees.
    ``landmarks_px`` (21, 2) or (68, 2), x right, y down, NaN where not visible.
    ``group`` joins pictures of one origin: they must stay on one side of a split.
    ``occlusion_level`` is 0 (none), 1, 2 …; what the levels mean is the data set's own.
    ``picture_size_px`` is width and height of the picture that the box was drawn in.
    """

    image_path: Path
    name: str
    box: FaceBox | None = None
    crop_square: FaceBox | None = None
    crop_factor: float | None = None
    pose: HeadPose | None = None
    rotation: np.ndarray | None = None
    mask: MaskLabel | None = None
    split: str | None = None
    source: str | None = None
    group: str | None = None
    landmarks_px: np.ndarray | None = None
    weight: float = 1.0
    lower_face_occluded: bool | None = None
    occlusion_level: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    picture_size_px: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that was left out. ``reason`` is one of few, ``detail`` belongs to this entry."""

    name: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return printable(f"{self.name} ({self.detail})" if self.detail else self.name)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found: the usable faces, and every entry it left out.

    ``notes`` say which choices of the protocol the numbers depend on.
    """

    samples: tuple[FaceSample, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()

    def report(self) -> str:
        """A headline with both counts, then a line for each reason with the first names."""
        by_reason: dict[str, list[Skipped]] = {}
        for entry in self.skipped:
            by_reason.setdefault(entry.reason, []).append(entry)
        lines = [f"{len(self.samples):,} faces read, {len(self.skipped):,} entries skipped"]
        for reason, entries in sorted(by_reason.items(), key=lambda item: -len(item[1])):
            names = ", ".join(map(str, entries[:NAMES_SHOWN]))
            more = ", …" if len(entries) > NAMES_SHOWN else ""
            lines.append(f"  {len(entries):,} × {reason}: {names}{more}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


class ReadingBuilder:
    """Collects a ``Reading``; an entry that fails inside ``entry`` is named and skipped."""

    def __init__(self) -> None:
        self.samples: list[FaceSample] = []
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []

    def add(self, sample: FaceSample) -> None:
        self.samples.append(sample)

    def skip(self, name: str, reason: str, detail: str = "") -> None:
        self.skipped.append(Skipped(name, reason, detail))

    @contextmanager
    def entry(self, name: str) -> Iterator[None]:
        try:
            yield
        except UnusableEntryError as error:
            self.skip(name, error.reason, error.detail)

    def reading(self) -> Reading:
        return Reading(tuple(self.samples), tuple(self.skipped), tuple(self.notes))


def crop_square_px(
    sample: FaceSample, width_px: int, height_px: int, factor: float | None = None
) -> FaceBox:
    """The square of an image of this size that ``load_crop`` cuts.

    ``factor`` is the wanted side ÷ the longer side of the 68-landmark box. It applies where the
    factor of the sample's own crop is known; elsewhere the whole crop is used.

    Raises ``core.images.ImageError`` when that image cannot be the one that was labelled.
    """
    _check_size(sample, width_px, height_px)
    square = sample.crop_square or FaceBox(0, 0, width_px, height_px).square()
    if factor is None or sample.crop_factor is None:
        return square
    return square.square(factor / sample.crop_factor)


def load_crop(sample: FaceSample, size_px: int, factor: float | None = None) -> np.ndarray:
    """The face as a square crop, uint8 RGB (size_px, size_px, 3), black outside the image.

    Raises ``core.images.ImageError`` when the file cannot be read or has the wrong size.
    """
    image_rgb = read_image(sample.image_path)
    height_px, width_px = image_rgb.shape[:2]
    return cut_square(image_rgb, crop_square_px(sample, width_px, height_px, factor), size_px)


def require_labelled_size(
    name: str, labelled_px: tuple[float, float], width_px: int, height_px: int
) -> None:
    """Raises ``ImageError`` when a label was made for a picture of another size than this one.

    ``labelled_px`` is the width and height that the label names, both positive; ``width_px`` and
    ``height_px`` are those of the picture that is there, upright.
    """
    if labelled_px == (width_px, height_px):
        return
    came = (
        f"{name}: the picture has {width_px} × {height_px} px upright, "
        f"its label was made for {labelled_px[0]:g} × {labelled_px[1]:g}"
    )
    if labelled_px == (height_px, width_px):
        raise ImageError(
            f"{came}, perhaps before the picture was turned upright as its EXIF says; "
            "label the upright picture"
        )
    raise ImageError(f"{came}; restore the original file")


def _check_size(sample: FaceSample, width_px: int, height_px: int) -> None:
    """Raises ``ImageError`` when the image cannot be the one that the label was made for."""
    size = f"{sample.name}: the picture has {width_px} × {height_px} px"
    if sample.picture_size_px is not None:
        require_labelled_size(sample.name, sample.picture_size_px, width_px, height_px)
    box = sample.box or sample.crop_square
    if box is None:
        if sample.crop_factor is not None and width_px != height_px:
            raise ImageError(f"{size}; expected a square crop; restore the original file")
    elif FaceBox(0, 0, width_px, height_px).intersection_over_union(box) == 0:
        raise ImageError(f"{size} and the face box lies outside it; restore the original file")
