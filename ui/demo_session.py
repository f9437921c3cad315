"""What one browser tab of the demo has open: its photos, the shown one, the page of its faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ui.answers import AnsweredFace, AnsweredPhoto

Style = Literal["axes", "cube"]
#: Whatever asks the models about a photo stands in this one queue, so that a page or program
#: that sends many slows nobody's clicks down.
ONE_QUEUE = "photos"
#: Uploads and results that Gradio holds for the browser are deleted after this long.
FORGET_AFTER_MINUTES = 15


@dataclass
class DemoSession:
    """Changed in place: while photos are answered, the person clicks on, and neither may be lost.

    ``uploads`` are the paths of the files on the page by now, and ``photos`` those of them that
    are answered. While it ``follows``, a photo comes to the screen with its first answer.
    ``version`` is the registered student that was chosen; None is the one that serves.
    ``corrections`` made here: operation id → path of the photo and index of the face.
    """

    uploads: tuple[str, ...] = ()
    photos: dict[str, AnsweredPhoto] = field(default_factory=dict)
    shown: str | None = None
    follows: bool = True
    page: int = 0
    style: Style = "axes"
    min_score: float = 0.0
    keep: bool = False
    version: str | None = None
    corrections: dict[str, tuple[str, int]] = field(default_factory=dict)

    def put_uploads(self, paths: Sequence[str]) -> None:
        """What is on the page now: the view follows new photos, and those taken off are gone."""
        self.follows = self.follows or not set(paths) <= set(self.uploads)
        self.uploads = tuple(paths)
        self._forget_absent()

    def lacks(self, path: str) -> bool:
        """Whether the photo is on the page still, and not answered yet."""
        return path in self.uploads and path not in self.photos

    def stay_on(self, path: str) -> None:
        """Show the photo that the person turned to; no other one takes its place by itself."""
        if path in self.photos:
            self.follows = False
            self._show(path)

    def update(self, path: str, photo: AnsweredPhoto) -> None:
        """The photo after something that took a while, unless it was taken off the page."""
        if path in self.photos:
            self.photos[path] = photo

    def update_face(self, path: str, index: int, face: AnsweredFace) -> None:
        """New answers for one face; what is known of it in the database stays."""
        if path in self.photos:
            faces = list(self.photos[path].faces)
            faces[index] = replace(face, stored=faces[index].stored)
            self.photos[path] = replace(self.photos[path], faces=tuple(faces))

    def update_answers(self, path: str, photo: AnsweredPhoto) -> None:
        """The photo with more answers; faces that were drawn into it stay, and what was kept."""
        before = self.photos.get(path)
        self.photos[path] = photo if before is None else _carried_over(before, photo)
        self._forget_absent()  # after writing: the person may take it off at this moment
        if before is None and self.follows and path in self.photos:
            self._show(path)

    def _show(self, path: str | None) -> None:
        if path != self.shown:
            self.shown, self.page = path, 0

    def _forget_absent(self) -> None:
        for path in set(self.photos) - set(self.uploads):
            self.photos.pop(path, None)
        if self.shown not in self.photos:
            self._show(next(iter(self.photos), None))


def _carried_over(before: AnsweredPhoto, photo: AnsweredPhoto) -> AnsweredPhoto:
    """The photo, asked about again, with its place in the database and the faces drawn into it."""
    found = len(photo.faces)
    stored = [face.stored for face in before.faces[:found]] + [None] * found
    faces = [
        replace(face, stored=face.stored or known)
        for face, known in zip(photo.faces, stored, strict=False)
    ]
    return replace(
        photo,
        faces=(*faces, *before.faces[found:]),
        image_id=photo.image_id if photo.image_id is not None else before.image_id,
    )
