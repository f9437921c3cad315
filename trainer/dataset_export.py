"""Labels and pictures out of the database; a folder per class gets the faces cut out."""

from __future__ import annotations

from pathlib import Path

from core.crop import REFERENCE_FACTOR, cut_square
from core.detector import landmark_box
from core.faces import FaceBox
from core.images import decode_image, encode_png
from db.export import EXPORT_FORMATS, ExportFormat, ExportReport, export_faces
from db.filters import FaceFilter
from db.home import Home

__all__ = ["EXPORT_FORMATS", "cut_face", "export_path"]

#: Crops are not made larger than this.
MAX_CROP_PX = 512


def export_path(
    home: Home,
    target: Path,
    *,
    format: ExportFormat | None = None,
    images: bool = False,
    filter: FaceFilter | None = None,
) -> ExportReport:
    """Write the labels to a new file or folder; the report says what is there."""
    target = target.expanduser().resolve()
    return export_faces(home, target, format=format, images=images, filter=filter, cut=cut_face)


def cut_face(data: bytes, box: FaceBox) -> bytes:
    """A PNG of the square around a face that trainings are given (black outside the picture).

    The networks see its inner part, by the crop factor of their model cards. A picture that is a
    face crop itself, the box being all of it, comes back as it is.
    """
    image_rgb = decode_image(data, "the picture")
    height_px, width_px = image_rgb.shape[:2]
    if (box.left_px, box.top_px, box.width_px, box.height_px) == (0, 0, width_px, height_px):
        return data
    square = landmark_box(box).square(REFERENCE_FACTOR)
    size_px = max(1, min(MAX_CROP_PX, round(square.width_px)))
    return encode_png(cut_square(image_rgb, square, size_px))
