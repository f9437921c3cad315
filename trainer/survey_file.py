"""What a survey of the stored faces found, as a file that the pages read; numpy alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from core.whole_files import write_whole


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """A map of ``n`` faces, and which of them are near-duplicates.

    model: the student whose features were reduced; asked: how many faces were to be looked at.
    face_ids: (n,) int64; positions: (n, 2) float32, where each lies on the map, no unit.
    pairs: (m, 3) int64, two face ids and how many bits of their hashes differ.
    """

    model: str
    asked: int
    face_ids: np.ndarray
    positions: np.ndarray
    pairs: np.ndarray


def save_survey(path: Path, survey: Survey) -> None:
    """The file appears whole or not at all."""
    buffer = BytesIO()
    np.savez_compressed(buffer, **asdict(survey))
    write_whole(path, buffer.getvalue())


def load_survey(path: Path) -> Survey:
    with np.load(path, allow_pickle=False) as file:
        return Survey(
            model=str(file["model"]),
            asked=int(file["asked"]),
            face_ids=file["face_ids"],
            positions=file["positions"],
            pairs=file["pairs"],
        )
