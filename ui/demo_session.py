"""What one browser tab of the demo has open: its photos, the shown one, the page of its faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ui.answers import AnsweredPhoto

Style = Literal["axes", "cube"]
#: Whatever asks the models about a photo stands in this one queue, so that a page or program
#: that sends many slows nobody's clicks down.
ONE_QUEUE = "photos"


@dataclass
class DemoSession:
    """Changed in place: while photos are answered, the person clicks on, and neither may be lost.

    ``photos`` by the path of the upload, in the order of the page.
    """

    photos: dict[str, AnsweredPhoto] = field(default_factory=dict)
    shown: str | None = None
    page: int = 0
    style: Style = "axes"
    min_score: float = 0.0
    keep: bool = False

    @property
    def photo(self) -> AnsweredPhoto | None:
        """The photo on the screen."""
        return self.photos.get(self.shown) if self.shown else None

    def show(self, path: str) -> None:
        if path != self.shown:
            self.shown, self.page = path, 0

    def update(self, path: str, photo: AnsweredPhoto) -> None:
        """The photo after something that took a while, unless it was taken off the page."""
        if path in self.photos:
            self.photos[path] = photo

    def update_answers(self, path: str, photo: AnsweredPhoto) -> None:
        """The photo with more answers; faces that were drawn into it meanwhile stay."""
        before = self.photos.get(path, photo)
        drawn = before.faces[len(photo.faces) :]
        self.photos[path] = replace(photo, faces=photo.faces + drawn)

    def drop_all_but(self, paths: Sequence[str]) -> None:
        """Forget the photos that the person has taken off the page."""
        self.photos = {path: photo for path, photo in self.photos.items() if path in paths}
        if self.shown not in self.photos:
            self.shown, self.page = next(iter(self.photos), None), 0
