"""The demo's photo tab: photos in, answers and corrections out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import gradio as gr

from core.faces import FaceBox
from core.images import ImageError
from db.errors import StudioError
from ui import actions
from ui.demo_session import DemoSession
from ui.examples import write_examples
from ui.model_shelf import ModelsNotReady
from ui.photo_view import EMPTY, photo_html, view_js
from ui.studio import Studio

Style = Literal["axes", "cube"]
#: Photos on one page; more belong into the studio by import.
MAX_PHOTOS = 50
#: How long a first photo waits for models that are still loading.
_WAIT_FOR_MODELS_S = 60.0

_NOT_KEPT = "Photos are **not kept**: they are gone when this page is closed or after 15 minutes."
_KEPT = (
    "Photos on this page are **kept in the studio** on this computer, with the answers and your "
    "corrections, so that the next student can learn from them."
)


def photos_tab(studio: Studio) -> None:
    """Lay out the tab and wire it up."""
    session = gr.State(DemoSession())
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            uploads = gr.Gallery(
                label="Your photos",
                sources=["upload", "webcam", "clipboard"],
                file_types=["image"],
                type="filepath",
                columns=3,
                height=260,
                object_fit="contain",
                interactive=True,
                elem_id="uploads",
            )
            keep = gr.Checkbox(label="Keep my photos, to correct the answers", elem_id="keep")
            kept_note = gr.Markdown(_NOT_KEPT, elem_id="kept-note")
            style = gr.Radio(["axes", "cube"], value="axes", label="Draw the head as")
            undo = gr.Button("Undo my last correction", size="sm", elem_id="undo")
            examples, paths = _examples()
        with gr.Column(scale=5, min_width=320):
            view = gr.HTML(EMPTY, js_on_load=view_js(), elem_id="answers")

    shown = [session, view]
    hidden = {"api_visibility": "private", "show_progress": "hidden"}

    def answer(
        gallery: list[tuple[str, str | None]] | None, now: DemoSession, drawn_as: Style, kept: bool
    ) -> Iterator[tuple[DemoSession, str]]:
        paths = [path for path, _ in gallery or []]
        for later in _answers(studio, paths, now, keep=kept):
            yield later, _html(later, drawn_as)

    asking = {
        "inputs": [uploads, session, style, keep],
        "outputs": shown,
        "api_visibility": "private",
        "show_progress": "minimal",
    }
    uploads.change(answer, **asking, trigger_mode="always_last")
    # a value that the server sets does not count as a change
    chosen = examples.click(lambda index: [paths[index]], examples, uploads, **hidden)
    chosen.then(answer, **asking)

    def choose(event: gr.SelectData, now: DemoSession, drawn_as: Style) -> tuple[DemoSession, str]:
        now = now.show(list(now.photos)[event.index] if now.photos else None)
        return now, _html(now, drawn_as)

    uploads.select(choose, [session, style], shown, **hidden)

    def act(event: gr.EventData, now: DemoSession, drawn_as: Style) -> tuple[DemoSession, str]:
        with _explained():
            now = _act(studio, now, event._data)
        return now, _html(now, drawn_as)

    view.click(act, [session, style], shown, trigger_mode="multiple", **hidden)

    def take_back(now: DemoSession, drawn_as: Style) -> tuple[DemoSession, str]:
        with _explained():
            if now.photo:
                photo = actions.undo_correction(studio, now.photo, annotator=studio.annotator)
                now = now.with_shown_photo(photo)
        return now, _html(now, drawn_as)

    undo.click(take_back, [session, style], shown, **hidden)

    def keep_or_not(kept: bool, now: DemoSession, drawn_as: Style) -> tuple[DemoSession, str, str]:
        with _explained():
            if kept:
                for path, photo in now.photos.items():
                    now = now.with_photo(path, actions.keep_photo(studio, photo))
        return now, _html(now, drawn_as), _KEPT if kept else _NOT_KEPT

    keep.change(keep_or_not, [keep, session, style], [*shown, kept_note], **hidden)

    def redraw(drawn_as: Style, now: DemoSession) -> str:
        return _html(now, drawn_as)

    style.change(redraw, [style, session], view, **hidden)


def _examples() -> tuple[gr.Dataset, list[str]]:
    """Pictures to click, and their files; they go into the uploads as if the person chose them."""
    paths = [str(path) for path in write_examples(Path(tempfile.mkdtemp(prefix="maskpose-")))]
    examples = gr.Dataset(
        components=[gr.Image(visible=False)],
        samples=[[path] for path in paths],
        type="index",
        label="Or try one of these (portrait: NASA, public domain; masks are drawn)",
        elem_id="examples",
    )
    return examples, paths


def _answers(
    studio: Studio, paths: list[str], session: DemoSession, *, keep: bool
) -> Iterator[DemoSession]:
    """The session while its new photos are answered, one after the other."""
    session = session.only(paths[:MAX_PHOTOS])
    if len(paths) > MAX_PHOTOS:
        gr.Warning(f"{len(paths)} photos are too many for one page: the first {MAX_PHOTOS} count.")
    yield session
    for path in paths[:MAX_PHOTOS]:
        if path in session.photos:
            continue
        with _explained():
            data, name = Path(path).read_bytes(), Path(path).name
            for photo in actions.answer_photo(studio, data, name, wait_s=_WAIT_FOR_MODELS_S):
                session = session.with_photo(path, photo).show(path)
                yield session
            if keep:
                session = session.with_photo(path, actions.keep_photo(studio, photo))
                yield session


def _act(studio: Studio, session: DemoSession, what: dict) -> DemoSession:
    """Do what a click on the answers means."""
    photo = session.photo
    if photo is None:
        return session
    if what["act"] == "page":
        return session.turn_to(int(what["page"]))
    if what["act"] == "box":
        sides = (float(what[side]) for side in ("left_px", "top_px", "width_px", "height_px"))
        return session.with_shown_photo(actions.add_box(studio, photo, FaceBox(*sides)))
    corrected = actions.correct_face(
        studio, photo, int(what["face"]), what["verdict"], annotator=studio.annotator
    )
    return session.with_shown_photo(corrected)


def _html(session: DemoSession, style: Style) -> str:
    return photo_html(session.photo, style=style, page=session.page) if session.photo else EMPTY


@contextmanager
def _explained() -> Iterator[None]:
    """Errors that speak to the person become a message on the page; what was shown stays."""
    try:
        yield
    except (ImageError, ModelsNotReady, StudioError) as error:
        gr.Warning(str(error), duration=15)
