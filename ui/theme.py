"""One look for both toolkits: colours, font and shape, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

TITLE = "MaskPose Studio"
#: The machine's own font: nothing is fetched.
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
RADIUS_PX = 8

#: Contrast of text and accent on their backgrounds is at least 4.5, also of captions, which
#: Streamlit draws in the text colour at 60 %.
LIGHT = {
    "accent": "#0a6ebd",
    "button": "#0a6ebd",  # Streamlit writes on it in white, in both modes
    "on_accent": "#ffffff",
    "page": "#ffffff",
    "panel": "#f4f6f8",
    "border": "#d8dee5",
    "text": "#0b1015",
    "quiet": "#566270",
}
DARK = {
    "accent": "#5db4f0",
    "button": "#1f74bf",
    "on_accent": "#06131d",
    "page": "#0f1418",
    "panel": "#182027",
    "border": "#303b46",
    "text": "#e7ecf1",
    "quiet": "#a3b0bd",
}


def streamlit_options() -> dict[str, Any]:
    """Streamlit's settings: our look in both modes, no telemetry, nothing of a developer's."""
    options: dict[str, Any] = {
        "browser.gatherUsageStats": False,
        "server.fileWatcherType": "none",
        "client.toolbarMode": "viewer",
        "logger.level": "warning",
        "client.showErrorDetails": "none",
        "theme.font": ", ".join(FONTS),
        "theme.codeFont": ", ".join(MONO_FONTS),
        "theme.baseRadius": f"{RADIUS_PX}px",
        "theme.paddingTop": "3rem",
        "theme.headingFontSizes": ["2rem", "1.5rem", "1.2rem"],
    }
    for mode, colors in (("light", LIGHT), ("dark", DARK)):
        options |= {
            f"theme.{mode}.primaryColor": colors["button"],
            f"theme.{mode}.linkColor": colors["accent"],
            f"theme.{mode}.backgroundColor": colors["page"],
            f"theme.{mode}.secondaryBackgroundColor": colors["panel"],
            f"theme.{mode}.textColor": colors["text"],
            f"theme.{mode}.codeTextColor": colors["text"],
            f"theme.{mode}.borderColor": colors["border"],
        }
    return options


def streamlit_style() -> str:
    """What the settings cannot say: white is to be read on Streamlit's accent, so what Streamlit
    writes in the accent could not be read on a dark page."""
    return """<style>
    button[data-selected="true"] { font-weight: 600 }
    button[data-selected="true"], button[data-selected="true"] * { color: inherit !important }
    [data-testid="stSlider"] [data-testid="stSliderThumbValue"] { color: inherit }
    </style>"""


def gradio_theme() -> gr.Theme:
    import gradio as gr

    base = gr.themes.Base(
        font=list(FONTS), font_mono=list(MONO_FONTS), radius_size=gr.themes.sizes.radius_md
    )
    light = {
        "body_background_fill": "page",
        "block_background_fill": "page",
        "background_fill_primary": "page",
        "background_fill_secondary": "panel",
        "block_label_background_fill": "panel",
        "input_background_fill": "page",
        "border_color_primary": "border",
        "block_border_color": "border",
        "input_border_color": "border",
        "body_text_color": "text",
        "body_text_color_subdued": "quiet",
        "block_label_text_color": "quiet",
        "block_title_text_color": "text",
        "button_primary_background_fill": "accent",
        "button_primary_background_fill_hover": "accent",
        "button_primary_text_color": "on_accent",
        "button_secondary_background_fill": "panel",
        "button_secondary_background_fill_hover": "border",
        "button_secondary_text_color": "text",
        "color_accent": "accent",
        "link_text_color": "accent",
    }
    settings = {name: LIGHT[color] for name, color in light.items() if name != "color_accent"}
    settings |= {
        f"{name}_dark": DARK[color] for name, color in light.items() if name != "color_accent"
    }
    return base.set(**settings, color_accent=LIGHT["accent"], block_border_width="1px")


def color_variables() -> str:
    """Our colours as CSS variables, for what we draw ourselves inside Gradio."""
    light = "".join(f"--mp-{name}:{value};" for name, value in _dashed(LIGHT))
    dark = "".join(f"--mp-{name}:{value};" for name, value in _dashed(DARK))
    accent = f"--color-accent:{DARK['accent']}!important;"  # the theme knows one for both modes
    return f":root{{{light}}} .dark{{{dark}{accent}}}"


def _dashed(colors: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.replace("_", "-"), value) for name, value in colors.items()]
