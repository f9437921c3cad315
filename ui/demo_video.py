"""The demo's video tab: a file in, the same video with its faces marked out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from core.images import ImageError
from ui import actions
from ui.demo_session import FORGET_AFTER_MINUTES
from ui.model_shelf import ModelsNotReady
from ui.studio import Studio
from ui.video import MAX_LENGTH_S, MarkedVideo

#: Frames between two words on how far it is.
_TELL_EVERY = 5
_HELP = (
    f"MP4, MOV, AVI, MKV or WebM. Up to {MAX_LENGTH_S:.0f} seconds are answered, frame by frame. "
    f"Video and result are **not kept**: they are gone after {FORGET_AFTER_MINUTES} minutes."
)
_FORGOTTEN = f"This video was forgotten after {FORGET_AFTER_MINUTES} minutes: choose it again."


def video_tab(studio: Studio) -> None:
    """Lay out the tab and wire it up."""
    gr.Markdown(_HELP)
    with gr.Row():
        with gr.Column():
            source = gr.File(
                label="Video file",
                file_types=["video", ".mkv"],
                type="filepath",
                height=160,
                elem_id="video-file",
            )
            start = gr.Button("Mark the faces", variant="primary", elem_id="video-start")
            stop = gr.Button("Stop", elem_id="video-stop")
            said = gr.Markdown(elem_id="video-said")
        marked = gr.Video(
            label="Result", interactive=False, buttons=["download"], elem_id="video-result"
        )

    def mark(path: str | None) -> Iterator[tuple[str | None, str]]:
        if path is None:
            yield None, "Choose a video file first."
            return
        if not Path(path).exists():
            yield None, _FORGOTTEN
            return
        # Gradio copies what it shows, so that the folder can go when the work is done or stopped
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{Path(path).stem}-faces.webm"
            try:
                for video in actions.mark_video(studio, Path(path), target):
                    if video.is_done:
                        yield str(target), _result(video)
                    elif video.frames % _TELL_EVERY == 1:
                        yield None, f"{video.share:.0%} of the video is answered …"
            except (ImageError, ModelsNotReady) as error:
                yield None, str(error)

    working = start.click(
        mark,
        source,
        [marked, said],
        concurrency_limit=1,
        api_visibility="private",
        show_progress="minimal",
    )
    stop.click(lambda: "Stopped.", None, said, cancels=[working], api_visibility="private")


def _result(video: MarkedVideo) -> str:
    faces = f"Faces in {video.frames_with_faces} of {video.frames} frames."
    cut = f" Only the first {MAX_LENGTH_S:.0f} seconds were answered." if video.was_cut else ""
    return faces + cut
