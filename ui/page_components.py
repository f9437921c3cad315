"""Our own parts of Streamlit pages: plain JavaScript that talks to ``/api`` by itself.

Streamlit's widgets take 200–500 ms a press and lose quick ones. A component is a folder
``ui/components/NAME`` with ``NAME.html``, ``NAME.css`` and ``NAME.js``; the script is a module that
exports ``mount({data, parentElement, …})`` and may import from ``../shared/``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ui.studio import Studio

_FOLDER = Path(__file__).parent / "components"
_ADDRESS = "/components"
#: Streamlit gives a component's script an address of its own, from which nothing can be imported.
_LOADER = """
export default async function (component) {{
  const module = await import(new URL("{address}/{name}/{name}.js", document.baseURI));
  return module.mount(component);
}}
"""


class _Files(StaticFiles):
    """Browsers ask each time whether a file has changed: a new version is seen at once."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def add_component_files(app: FastAPI) -> None:
    """Serve the scripts of all components."""
    app.mount(_ADDRESS, _Files(directory=_FOLDER))


@functools.cache
def page_component(name: str) -> Callable[..., object]:
    """What shows the component ``name`` on a Streamlit page; called with ``data=`` and ``key=``."""
    from streamlit.components import v2

    folder = _FOLDER / name
    return v2.component(
        f"maskpose_{name}",
        html=(folder / f"{name}.html").read_text(encoding="utf-8"),
        css=(_FOLDER / "shared" / "shared.css").read_text(encoding="utf-8")
        + (folder / f"{name}.css").read_text(encoding="utf-8"),
        js=_LOADER.format(address=_ADDRESS, name=name),
    )


def who_and_where(studio: Studio, annotator: str) -> dict[str, str]:
    """Whose labels wait in a browser, and for which home: never sent for anybody else."""
    place = hashlib.sha256(str(studio.home.root).encode()).hexdigest()[:12]
    return {"studio": place, "annotator": annotator}
