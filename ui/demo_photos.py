"""The demo's photo tab: photos in, answers and corrections out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from core.detector import MIN_SCORE
from ui.demo_callbacks import PhotoCallbacks, kept_note
from ui.demo_session import ONE_QUEUE, DemoSession
from ui.examples import write_examples
from ui.photo_view import EMPTY, view_js
from ui.studio import Studio


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
            note = gr.Markdown(kept_note(DemoSession()), elem_id="kept-note")
            undo = gr.Button("Undo my last correction", size="sm", elem_id="undo", visible=False)
            with gr.Accordion("Settings", open=False):
                style = gr.Radio(["axes", "cube"], value="axes", label="Draw the head as")
                min_score = gr.Slider(
                    MIN_SCORE, 0.95, MIN_SCORE, step=0.05, label="How sure of a face to show it"
                )
                version = gr.Dropdown(label="Student", elem_id="version")
        with gr.Column(scale=5, min_width=320, elem_id="mp-right"):
            view = gr.HTML(EMPTY, js_on_load=view_js(), elem_id="answers")

    does = PhotoCallbacks(studio)
    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    visible: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "minimal",  # where people wait: their place in the queue
        "concurrency_id": ONE_QUEUE,
        "trigger_mode": "always_last",
    }
    # what is taken off the page counts at once, while photos before it are still answered
    at_once = hidden | {"queue": False}
    # one after the other, so that quick clicks and keys count in their order
    in_order = hidden | {"concurrency_id": "clicks", "concurrency_limit": 1}

    demo.load(does.list_versions, None, version, **hidden)
    asked = [session, version]
    changed = uploads.change(does.note_uploads, [uploads, session], None, **at_once)
    changed.then(does.answer, asked, view, **visible)
    uploads.select(does.choose, [uploads, session], view, **hidden)
    # a value that the server sets does not count as a change
    chosen = examples.click(lambda index: [example_paths[index]], examples, uploads, **hidden)
    noted = chosen.then(does.note_uploads, [uploads, session], None, **at_once)
    noted.then(does.answer, asked, view, **visible)
    version.input(does.answer_anew, asked, view, **visible)
    view.click(does.act, session, view, trigger_mode="multiple", **in_order)
    undo.click(does.undo, session, view, **in_order)
    keep.change(does.keep, [keep, session], [view, note, undo], **hidden)
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
