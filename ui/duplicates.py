"""Near-duplicates among the stored faces: which of them are a problem, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from db.face_samples import FaceState

#: Two face ids, and how many bits of their hashes differ.
Pair = tuple[int, int, int]


def pair_kinds(pairs: Sequence[Pair], states: Mapping[int, FaceState]) -> dict[str, list[Pair]]:
    """The pairs whose faces are both still there and of different pictures, by what is wrong."""
    known = [pair for pair in pairs if _are_of_two_pictures(pair, states)]
    return {
        "labelled differently": [pair for pair in known if _differ(pair, states, "label")],
        "in different splits": [pair for pair in known if _differ(pair, states, "split")],
        "all": known,
    }


def _are_of_two_pictures(pair: Pair, states: Mapping[int, FaceState]) -> bool:
    first, second = (states.get(face) for face in pair[:2])
    return first is not None and second is not None and first.image_id != second.image_id


def _differ(pair: Pair, states: Mapping[int, FaceState], field: str) -> bool:
    first, second = (getattr(states[face], field) for face in pair[:2])
    return None not in (first, second) and first != second
