"""Who has a device: a file lock that the kernel gives back when its last holder dies.

The worker holds it and hands it down to the training process. While it is held, something of a
run is still alive; when it is free, nothing is, whatever the database says. No process ids are
compared, so a reboot or a reused id cannot mislead.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from db.home import Home


@contextmanager
def device_lock(home: Home, device: str, wait_s: float = 0.0) -> Iterator[list[int] | None]:
    """The locks of a device, or of several (``cuda:0,cuda:1``), as file descriptors; None: taken.

    A child that inherits the descriptors holds the locks, too.
    """
    with ExitStack() as stack:
        descriptors = []
        for name in sorted(set(device.split(","))):
            path = home.root / "runs" / f".{name.replace(':', '-')}.lock"
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            stack.callback(os.close, descriptor)
            if not _lock(descriptor, wait_s):
                yield None
                return
            descriptors.append(descriptor)
        yield descriptors


def _lock(descriptor: int, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.1)
