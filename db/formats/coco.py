"""COCO: images, categories and annotations with ``bbox`` = [left, top, width, height] in pixels.

What COCO has no key for stands under ``maskpose`` of an image or annotation, as COCO allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from core.faces import MASK_CLASSES
from db.formats import DAMAGED
from db.records import (
    FACE_ONLY,
    NOT_A_FACE,
    FaceRecord,
    FormatError,
    Named,
    box_of_numbers,
    class_of,
    extras,
    our_names,
    picture_extras,
    with_extras,
)

SUFFIX = ".json"
CATEGORIES = (*map(str, MASK_CLASSES), FACE_ONLY, NOT_A_FACE)


def write(records: Callable[[], Iterable[FaceRecord]], path: Path) -> None:
    """Streams: ``records`` is called twice, once for the pictures, once for the faces."""
    with path.open("w", encoding="utf-8") as file:
        categories = [{"id": n, "name": name} for n, name in enumerate(CATEGORIES, 1)]
        file.write('{"info": {"description": "MaskPose Studio"},\n"categories": ')
        file.write(json.dumps(categories))
        _write_list(file, "images", _images(records()))
        _write_list(file, "annotations", _annotations(records()))
        file.write("}\n")


def read(path: Path, named: Named = our_names) -> Iterator[FaceRecord | tuple[str, str]]:
    """Records, or (annotation, reason) for what cannot be used."""
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        images = {image["id"]: image for image in coco["images"]}
        names = {category["id"]: category["name"] for category in coco["categories"]}
        annotations = list(coco["annotations"])
    except DAMAGED as error:
        raise FormatError(
            f"{path.name} is no COCO file ({error!r}): expected images, categories, annotations"
        ) from error
    for number, annotation in enumerate(annotations, 1):
        try:
            yield _record(annotation, images, names, named)
        except DAMAGED as error:
            yield f"annotation {number}", f"does not fit: {error}"


def _record(
    annotation: dict[str, Any],
    images: dict[int, dict[str, Any]],
    names: dict[int, str],
    named: Named,
) -> FaceRecord:
    image = images[annotation["image_id"]]
    extra = {**image.get("maskpose", {}), **annotation.get("maskpose", {})}
    category = names[annotation["category_id"]]
    record = with_extras(
        category,
        named,
        extra,
        file=image["file_name"],
        width_px=image.get("width"),
        height_px=image.get("height"),
        box=box_of_numbers(annotation["bbox"], annotation.get("score")),
    )
    if record is None:
        raise ValueError(f"category {category!r} is none of ours")
    return record


def _by_image(records: Iterable[FaceRecord]) -> Iterator[tuple[int, Iterator[FaceRecord]]]:
    """Records of one picture follow each other."""
    groups = groupby(records, key=lambda record: record.sha256)
    for number, (_, group) in enumerate(groups, 1):
        yield number, group


def _images(records: Iterable[FaceRecord]) -> Iterator[dict[str, Any]]:
    for number, group in _by_image(records):
        record = next(group)
        yield {
            "id": number,
            "file_name": record.file,
            "width": record.width_px,
            "height": record.height_px,
            "maskpose": picture_extras(record),
        }


def _annotations(records: Iterable[FaceRecord]) -> Iterator[dict[str, Any]]:
    count = 0
    for number, group in _by_image(records):
        for record in group:
            count += 1
            box = record.box
            assert box is not None  # every stored face has one
            yield {
                "id": count,
                "image_id": number,
                "category_id": 1 + CATEGORIES.index(class_of(record.label)),
                "bbox": [box.left_px, box.top_px, box.width_px, box.height_px],
                "area": box.area_px2,
                "iscrowd": 0,
                **({"score": box.score} if box.score is not None else {}),
                "maskpose": extras(record),
            }


def _write_list(file: TextIO, key: str, items: Iterable[dict[str, Any]]) -> None:
    file.write(f',\n"{key}": [')
    for number, item in enumerate(items):
        file.write((",\n" if number else "\n") + json.dumps(item, ensure_ascii=False))
    file.write("]")
