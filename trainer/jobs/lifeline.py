"""A training process lives only as long as its supervisor: the pipe on its standard input.

The supervisor holds the other end. Closing it asks for a stop; when the supervisor dies, by
SIGKILL or power-off button, the kernel closes it. So no process is ever left behind, not even
the ranks that ``torchrun`` puts into sessions of their own.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

#: Time to save a checkpoint after the word to stop; then the process ends without more ado.
GRACE_S = 10.0
#: Exit code of a process that did not stop in time.
EXIT_OVERDUE = 75


def watch_lifeline(descriptor: int = 0) -> threading.Event:
    """An event that is set when the supervisor asks for a stop or is gone."""
    stop = threading.Event()

    def watch() -> None:
        while os.read(descriptor, 64):  # empty at the end of the pipe
            pass
        stop.set()
        time.sleep(GRACE_S)
        os._exit(EXIT_OVERDUE)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    return stop


#: A leader whose file stands still for so long is gone (network file systems cache for a minute).
LEADER_SILENT_S = 120.0


def watch_leader(file: Path) -> threading.Event:
    """The same where no pipe reaches, on another machine: the leader rewrites ``file`` again and
    again, and removes it to ask for a stop."""
    stop = threading.Event()

    def watch() -> None:
        seen, changed_at = b"", time.monotonic()
        while time.monotonic() - changed_at < LEADER_SILENT_S:
            try:
                content = file.read_bytes()
            except FileNotFoundError:
                break
            except OSError:  # a network file system in trouble says nothing of the leader
                content = seen
            if content != seen:
                seen, changed_at = content, time.monotonic()
            time.sleep(1.0)
        stop.set()
        time.sleep(GRACE_S)
        os._exit(EXIT_OVERDUE)

    threading.Thread(target=watch, name="leader", daemon=True).start()
    return stop
