"""Whether a registered model's file still holds it: an update of the program replaces the shipped
student's, and then a newer model lies where an earlier one did."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from core.whole_files import sha256_of
from db.home import Home
from db.models import Model, PromotionRefused


def why_not_servable(home: Home, model: Model) -> str:
    """One sentence about the file, without its end; empty where the model can serve."""
    path = home.root / model.path
    try:
        found = present_sha256(path)
    except OSError as error:
        return f"{model.name} cannot serve: its file {path} cannot be read ({error.strerror})"
    if found != model.sha256:
        return f"{model.name} cannot serve: its file {path} holds another model now"
    return ""


def require_servable(home: Home, model: Model) -> None:
    """Raises PromotionRefused."""
    fault = why_not_servable(home, model)
    if fault:
        raise PromotionRefused(fault)


def present_sha256(path: Path) -> str:
    """Of the file as it is now; computed once for each state of it. Raises OSError."""
    state = path.stat()
    return _sha256_in(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_in(path: Path, *state: int) -> str:
    return sha256_of(path)
