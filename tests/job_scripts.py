"""Small scripts that a worker leads in place of trainings; importing this loads no torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from db.home import Home

ROOT = Path(__file__).parents[1]
#: What every small script may use: the folder of its run, the word to stop, and its stage.
PRELUDE = """
import os, sys, time
from pathlib import Path
from db.home import Home
from trainer.jobs.lifeline import watch_lifeline
from trainer.jobs.run_files import RunFiles
module, root, run = sys.argv[1:]
files = RunFiles.of(Home(Path(root)), int(run))
stop = watch_lifeline()
"""


def script(code: str) -> Callable[..., list[str]]:
    """A command that runs this code in place of every stage."""
    return lambda module, home, run: [
        sys.executable,
        "-c",
        PRELUDE + code,
        module,
        str(home.root),
        str(run.id),
    ]


def worker_process(home: Home, code: str, device: str = "cpu") -> subprocess.Popen[bytes]:
    """A worker in a process of its own, leading such scripts."""
    program = (
        "import sys; from pathlib import Path; from db.home import Home\n"
        "from trainer.worker import work; from tests.job_scripts import script\n"
        "work(Home(Path(sys.argv[1])), sys.argv[2], script(sys.argv[3]))\n"
    )
    command = [sys.executable, "-c", program, str(home.root), device, code]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True)
