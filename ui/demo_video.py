"""The demo's video tab: a file in, the same video with its faces marked out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr

from core.images import ImageError
from ui import actions
from ui.model_shelf import ModelsNotReady
from ui.studio import Studio
from ui.video import MAX_LENGTH_S


def video_tab(studio: Studio) -> None:
    """Lay out the tab and wire it up."""
    gr.Markdown(
        f"Up to {MAX_LENGTH_S:.0f} seconds are answered, frame by frame. Video and result are "
        "forgotten after 15 minutes."
    )
    with gr.Row():
        source = gr.File(
            label="Video file", file_types=["video"], type="filepath", elem_id="video-file"
        )
        marked = gr.File(label="Result, to download", interactive=False, elem_id="video-result")
    with gr.Row():
        start = gr.Button("Mark the faces", variant="primary", elem_id="video-start")
        stop = gr.Button("Stop", elem_id="video-stop")
    said = gr.Markdown(elem_id="video-said")

    def mark(path: str | None, progress: gr.Progress = gr.Progress()) -> tuple[str | None, str]:  # noqa: B008
        if path is None:
            return None, "Choose a video file first."
        target = Path(tempfile.mkdtemp(prefix="maskpose-video-")) / f"{Path(path).stem}-faces.webm"
        try:
            result = actions.mark_video(studio, Path(path), target, progress)
        except (ImageError, ModelsNotReady) as error:
            return None, str(error)
        cut = f" Only the first {MAX_LENGTH_S:.0f} s were answered." if result.was_cut else ""
        faces = f"Faces in {result.frames_with_faces} of {result.frames} frames.{cut}"
        return str(result.path), faces

    working = start.click(
        mark, source, [marked, said], concurrency_limit=1, api_visibility="private"
    )
    stop.click(None, cancels=[working])
