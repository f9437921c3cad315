"""One picture in several folders: the app's copy and its file in a data set are taught once.

A picture is known by the SHA-256 of its file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.datasets import FaceSample
from core.whole_files import sha256_of
from trainer.label_snapshot import KnownPictures, is_labelled_here, known_pictures

logger = logging.getLogger(__name__)

#: A folder and the faces read from it.
Part = tuple[Path, Sequence[FaceSample]]


def pictures_of(samples: Sequence[FaceSample]) -> list[str | None]:
    """SHA-256 of the picture of each face; None where the file cannot be read, which whoever
    reads the picture says."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(_sha256, samples))


def _sha256(sample: FaceSample) -> str | None:
    try:
        return sha256_of(sample.image_path)
    except OSError:
        return None


def merge(parts: Sequence[Part], split: str) -> tuple[list[FaceSample], list[FaceSample]]:
    """The faces of ``split`` that the app has, and the others, which data sets add to them.

    Of a picture that people have labelled in the app, or that is held out there, only what the app
    says counts: a data set may know it with a label that was corrected since, or train on it.
    A picture that only an import has labelled is taught as its data set gives it: the copy in the
    app has lost landmarks, weight and scale, and would overrule the teachers as a person does.
    """
    annotated, known = _of_the_app([part for part in parts if is_labelled_here(part[0])])
    copies = known.copies if split == "train" else frozenset()  # elsewhere the app's copy judges
    hidden = (known.ours | known.copies) - copies
    originals: list[FaceSample] = []
    added: list[FaceSample] = []
    replaced = set()
    for folder, samples in parts:
        if is_labelled_here(folder):
            continue
        pictures = pictures_of(samples) if hidden or copies else [None] * len(samples)
        for sample, picture in zip(samples, pictures, strict=True):
            if picture in copies:
                originals.append(sample)
                replaced.add(picture)
            elif picture not in hidden:
                added.append(sample)
        _say_left_out(folder, sum(picture in hidden for picture in pictures))
    annotated = [sample for sample in annotated if _stored_picture(sample) not in replaced]
    return annotated + originals, added


def _of_the_app(parts: Sequence[Part]) -> tuple[list[FaceSample], KnownPictures]:
    """The labelled faces of home folders and of runs; of a picture in several, those of the
    first."""
    annotated: list[FaceSample] = []
    known = KnownPictures()
    for folder, samples in parts:
        seen = known.ours | known.copies
        new = [sample for sample in samples if _stored_picture(sample) not in seen]
        _say_left_out(folder, len(samples) - len(new))
        annotated += new
        known |= known_pictures(folder)
    return annotated, known


def _stored_picture(sample: FaceSample) -> str:
    """SHA-256 of a picture in a home folder, where files are named by it."""
    return sample.image_path.stem


def _say_left_out(folder: Path, faces: int) -> None:
    if faces:
        logger.info(
            "%s: %d faces left out, their pictures are labelled in the app", folder.name, faces
        )
