"""The demo's camera tab: faces marked in the moving picture, with calm numbers and the rate."""

from __future__ import annotations

import time
from pathlib import Path

import gradio as gr
import numpy as np

from ui import actions
from ui.demo_session import Style
from ui.live import LiveView
from ui.model_shelf import ModelsNotReady
from ui.studio import Studio

#: The browser sends at most one frame in this time, and none while the last is not answered.
_EVERY_S = 0.06
#: After this long the camera stops by itself.
_MAX_S = 600
#: Cameras at the same time; each keeps its place until it stops.
_MAX_CAMERAS = 8
_HELP = (
    "Press the camera, then **Record**. Frames are answered and forgotten: nothing is kept. "
    f"It stops by itself after {_MAX_S // 60} minutes."
)
_REFUSED = '<p class="mp-state mp-alert" role="alert" hidden></p>'


def live_tab(studio: Studio) -> None:
    """Lay out the tab and wire it up."""
    gr.Markdown(_HELP)
    script = (Path(__file__).parent / "components" / "camera_refused.js").read_text("utf-8")
    gr.HTML(_REFUSED, js_on_load=script, elem_id="camera-refused")
    view = gr.State(LiveView())
    with gr.Row():
        camera = gr.Image(
            label="Camera",
            sources=["webcam"],
            streaming=True,
            type="numpy",
            format="jpeg",
            height=360,
            webcam_options=gr.WebcamOptions(
                constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
            ),
            elem_id="camera",
        )
        marked = gr.Image(
            label="Answers",
            format="jpeg",
            height=360,
            interactive=False,
            buttons=["fullscreen"],
            elem_id="live-answers",
        )
    style = gr.Radio(["axes", "cube"], value="axes", label="Draw the head as")
    rate = gr.HTML(_rate_html(LiveView()), elem_id="live-rate")

    def answer(
        frame_rgb: np.ndarray | None, now: LiveView, drawn_as: Style
    ) -> tuple[np.ndarray | None, LiveView, str]:
        if frame_rgb is None:
            return None, LiveView(), _rate_html(LiveView())
        try:
            now, drawn_rgb = actions.answer_frame(
                studio, frame_rgb, now, time.monotonic(), drawn_as
            )
        except ModelsNotReady as error:
            return frame_rgb, now, f'<p class="mp-state mp-alert" role="status">{error}</p>'
        return drawn_rgb, now, _rate_html(now)

    camera.stream(
        answer,
        [camera, view, style],
        [marked, view, rate],
        stream_every=_EVERY_S,
        time_limit=_MAX_S,
        concurrency_limit=_MAX_CAMERAS,
        api_visibility="private",
        show_progress="hidden",
    )


def _rate_html(view: LiveView) -> str:
    if not view.times_s:
        return '<p class="mp-state">The camera is off.</p>'
    count = len(view.faces)
    faces = f"{count or 'no'} face{'s' * (count != 1)}"
    return f'<p class="mp-state">{view.frames_per_s:.1f} frames/s, {faces}</p>'
