"""``/api/``: the routes as a page made here; the usual viewers fetch scripts from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from ui.theme import DARK, FONTS, LIGHT, MONO_FONTS, TITLE

_STYLE = f"""
:root {{ color-scheme: light dark; --page: {LIGHT["page"]}; --text: {LIGHT["text"]};
  --quiet: {LIGHT["quiet"]}; --border: {LIGHT["border"]}; --accent: {LIGHT["accent"]}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: {DARK["page"]}; --text: {DARK["text"]};
  --quiet: {DARK["quiet"]}; --border: {DARK["border"]}; --accent: {DARK["accent"]}; }} }}
body {{ font-family: {", ".join(FONTS)}; background: var(--page); color: var(--text);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5; }}
a {{ color: var(--accent); }} code {{ font-family: {", ".join(MONO_FONTS)}; }}
article {{ border-top: 1px solid var(--border); padding: 0.75rem 0; }}
h2 {{ margin: 2rem 0 0.5rem; text-transform: capitalize; }} h3 {{ margin: 0; font-size: 1rem; }}
p {{ margin: 0.25rem 0; }} dl {{ margin: 0.25rem 0; color: var(--quiet); overflow-wrap: anywhere; }}
dt, dd {{ display: inline; margin: 0; }} dd::after {{ content: ""; display: block; }}
"""
_INTRO = (
    "<p>Errors come as problem JSON with a sentence in <code>title</code>. Lists come in pages: "
    "follow <code>next</code>. For programs: <a href='/api/openapi.json'>openapi.json</a>.</p>"
    "<p><code>curl -F file=@photo.jpg http://127.0.0.1:8000/api/v1/predict</code></p>"
)


def add_reference(app: FastAPI) -> None:
    @app.get("/api", include_in_schema=False)
    @app.get("/api/", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(_page(app.openapi()))


def _page(schema: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            tag = route.get("tags", ["other"])[0]
            by_tag.setdefault(tag, []).append(_route(method, path, route))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(routes)}" for tag, routes in by_tag.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{TITLE} · API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f'<body><p><a href="/">{TITLE}</a></p><h1>API</h1>{_INTRO}{body}</body></html>'
    )


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    parameters = "".join(
        f"<dt><code>{escape(one['name'])}</code> </dt>"
        f"<dd>{escape(_type(one['schema']))} {escape(one.get('description', ''))}</dd>"
        for one in route.get("parameters", [])
    )
    content = route["responses"].get("200", {}).get("content", {})
    gives = ", ".join(_type(kind.get("schema", {})) or name for name, kind in content.items())
    takes = ", ".join(
        f"{name} {_type(kind['schema'])}"
        for name, kind in route.get("requestBody", {}).get("content", {}).items()
    )
    words = escape(route.get("description", route.get("summary", "")))
    return (
        f"<article><h3><code>{method.upper()} {escape(path)}</code></h3><p>{words}</p>"
        f"<dl>{parameters}{_line('takes', takes)}{_line('gives', gives)}</dl></article>"
    )


def _line(word: str, what: str) -> str:
    return f"<dt>{word} </dt><dd><code>{escape(what)}</code></dd>" if what else ""


def _type(schema: dict[str, Any]) -> str:
    """A schema in a word or two: a name, a plain type, or the choices."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {})) or 'values'}"
    default = f" (default {schema['default']})" if schema.get("default") is not None else ""
    return schema.get("type", "") + default
