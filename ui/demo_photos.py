"""The demo's photo tab: photos in, answers and corrections out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from core.detector import MIN_SCORE
from core.faces import FaceBox
from core.images import ImageError
from db.errors import StudioError
from db.events import StaleVersion
from ui import actions
from ui.answers import AnsweredFace, AnsweredPhoto
from ui.demo_session import ONE_QUEUE, DemoSession, Style
from ui.examples import write_examples
from ui.model_shelf import ModelsNotReady
from ui.photo_view import EMPTY, photo_html, photos_pager, view_js
from ui.studio import Studio

#: Photos on one page; more belong into the studio by import.
MAX_PHOTOS = 50
#: How long a first photo waits for models that are still loading.
_WAIT_FOR_MODELS_S = 60.0

_NOT_KEPT = "Photos are **not kept**: they are gone when this page is closed or after 15 minutes."
_KEPT = (
    "Photos on this page are **kept in the studio** on this computer, with the answers and your "
    "corrections, so that the next student can learn from them."
)

#: What the gallery holds: paths of uploads, and captions that nobody gives.
Uploads = list[tuple[str, str | None]]


def photos_tab(studio: Studio, demo: gr.Blocks) -> None:
    """Lay out the tab and wire it up."""
    session = gr.State(DemoSession())
    with gr.Row(equal_height=False, elem_id="mp-photos"):
        with gr.Column(scale=2, min_width=280, elem_id="mp-left"):
            uploads = gr.Gallery(
                label="Your photos",
                sources=["upload", "webcam", "clipboard"],
                file_types=["image"],
                type="filepath",
                columns=3,
                fit_columns=False,
                height=240,
                object_fit="contain",
                interactive=True,
                elem_id="uploads",
            )
            example_paths = _example_files()
            examples = _examples(example_paths)
            keep = gr.Checkbox(label="Keep my photos, to correct the answers", elem_id="keep")
            kept_note = gr.Markdown(_NOT_KEPT, elem_id="kept-note")
            undo = gr.Button("Undo my last correction", size="sm", elem_id="undo", visible=False)
            with gr.Accordion("Settings", open=False):
                style = gr.Radio(["axes", "cube"], value="axes", label="Draw the head as")
                min_score = gr.Slider(
                    MIN_SCORE, 0.95, MIN_SCORE, step=0.05, label="How sure of a face to show it"
                )
                version = gr.Dropdown(label="Student", elem_id="version")
        with gr.Column(scale=5, min_width=320, elem_id="mp-right"):
            view = gr.HTML(EMPTY, js_on_load=view_js(), elem_id="answers")

    does = _Callbacks(studio)
    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    visible: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "minimal",  # where people wait: their place in the queue
        "concurrency_id": ONE_QUEUE,
    }

    demo.load(does.list_versions, None, version, **hidden)
    asked = [uploads, session, version]
    uploads.change(does.answer, asked, view, trigger_mode="always_last", **visible)
    uploads.select(does.choose, [uploads, session], view, **hidden)
    # a value that the server sets does not count as a change
    chosen = examples.click(lambda index: [example_paths[index]], examples, uploads, **hidden)
    chosen.then(does.answer, asked, view, **visible)
    version.input(does.answer_anew, asked, view, **visible)
    # one after the other, so that quick keys count in their order
    view.click(does.act, session, view, trigger_mode="multiple", concurrency_limit=1, **hidden)
    undo.click(does.undo, session, view, **hidden)
    keep.change(does.keep, [keep, session], [view, kept_note, undo], **hidden)
    style.change(does.set_style, [style, session], view, **hidden)
    min_score.release(does.set_min_score, [min_score, session], view, **hidden)


def _example_files() -> list[str]:
    return [str(path) for path in write_examples(Path(tempfile.mkdtemp(prefix="maskpose-")))]


def _examples(paths: list[str]) -> gr.Dataset:
    """Pictures to click; they go into the uploads as if the person had chosen them."""
    return gr.Dataset(
        components=[gr.Image(visible=False)],
        samples=[[path] for path in paths],
        type="index",
        label="Or try one of these (portrait: NASA, public domain; masks are drawn)",
        elem_id="examples",
    )


class _Callbacks:
    """Each reads the widgets, calls one action, and gives back what the widgets show."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def list_versions(self) -> gr.Dropdown:
        """The one that serves comes first and stays so: a roll-back reaches pages that are open."""
        names = self._studio.models.versions()
        return gr.Dropdown(
            choices=[("the one that serves", ""), *zip(names, names, strict=True)], value=""
        )

    def answer(
        self, gallery: Uploads | None, session: DemoSession, version: str | None
    ) -> Iterator[str]:
        """The page again and again while its new photos are answered, one after the other."""
        paths = [path for path, _ in gallery or []]
        if len(paths) > MAX_PHOTOS:
            gr.Warning(f"{len(paths)} photos are too many for one page: the first {MAX_PHOTOS}.")
        paths = paths[:MAX_PHOTOS]
        session.drop_all_but(paths)
        yield _html(session)
        for path in [path for path in paths if path not in session.photos]:
            with _explained():
                yield from self._answer_one(path, session, version)

    def _answer_one(self, path: str, session: DemoSession, version: str | None) -> Iterator[str]:
        data, name = Path(path).read_bytes(), Path(path).name
        for photo in actions.answer_photo(
            self._studio, data, name, version=version, wait_s=_WAIT_FOR_MODELS_S
        ):
            session.update_answers(path, photo)
            session.show(path)
            yield _html(session)
        if session.keep:
            session.update(path, actions.keep_photo(self._studio, session.photos[path]))
            yield _html(session)

    def answer_anew(
        self, gallery: Uploads | None, session: DemoSession, version: str | None
    ) -> Iterator[str]:
        """As ``answer``, after another student was chosen."""
        session.drop_all_but([])
        yield from self.answer(gallery, session, version)

    def choose(self, event: gr.SelectData, gallery: Uploads | None, session: DemoSession) -> str:
        """The photo behind a thumbnail; nothing happens where it could not be answered."""
        paths = [path for path, _ in gallery or []]
        if event.index < len(paths):
            self._show(session, paths[event.index])
        return _html(session)

    def _show(self, session: DemoSession, path: str) -> None:
        if path in session.photos:
            session.show(path)
            present = actions.with_present_labels(self._studio, session.photos[path])
            session.update(path, present)

    def act(self, event: gr.EventData, request: gr.Request, session: DemoSession) -> str:
        """What a click or key on the answers means: another page, a new box, a correction."""
        path, photo, what = session.shown, session.photo, event._data
        if path is None or photo is None:
            return EMPTY
        with _explained():
            if what["act"] == "page":
                session.page = int(what["page"])
            elif what["act"] == "photo":
                self._show(session, list(session.photos)[int(what["photo"])])
            elif what["act"] == "box":
                sides = ("left_px", "top_px", "width_px", "height_px")
                box = FaceBox(*(float(what[side]) for side in sides))
                self._add_face(session, path, actions.answer_box(self._studio, photo, box))
            else:
                who = self._studio.who(request.headers)
                corrected = self._correct(photo, int(what["face"]), what["verdict"], who)
                session.update(path, corrected)
        return _html(session)

    def _add_face(self, session: DemoSession, path: str, face: AnsweredFace) -> None:
        """To the photo as it is by now: other answers came, or it was kept, meanwhile."""
        photo = session.photos.get(path)
        if photo is not None:
            photo = replace(photo, faces=(*photo.faces, face))
            is_kept = photo.image_id is not None
            session.update(path, actions.keep_photo(self._studio, photo) if is_kept else photo)

    def _correct(
        self, photo: AnsweredPhoto, face: int, verdict: actions.Verdict, who: str
    ) -> AnsweredPhoto:
        """The corrected photo; where somebody else was faster, the photo with their label."""
        try:
            return actions.correct_face(self._studio, photo, face, verdict, annotator=who)
        except StaleVersion as error:
            photo = actions.with_present_labels(self._studio, photo)
            if {conflict.current.annotator for conflict in error.conflicts} - {who}:
                gr.Warning(str(error))
                return photo
        # one's own earlier click, on another page: the later one counts
        return actions.correct_face(self._studio, photo, face, verdict, annotator=who)

    def undo(self, request: gr.Request, session: DemoSession) -> str:
        path, photo = session.shown, session.photo
        if path is None or photo is None:
            return EMPTY
        with _explained():
            who = self._studio.who(request.headers)
            session.update(path, actions.undo_correction(self._studio, photo, annotator=who))
        return _html(session)

    def keep(self, wanted: bool, session: DemoSession) -> tuple[str, str, gr.Button]:
        """From now on keep photos, those on the page too; or keep no further ones."""
        session.keep = wanted
        with _explained():
            for path, photo in list(session.photos.items()):
                if wanted and not photo.waiting:  # else ``answer`` keeps it when it is done
                    session.update(path, actions.keep_photo(self._studio, photo))
        return _html(session), _kept_note(session), gr.Button(visible=wanted)

    def set_style(self, style: Style, session: DemoSession) -> str:
        session.style = style
        return _html(session)

    def set_min_score(self, min_score: float, session: DemoSession) -> str:
        session.min_score, session.page = min_score, 0
        return _html(session)


def _html(session: DemoSession) -> str:
    if session.photo is None:
        return EMPTY
    return photos_pager(
        list(session.photos).index(session.shown), len(session.photos)
    ) + photo_html(
        session.photo, style=session.style, min_score=session.min_score, page=session.page
    )


def _kept_note(session: DemoSession) -> str:
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
