"""The process that leads trainings on one device, one after the other, until the queue is empty.

    python -m trainer.worker --home DIR --device cpu

It is small (no torch), belongs to nobody's session, and may be killed at any moment: the training
ends with it, and the next worker finds the run and offers it for resuming.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from db.database import connect
from db.home import Home
from db.migrations import open_home
from db.runs import claim_run
from trainer.jobs.device_lock import device_lock
from trainer.jobs.devices import backend_of
from trainer.jobs.lifeline import GRACE_S
from trainer.jobs.local import forget_trainings, mark_lost, start_workers
from trainer.jobs.supervisor import Command, Supervisor, stage_command

#: How long to wait for a worker that is about to end, or the training of one that was killed.
LOCK_WAIT_S = GRACE_S + 5.0


def work(home: Home, device: str, command: Command = stage_command) -> int:
    """Lead the queued runs of a device; returns how many: 0 while another worker is at it."""
    done = 0
    with device_lock(home, device, LOCK_WAIT_S) as locks:
        if locks is None:
            return 0
        mark_lost(home, device)
        forget_trainings(home)
        while True:
            with connect(home) as db:
                run = claim_run(
                    db,
                    device=device,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    backend=backend_of(device),
                )
            if run is None:
                break
            Supervisor(home, run, locks, command).lead()
            done += 1
    if done:
        start_workers(home)  # runs may wait for several devices of which this was one
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="trainer.worker", description=__doc__)
    parser.add_argument("--home", type=Path, help="the home folder of the app")
    parser.add_argument("--device", default="cpu", help="cpu, cuda:N, several, or ray")
    args = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as the machine shuts down
    work(open_home(args.home), args.device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
