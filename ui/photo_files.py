"""Photos on disk in, answers out: finds the files, answers each, draws what was asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from core.faces import FacePrediction
from core.images import IMAGE_SUFFIXES, ImageError, encode_jpeg, read_image
from core.overlay import draw_faces
from core.whole_files import write_whole
from ui.terminal import Row, photo_row

#: An RGB picture → the faces in it.
Answer = Callable[[np.ndarray], Sequence[FacePrediction]]


@dataclass(frozen=True)
class PhotoAnswers:
    """A row for each photo that could be read, a line for each that could not or is not drawn."""

    rows: list[Row]
    failures: list[str]


def answer_photos(
    paths: Iterable[Path], load_answer: Callable[[], Answer], drawings: Path | None = None
) -> PhotoAnswers:
    """Answers every photo under ``paths``; a bad one becomes a failure and the others go on.

    ``load_answer`` is called once, when the first photo has been read. ``drawings`` is the folder
    for pictures with the answers drawn in; files that are there already are never replaced.
    """
    answers = PhotoAnswers(rows=[], failures=[])
    load_answer = cache(load_answer)
    if drawings is not None:
        drawings.mkdir(parents=True, exist_ok=True)
    photos = list(find_photos(paths, answers.failures, leave_out=drawings))
    for photo in tqdm(photos, unit="photo", disable=None if len(photos) > 1 else True, leave=False):
        try:
            image_rgb = read_image(photo)
        except ImageError as error:
            answers.failures.append(str(error))
            continue
        faces = load_answer()(image_rgb)
        height_px, width_px = image_rgb.shape[:2]
        answers.rows.append(photo_row(str(photo), width_px, height_px, faces))
        if drawings is not None:
            try:
                drawn = encode_jpeg(draw_faces(image_rgb, faces))
                write_whole(_free_path(drawings, photo.stem), drawn)
            except (ImageError, OSError) as error:  # a full disk must not cost the answers either
                answers.failures.append(f"{photo}: answered but not drawn: {error}")
    return answers


def find_photos(
    paths: Iterable[Path], failures: list[str], leave_out: Path | None = None
) -> Iterator[Path]:
    """Files as given, and the photos in folders (all levels, natural order, no hidden files).

    Folders that cannot be read or hold no photo are added to ``failures``; ``leave_out`` and
    what lies in it is not searched, so that earlier drawings are not answered again.
    """
    for path in paths:
        if not path.is_dir():
            yield path  # whatever it is, reading it says what is wrong
            continue
        errors: list[OSError] = []
        photos = sorted(_photos_in(path, errors.append, leave_out), key=_natural_order)
        failures.extend(f"{error.filename}: {error.strerror}" for error in errors)
        if not photos and not errors:
            kinds = " ".join(sorted(IMAGE_SUFFIXES))
            failures.append(f"{path}: the folder has no photos; expected files ending in {kinds}")
        yield from photos


def _photos_in(
    folder: Path, on_error: Callable[[OSError], None], leave_out: Path | None
) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=on_error):
        if leave_out is not None and Path(place).resolve() == leave_out.resolve():
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                yield Path(place, name)


def _natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sorts img2 before img10, folder by folder."""
    return [
        (0, int(piece), "") if piece.isdecimal() and piece.isascii() else (1, 0, piece.lower())
        for part in path.parts
        for piece in (*re.split(r"([0-9]+)", part), "")
    ]


def _free_path(folder: Path, photo_name: str) -> Path:
    """Where to draw a photo's answer: a plain name, numbered from 2 on when it is taken."""
    stem = re.sub(r"[^\w.-]+", "_", photo_name)[:80].lstrip(".") + "-faces"
    path, number = folder / f"{stem}.jpg", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.jpg", number + 1
    return path
