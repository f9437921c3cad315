"""The demo's camera tab: faces marked in the moving picture, with calm numbers and the rate."""

from __future__ import annotations

import time

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
_HELP = (
    "Press the camera, then **Record**. Frames are answered and forgotten: nothing is kept. If the "
    "browser refuses the camera, allow it for this page in the address bar and load the page anew."
)


def live_tab(studio: Studio) -> None:
    """Lay out the tab and wire it up."""
    gr.Markdown(_HELP)
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
        concurrency_limit=2,
        api_visibility="private",
        show_progress="hidden",
    )


def _rate_html(view: LiveView) -> str:
    words = f"{view.frames_per_s:.1f} frames/s" if view.times_s else "The camera is off."
    return f'<p class="mp-state">{words}</p>'
