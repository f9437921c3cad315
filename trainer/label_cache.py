"""What teachers said about faces, kept from run to run: a retraining asks about new faces only.

A face is known by its pixels, a file by the teachers that were asked, so nothing in it can be out
of date.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from core.face_network import FaceNetwork
from core.whole_files import put_in_place
from trainer.face_pool import FacePool

#: Files of as many sets of teachers, or of students, are kept: the champion changes often.
KEPT_FILES = 3
#: Nobody writes on any more at a partial file that has not changed for so long.
ABANDONED_S = 3600.0

#: What reading a missing, cut, empty or otherwise damaged .npz raises; RuntimeError where the
#: damage looks like encryption or an unknown compression.
DAMAGED = (OSError, EOFError, BadZipFile, KeyError, ValueError, RuntimeError)


class SoftLabel(NamedTuple):
    """The teachers' opinion on one face; float32, see ``core.distillation.SoftLabels``."""

    pose_probabilities: np.ndarray  # (3, 62)
    rotation: np.ndarray  # (3, 3)
    agreement: np.ndarray  # ()
    mask_logits: np.ndarray  # (C,)


def face_keys(pool: FacePool) -> list[bytes]:
    """SHA-256 of what teachers see of each face: its pixels and how tightly they are cut."""
    keys = []
    for image, factor in zip(pool.images, pool.crop_factor, strict=True):
        digest = hashlib.sha256(f"{image.shape} {factor}".encode())
        digest.update(image.tobytes())
        keys.append(digest.digest())
    return keys


@dataclass(frozen=True)
class LabelCache:
    """One file of opinions; ``read_only`` for all but one of several processes."""

    path: Path
    read_only: bool = False

    @classmethod
    def of(
        cls, folder: Path, teachers: Sequence[FaceNetwork], *, read_only: bool = False
    ) -> LabelCache:
        """The file of these teachers in ``folder``."""
        name = f"soft_labels-{_digest(teachers)[:16]}.npz"
        return cls(folder / name, read_only)

    def read(self) -> dict[bytes, SoftLabel]:
        """Everything known, by ``face_keys``. A damaged file knows nothing."""
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                columns = [stored[name] for name in SoftLabel._fields]
                keys = [key.tobytes() for key in stored["keys"]]
            labels = (SoftLabel(*row) for row in zip(*columns, strict=True))
            return dict(zip(keys, labels, strict=True))
        except DAMAGED:
            return {}

    def write(self, labels: Mapping[bytes, SoftLabel]) -> None:
        """Keep these; the file appears whole or not at all."""
        if self.read_only:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        columns = {
            name: np.stack([getattr(label, name) for label in labels.values()])
            for name in SoftLabel._fields
        }
        keys = np.stack([np.frombuffer(key, np.uint8) for key in labels])
        partial = self.path.with_name(f"{self.path.stem}.{os.getpid()}.partial.npz")
        np.savez(partial, keys=keys, **columns)  # type: ignore[arg-type]
        put_in_place(partial, self.path)
        keep_latest(self.path.parent, "soft_labels-*.npz")


def keep_latest(folder: Path, pattern: str) -> None:
    """Delete all but the latest ``KEPT_FILES`` whole files of that kind, and what was left half
    written."""
    partial = set(folder.glob("*.partial*"))
    whole = set(folder.glob(pattern)) - partial
    for file in sorted(whole, key=lambda file: file.stat().st_mtime)[:-KEPT_FILES]:
        file.unlink(missing_ok=True)
    for file in filter(_is_abandoned, partial):
        file.unlink(missing_ok=True)


def _is_abandoned(partial: Path) -> bool:
    """By its age: whoever writes it may be another machine's process, which has no number here."""
    with suppress(FileNotFoundError):  # it has just become whole
        return time.time() - partial.stat().st_mtime > ABANDONED_S
    return False


def _digest(teachers: Sequence[FaceNetwork]) -> str:
    """SHA-256 over the cards and the weights of all teachers."""
    digest = hashlib.sha256()
    for teacher in teachers:
        digest.update(repr(teacher.card).encode())
        for value in teacher.state_dict().values():
            digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()
