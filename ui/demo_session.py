"""What one browser tab of the demo has open: its photos, the shown one, the page of its faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ui.answers import AnsweredPhoto

Style = Literal["axes", "cube"]


@dataclass(frozen=True, kw_only=True)
class DemoSession:
    """``photos`` by the path of the upload, in the order of the page."""

    photos: Mapping[str, AnsweredPhoto] = field(default_factory=dict)
    shown: str | None = None
    page: int = 0
    style: Style = "axes"
    min_score: float = 0.0

    @property
    def photo(self) -> AnsweredPhoto | None:
        return self.photos.get(self.shown) if self.shown else None

    def with_photo(self, path: str, photo: AnsweredPhoto) -> DemoSession:
        return replace(self, photos={**self.photos, path: photo})

    def with_shown_photo(self, photo: AnsweredPhoto) -> DemoSession:
        return self.with_photo(self.shown, photo) if self.shown else self

    def show(self, path: str | None) -> DemoSession:
        return replace(self, shown=path, page=0)

    def turn_to(self, page: int) -> DemoSession:
        return replace(self, page=page)

    def only(self, paths: list[str]) -> DemoSession:
        """Without the photos that the person has taken off the page."""
        photos = {path: self.photos[path] for path in paths if path in self.photos}
        shown = self.shown if self.shown in photos else next(iter(photos), None)
        return replace(self, photos=photos, shown=shown)
