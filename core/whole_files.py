"""Files that are whole whenever somebody looks, after a power failure as well."""

from __future__ import annotations

import os
from pathlib import Path


def put_in_place(partial: Path, path: Path) -> None:
    """``partial`` becomes ``path``. Its content reaches the disk first: else the new name could
    outlive a power failure that the content does not."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
