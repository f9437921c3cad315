"""Faces that show the same picture, by perceptual hashes: resizing hardly changes them."""

from __future__ import annotations

import imagehash
import numpy as np
from PIL import Image

HASH_BITS = 64
#: Hashes that differ in at most so many bits belong to copies of one picture.
MAX_BITS = 4
_ROWS_AT_ONCE = 256


def perceptual_hash(crop_rgb: np.ndarray) -> int:
    """The 64-bit pHash of a crop uint8 (S, S, 3).

    Source: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010).
    """
    bits = imagehash.phash(Image.fromarray(crop_rgb)).hash.ravel()  # (64,) bool
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_pairs(hashes: np.ndarray, max_bits: int = MAX_BITS) -> np.ndarray:
    """Row numbers of all pairs of ``hashes`` uint64 (n,) that are near: int64 (m, 3).

    Columns: first row, second row, bits that differ. Every pair is looked at: 20,000 hashes take
    some seconds.
    """
    found = []
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        block = hashes[start : start + _ROWS_AT_ONCE]
        bits = np.bitwise_count(block[:, None] ^ hashes[None, start:])
        first, second = np.nonzero(bits <= max_bits)
        later = second > first
        first, second = first[later], second[later]
        found.append(np.stack([first + start, second + start, bits[first, second]], axis=1))
    return np.concatenate(found).astype(np.int64) if found else np.zeros((0, 3), np.int64)
