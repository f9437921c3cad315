"""The demo: drop, paste or film photos and see what the models say. Built with Gradio.

It runs inside the studio at ``/demo/`` and alone (``launch.py serve --only demo``).
"""

from __future__ import annotations

import gradio as gr

from ui.demo_photos import photos_tab
from ui.photo_view import view_css
from ui.studio import Studio
from ui.theme import TITLE

#: Uploads and results that Gradio keeps for the browser are deleted after this long.
_FORGET_AFTER_S = 15 * 60
#: Jobs that may wait; beyond it people are told that the server is busy.
MAX_WAITING = 100

_HEADER = f"""
<header class="mp-top"><b>{TITLE}</b>
<nav aria-label="Studio"><a href="/">Home</a><a href="/demo/" aria-current="page">Demo</a>
<a href="/review">Review</a><a href="/data">Data</a><a href="/api/">API</a></nav></header>
"""
#: Inside the studio's own page its navigation is enough.
HEAD = (
    "<script>if (window.self !== window.top)"
    ' document.documentElement.classList.add("mp-embedded");</script>'
)
_CSS = """
.mp-top { display: flex; gap: 1.5rem; align-items: baseline; flex-wrap: wrap; padding: 0.5rem 0; color: var(--mp-text); }
.mp-top b { font-size: 1.15rem; color: var(--mp-text); }
.mp-top nav { display: flex; gap: 1rem; flex-wrap: wrap; }
.mp-top a { color: var(--mp-accent); text-decoration: none; }
.mp-top a[aria-current] { color: var(--mp-text); font-weight: 600; }
.mp-embedded .mp-top { display: none; }
.mp-embedded .gradio-container { padding: 0 !important; }
"""


def demo_css() -> str:
    return view_css() + _CSS


def build_demo(studio: Studio) -> gr.Blocks:
    """The whole demo for a studio."""
    with gr.Blocks(
        title=f"{TITLE} · demo",
        analytics_enabled=False,
        delete_cache=(_FORGET_AFTER_S // 3, _FORGET_AFTER_S),
        fill_width=True,
    ) as demo:
        gr.HTML(_HEADER)
        _model_state(studio)
        with gr.Tab("Photos"):
            photos_tab(studio)
    return demo.queue(default_concurrency_limit=2, max_size=MAX_WAITING)


def _model_state(studio: Studio) -> None:
    """A line about the models that follows them until they are loaded."""
    timer = gr.Timer(1.0, active=not studio.models.is_settled)
    line = gr.HTML(lambda: _state_html(studio))

    def look() -> tuple[str, gr.Timer]:
        return _state_html(studio), gr.Timer(active=not studio.models.is_settled)

    timer.tick(look, outputs=[line, timer], api_visibility="private", show_progress="hidden")


def _state_html(studio: Studio) -> str:
    return f'<p class="mp-quiet" role="status" aria-live="polite">{studio.models.status()}</p>'
