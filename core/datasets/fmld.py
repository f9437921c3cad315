"""FMLD: PASCAL VOC annotations (``FMLD_annotations/{train,test}/*.xml``) of MAFA and WIDER images.

Source: Batagelj et al., How to Correctly Detect Face-Masks for COVID-19 from Visual Information?,
Applied Sciences 2021. Classes masked_face, unmasked_face, incorrectly_masked_face; faces that are
``difficult`` or ``invalid_face`` are not part of the set. Other VOC sets with mask labels
(with_mask, without_mask, mask_weared_incorrect) read the same.

Images are found by file name, beside their XML file or anywhere under the root, never outside.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.datasets.checks import face_box, finite
from core.datasets.files import find_files, require_folder, require_split
from core.datasets.mask_labels import MASK_CROP_FACTOR, mask_label
from core.datasets.sample import (
    DatasetError,
    FaceSample,
    Reading,
    ReadingBuilder,
    UnusableEntryError,
)

#: A picture of a crowd with a thousand faces takes 500 kB.
MAX_XML_BYTES = 4 * 2**20


def read_fmld(root: Path, split: str | None = None) -> Reading:
    """The faces of ``split``, the folder that the XML files lie in (None: all)."""
    require_folder(root, "PASCAL VOC .xml files and the images they name")
    xml_paths, images = [], dict[str, list[Path]]()
    for path in find_files(root):
        if path.suffix.lower() == ".xml":
            xml_paths.append(path)
        else:
            images.setdefault(path.name, []).append(path)
    if not xml_paths:
        raise DatasetError(f"{root} has no .xml file; expected PASCAL VOC annotations with images")
    require_split(split, (path.parent.name for path in xml_paths), root)
    builder = ReadingBuilder()
    for path in xml_paths:
        if split is None or path.parent.name == split:
            with builder.entry(path.relative_to(root).as_posix()):
                _read_annotation(path, images, builder)
    return builder.reading()


def _read_annotation(path: Path, images: dict[str, list[Path]], builder: ReadingBuilder) -> None:
    annotation = _parse(path)
    file_name = annotation.findtext("filename", "").strip()
    image_path = _find_image(annotation, file_name, path, images)
    size_px = _image_size(annotation)
    faces = annotation.findall("object")
    if not faces:
        raise UnusableEntryError("no face in the label")
    for index, face in enumerate(faces, start=1):
        with builder.entry(f"{file_name}#{index}"):
            builder.add(_sample(face, f"{file_name}#{index}", image_path, size_px, path))


def _parse(path: Path) -> Element:
    """The root element; entities and document types are refused: they can be bombs."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_XML_BYTES + 1)
        if len(data) > MAX_XML_BYTES:
            raise UnusableEntryError("annotation is too large", f"over {MAX_XML_BYTES:,} bytes")
        annotation: Element = fromstring(data, forbid_dtd=True)
    except OSError as error:
        raise UnusableEntryError("annotation cannot be read", str(error.strerror)) from None
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        if isinstance(error, UnusableEntryError):
            raise
        detail = " ".join(str(error).split())[:80]
        raise UnusableEntryError("annotation is no sound XML", detail) from None
    if annotation.tag != "annotation":
        raise UnusableEntryError("annotation is not PASCAL VOC", f"<{annotation.tag[:40]}>")
    return annotation


def _find_image(
    annotation: Element, file_name: str, xml_path: Path, images: dict[str, list[Path]]
) -> Path:
    """The image beside the XML file, else the only one of its name, else the one ``path`` names.

    The names in a file are only looked up among the files under the root, never joined to a path.
    """
    candidates = images.get(file_name, [])
    beside = [path for path in candidates if path.parent == xml_path.parent]
    tail = annotation.findtext("path", "").strip().replace("\\", "/").lstrip("./")
    named = [path for path in candidates if tail and path.as_posix().endswith(f"/{tail}")]
    for chosen in (beside, candidates, named):
        if len(chosen) == 1:
            return chosen[0]
    if not candidates:
        raise UnusableEntryError("image is missing", repr(file_name[:80]))
    raise UnusableEntryError("image name is ambiguous", f"{len(candidates)} files of this name")


def _image_size(annotation: Element) -> tuple[float, float] | None:
    """Width and height in pixels as annotated; None when absent or 0."""
    width = annotation.findtext("size/width")
    height = annotation.findtext("size/height")
    if width is None or height is None:
        return None
    size_px = finite(width, "width"), finite(height, "height")
    return size_px if min(size_px) > 0 else None


def _sample(
    face: Element, name: str, image_path: Path, size_px: tuple[float, float] | None, xml_path: Path
) -> FaceSample:
    class_name = face.findtext("name", "").strip()
    if class_name == "invalid_face":
        raise UnusableEntryError("invalid face", "invalid_face")
    if face.findtext("difficult", "0").strip() == "1":
        raise UnusableEntryError("marked as difficult")
    label = mask_label(class_name)
    left, top, right, bottom = (
        finite(face.findtext(f"bndbox/{edge}", ""), edge)
        for edge in ("xmin", "ymin", "xmax", "ymax")
    )
    box = face_box(left, top, right - left, bottom - top)
    if size_px and (left >= size_px[0] or top >= size_px[1] or right <= 0 or bottom <= 0):
        raise UnusableEntryError("face box lies outside the image")
    pose = face.findtext("pose", "").strip()
    return FaceSample(
        image_path=image_path,
        name=name,
        box=box,
        crop_square=box.square(MASK_CROP_FACTOR),
        mask=label,
        split=xml_path.parent.name,
        source="fmld",
        group=image_path.name,
        attributes={"pose": pose} if pose else {},
        picture_size_px=size_px,
    )
