"""What the widgets of the demo's photo tab do: answers, corrections, keeping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from core.faces import FaceBox
from core.images import ImageError
from db.errors import StudioError
from db.events import StaleVersion
from db.labels import describe
from ui import actions
from ui.demo_session import FORGET_AFTER_MINUTES, DemoSession, Style
from ui.model_shelf import ModelsNotReady
from ui.photo_view import EMPTY, photo_html, photos_pager
from ui.studio import Studio

#: Photos on one page; more belong into the studio by import.
MAX_PHOTOS = 50
#: How long a first photo waits for models that are still loading.
_WAIT_FOR_MODELS_S = 60.0

_NOT_KEPT = (
    "Photos are **not kept**: they are gone when this page is closed or after "
    f"{FORGET_AFTER_MINUTES} minutes."
)
_KEPT = (
    "Photos on this page are **kept in the studio** on this computer, with the answers and your "
    "corrections, so that the next student can learn from them."
)

#: What the gallery holds: paths of uploads, and captions that nobody gives.
Uploads = list[tuple[str, str | None]]


class PhotoCallbacks:
    """Each reads the widgets, calls one action, and gives back what the widgets show."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def list_versions(self) -> gr.Dropdown:
        """The one that serves comes first and stays so: a roll-back reaches pages that are open."""
        names = self._studio.models.versions()
        return gr.Dropdown(
            choices=[("the one that serves", ""), *zip(names, names, strict=True)], value=""
        )

    def note_uploads(self, gallery: Uploads | None, session: DemoSession) -> None:
        """What is on the page now; ``answer`` follows."""
        session.put_uploads([path for path, _ in gallery or []])

    def answer(self, session: DemoSession, version: str | None) -> Iterator[str]:
        """The page again and again while its new photos are answered, one after the other."""
        session.version = version
        count = len(session.uploads)
        if count > MAX_PHOTOS:
            gr.Warning(f"{count} photos are too many for one page: the first {MAX_PHOTOS}.")
        yield _html(session)
        for path in session.uploads[:MAX_PHOTOS]:
            if session.lacks(path):
                with _explained():
                    yield from self._answer_one(path, _read(path), session, version)

    def _answer_one(
        self, path: str, data: bytes, session: DemoSession, version: str | None
    ) -> Iterator[str]:
        for photo in actions.answer_photo(
            self._studio, data, Path(path).name, version=version, wait_s=_WAIT_FOR_MODELS_S
        ):
            session.update_answers(path, photo)
            yield _html(session)
            if path not in session.photos:
                return
        if session.keep:
            self._keep(session, path)
            yield _html(session)

    def _keep(self, session: DemoSession, path: str) -> None:
        """Store the photo as it is by now, unless it was taken off the page."""
        photo = session.photos.get(path)
        if photo is not None:
            session.update(path, actions.keep_photo(self._studio, photo))

    def answer_anew(self, session: DemoSession, version: str | None) -> Iterator[str]:
        """As ``answer``, after another student was chosen.

        The files may be forgotten by now, but the session still holds what was in them.
        """
        session.version = version
        for path, photo in list(session.photos.items()):
            if path in session.photos:
                with _explained():
                    self._answer_drawn(session, path)
                    yield from self._answer_one(path, photo.data, session, version)
        yield from self.answer(session, version)

    def _answer_drawn(self, session: DemoSession, path: str) -> None:
        """The faces that a person drew, which the detector does not find again."""
        for index, face in enumerate(session.photos[path].faces):
            if face.box.score is None:
                photo = session.photos[path]
                anew = actions.answer_box(self._studio, photo, face.box, session.version)
                session.update_face(path, index, anew)

    def choose(self, event: gr.SelectData, gallery: Uploads | None, session: DemoSession) -> str:
        """The photo behind a thumbnail; nothing happens where it could not be answered."""
        paths = [path for path, _ in gallery or []]
        if event.index < len(paths):
            self._turn_to(session, paths[event.index])
        return _html(session)

    def _turn_to(self, session: DemoSession, path: str) -> None:
        session.stay_on(path)
        photo = session.photos.get(path)
        if photo is not None and photo.image_id is not None:
            session.update(path, actions.with_present_labels(self._studio, photo))

    def act(self, event: gr.EventData, request: gr.Request, session: DemoSession) -> str:
        """What a click or key on the answers means: another page, a new box, a correction.

        It is about the photo that the person saw (``key``), whatever was answered since.
        """
        what = event._data
        path = what["key"]
        if path in session.photos:
            session.stay_on(path)
            with _explained():
                if what["act"] == "page":
                    session.page = int(what["page"])
                elif what["act"] == "photo":
                    self._turn_to(session, what["photo"])
                elif what["act"] == "box":
                    self._add_face(session, path, _box(what))
                else:
                    who = self._studio.who(request.headers)
                    self._correct(session, path, int(what["face"]), what["verdict"], who)
        return _html(session)

    def _add_face(self, session: DemoSession, path: str, box: FaceBox) -> None:
        """To the photo as it is then: other answers came, or it was kept, meanwhile."""
        face = actions.answer_box(self._studio, session.photos[path], box, session.version)
        photo = session.photos.get(path)
        if photo is not None:
            session.update(path, replace(photo, faces=(*photo.faces, face)))
            if photo.image_id is not None:
                self._keep(session, path)

    def _correct(
        self, session: DemoSession, path: str, face: int, verdict: actions.Verdict, who: str
    ) -> None:
        """Store what the face really is; where somebody else was faster, show their label."""
        photo, op_id = session.photos[path], actions.new_op_id()
        if face >= len(photo.faces) or photo.faces[face].stored is None:
            gr.Warning(f"{photo.name} is still being answered: try again in a moment.")
            return
        correct = partial(
            actions.correct_face,
            self._studio,
            index=face,
            verdict=verdict,
            annotator=who,
            op_id=op_id,
        )
        try:
            corrected = correct(photo=photo)
        except StaleVersion as error:
            present = actions.with_present_labels(self._studio, photo)
            others = {c.current.annotator for c in error.conflicts if c.current} - {who}
            if others:
                gr.Warning(str(error))
                session.update(path, present)
                return
            # one's own earlier click, on another page: the later one counts
            corrected = correct(photo=present)
        session.update(path, corrected)
        session.corrections[op_id] = path, face

    def undo(self, request: gr.Request, session: DemoSession) -> str:
        """Take back the last correction that was made on this page, and show which it was."""
        with _explained():
            who = self._studio.who(request.headers)
            gesture = actions.last_gesture(self._studio, annotator=who)
            if gesture in session.corrections:
                (event,) = actions.undo_last(self._studio, annotator=who, gesture=gesture)
                path, face = session.corrections.pop(gesture)
                self._turn_to(session, path)
                where = f"face {face + 1} of {Path(path).name}"
                gr.Info(f"Undone on {where}, now: {describe(event.label)}")
            elif gesture and session.corrections:
                gr.Info("Your last label was given on another page: undo that one there first.")
            else:
                gr.Info("No correction of this page is left to undo.")
        return _html(session)

    def keep(self, wanted: bool, session: DemoSession) -> tuple[str, str, gr.Button]:
        """From now on keep photos, those on the page too; or keep no further ones."""
        session.keep = wanted
        with _explained():
            for path, photo in list(session.photos.items()):
                if wanted and not photo.waiting:  # else ``answer`` keeps it when it is done
                    self._keep(session, path)
        return _html(session), kept_note(session), gr.Button(visible=wanted)

    def set_style(self, style: Style, session: DemoSession) -> str:
        session.style = style
        return _html(session)

    def set_min_score(self, min_score: float, session: DemoSession) -> str:
        session.min_score, session.page = min_score, 0
        return _html(session)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ImageError(
            f"{Path(path).name} was forgotten after {FORGET_AFTER_MINUTES} minutes: drop it again."
        ) from None


def _box(what: dict[str, Any]) -> FaceBox:
    return FaceBox(*(float(what[side]) for side in ("left_px", "top_px", "width_px", "height_px")))


def _html(session: DemoSession) -> str:
    shown, photos = session.shown, dict(session.photos)  # other callbacks change them meanwhile
    if shown not in photos:
        return EMPTY
    return photos_pager(list(photos), shown) + photo_html(
        photos[shown],
        key=shown,
        style=session.style,
        min_score=session.min_score,
        page=session.page,
    )


def kept_note(session: DemoSession) -> str:
    """Whether photos of this page are kept, in words."""
    if session.keep:
        return _KEPT
    before = sum(photo.image_id is not None for photo in session.photos.values())
    return _NOT_KEPT + (f" What was kept before ({before}) stays in the studio." if before else "")


@contextmanager
def _explained() -> Iterator[None]:
    """Errors that speak to the person become a message on the page; what was shown stays."""
    try:
        yield
    except (ImageError, ModelsNotReady, StudioError) as error:
        gr.Warning(str(error), duration=15)
