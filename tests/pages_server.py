"""The studio's pages and REST interface alone, for tests in the browser: up in seconds.

    python -m tests.pages_server HOME PORT

Neither the demo nor any model is loaded.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.browser_files import ROOT, free_port, is_up
from ui.guard import LOCAL_HOSTS, Guard
from ui.server import build_pages
from ui.studio import open_studio


@contextmanager
def running_pages(home: Path) -> Iterator[str]:
    """The address of the pages on a home, in a process of their own."""
    port = free_port()
    command = [sys.executable, "-m", "tests.pages_server", str(home), str(port)]
    with (home / "pages.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            assert is_up(f"{address}/api/v1/queue?limit=1"), (home / "pages.log").read_text()
            yield address
        finally:
            server.terminate()
            server.wait(60)


def main() -> None:
    home, port = sys.argv[1:]
    studio = open_studio(Path(home))
    guarded = Guard(build_pages(studio), LOCAL_HOSTS)
    uvicorn.run(guarded, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
