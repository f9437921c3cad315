"""PASCAL VOC as FMLD writes it: one XML file a picture, classes ``masked_face`` and so on.

Boxes are ``xmin, ymin, xmax, ymax`` in pixels. What VOC has no element for stands as JSON in an
element ``maskpose``, so that it comes back to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import defusedxml.ElementTree as safe_xml

from core.faces import FaceBox
from db.formats import DAMAGED
from db.records import (
    FaceRecord,
    Named,
    box_of_numbers,
    class_of,
    extras,
    our_names,
    picture_extras,
    with_extras,
)

_FMLD_NAMES = {
    "masked": "masked_face",
    "unmasked": "unmasked_face",
    "incorrect": "incorrectly_masked_face",
}
_OUR_NAMES = {fmld: ours for ours, fmld in _FMLD_NAMES.items()}


def write(records: Iterable[FaceRecord], folder: Path) -> None:
    """One file a picture into a new folder; records of one picture follow each other."""
    folder.mkdir(parents=True, exist_ok=True)
    for _, group in groupby(records, key=lambda record: record.sha256):
        faces = list(group)
        tree = ElementTree.ElementTree(_picture(faces))
        tree.write(folder / f"{Path(faces[0].file).stem}.xml", encoding="utf-8")


def read(folder: Path, named: Named = our_names) -> Iterator[FaceRecord | tuple[str, str]]:
    """Records of all XML files below the folder, or (file, reason) for a file or a face in it."""
    for path in sorted(folder.rglob("*.xml")) if folder.is_dir() else [folder]:
        try:
            root = safe_xml.parse(path).getroot()
        except (ElementTree.ParseError, OSError, *DAMAGED) as error:
            yield path.name, f"no PASCAL VOC file: {error}"
            continue
        for number, item in enumerate(root.iterfind("object"), 1):
            try:
                yield _face(item, root, path, named)
            except DAMAGED as error:
                yield path.name, f"face {number} does not fit: {error}"


def _picture(faces: list[FaceRecord]) -> ElementTree.Element:
    first = faces[0]
    root = ElementTree.Element("annotation")
    _add(root, "filename", first.file)
    size = _add(root, "size")
    for name, value in (("width", first.width_px), ("height", first.height_px), ("depth", 3)):
        _add(size, name, value)
    _add(root, "maskpose", json.dumps(picture_extras(first)))
    for face in faces:
        _add_face(root, face)
    return root


def _add_face(root: ElementTree.Element, face: FaceRecord) -> None:
    item = _add(root, "object")
    label = class_of(face.label)
    _add(item, "name", _FMLD_NAMES.get(label, label))
    box = _add(item, "bndbox")
    assert face.box is not None  # every stored face has one
    for name in ("left_px", "top_px", "right_px", "bottom_px"):
        _add(box, _VOC_SIDES[name], getattr(face.box, name))
    # The exact box too: sums of floats do not always come back.
    exact = [face.box.left_px, face.box.top_px, face.box.width_px, face.box.height_px]
    _add(item, "maskpose", json.dumps({**extras(face), "box": exact, "score": face.box.score}))


_VOC_SIDES = {"left_px": "xmin", "top_px": "ymin", "right_px": "xmax", "bottom_px": "ymax"}


def _face(item: Any, root: Any, path: Path, named: Named) -> FaceRecord | tuple[str, str]:
    name = (item.findtext("name") or "").strip()
    picture = json.loads(root.findtext("maskpose") or "{}")
    extra = json.loads(item.findtext("maskpose") or "{}")
    record = with_extras(
        _OUR_NAMES.get(name, name),
        named,
        {**picture, **extra},
        file=(root.findtext("filename") or f"{path.stem}.jpg").strip(),
        width_px=_whole(root.findtext("size/width")),
        height_px=_whole(root.findtext("size/height")),
        box=_box(item, extra),
    )
    return record or (path.name, f"class {name!r} is none of ours")


def _box(item: Any, extra: dict[str, Any]) -> FaceBox:
    if "box" in extra:
        return box_of_numbers(extra["box"], extra.get("score"))
    left, top, right, bottom = (
        float(item.findtext(f"bndbox/{side}") or "nan") for side in _VOC_SIDES.values()
    )
    return FaceBox(left, top, right - left, bottom - top)


def _whole(text: str | None) -> int | None:
    return int(float(text)) if text and float(text) > 0 else None


def _add(parent: ElementTree.Element, name: str, value: object = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    if value is not None:
        child.text = str(value)
    return child
