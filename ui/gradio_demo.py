"""The demo: drop, paste or film photos and see what the models say. Built with Gradio.

It runs inside the studio at ``/demo/`` and alone (``launch.py serve --only demo``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import gradio as gr

from ui.demo_api import add_api_names
from ui.demo_live import live_tab
from ui.demo_photos import photos_tab
from ui.demo_session import FORGET_AFTER_MINUTES
from ui.demo_video import video_tab
from ui.navigation import DEMO, Page
from ui.studio import Studio
from ui.theme import TITLE, color_variables

#: Jobs that may wait; beyond it people are told that the server is busy.
MAX_WAITING = 100

#: Inside the studio's own page its navigation is enough.
_EMBEDDED = (
    "<script>if (window.self !== window.top)"
    ' document.documentElement.classList.add("mp-embedded");</script>'
)


def page_head() -> str:
    """What must stand outside Gradio's container: colours, and whether we are in a frame."""
    rules = (
        ".mp-embedded #mp-top{display:none!important}"
        ".mp-embedded .gradio-container{padding:0!important}"
    )
    return f"<style>{color_variables()}{rules}</style>{_EMBEDDED}"


def build_demo(studio: Studio, pages: Sequence[Page] = ()) -> gr.Blocks:
    """The whole demo for a studio; ``pages`` are its neighbours, none where it runs alone."""
    with gr.Blocks(
        title=f"{TITLE} · demo",
        analytics_enabled=False,
        delete_cache=(FORGET_AFTER_MINUTES * 60 // 3, FORGET_AFTER_MINUTES * 60),
        fill_width=True,
    ) as demo:
        gr.HTML(_header(pages), elem_id="mp-top")
        _model_state(studio, demo)
        with gr.Tab("Photos"):
            photos_tab(studio, demo)
        with gr.Tab("Camera"):
            live_tab(studio)
        with gr.Tab("Video"):
            video_tab(studio)
        add_api_names(studio)
    return demo.queue(default_concurrency_limit=2, max_size=MAX_WAITING)


def _header(pages: Sequence[Page]) -> str:
    """The navigation of the studio, in its order and words."""
    links = "".join(
        '<a href="/demo/" aria-current="page">Demo</a>'
        if page is DEMO
        else f'<a href="{page.address}">{escape(page.title)}</a>'
        for page in pages or (DEMO,)
    )
    return (
        f'<header class="mp-top"><b>{TITLE}</b>'
        f'<nav aria-label="Studio">{links}<a href="/api/">API</a></nav></header>'
    )


def _model_state(studio: Studio, demo: gr.Blocks) -> None:
    """A line about the models that follows them until they are loaded."""
    timer = gr.Timer(1.0)
    line = gr.HTML()

    def look() -> tuple[str, gr.Timer]:
        return _state_html(studio), gr.Timer(active=not studio.models.is_settled)

    gr.on(
        [demo.load, timer.tick],
        look,
        outputs=[line, timer],
        api_visibility="private",
        show_progress="hidden",
    )


def _state_html(studio: Studio) -> str:
    alert = " mp-alert" if studio.models.is_settled and not studio.models.is_ready else ""
    words = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(studio.models.status()))
    return f'<p class="mp-state{alert}" role="status" aria-live="polite">{words}</p>'
