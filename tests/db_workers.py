"""What other processes do in the database tests: real programs, started fast, killed for good."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from itertools import count as numbers
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

from db_support import add_face, label

from core.faces import MaskLabel
from db.annotations import annotate, current_annotation
from db.database import connect, open_connection, write_transaction
from db.events import StaleVersion
from db.home import Home
from db.labels import Change
from db.migrations import open_home
from db.review_queue import QueueQuery, take

#: A server that has imported everything once and forks the workers.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["db_workers"])


def start(target: object, *arguments: object) -> BaseProcess:
    process = _CONTEXT.Process(target=target, args=arguments)
    # The server itself does not know where pytest looks for modules (Python 3.11).
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        process.start()
    return process


def finish(processes: Sequence[BaseProcess]) -> None:
    """Wait for all; each must have ended well."""
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def label_faces(root: Path, annotator: str, faces: Sequence[int], said: Path) -> None:
    """Label each face once and note every label that the database confirmed."""
    notes = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for face in faces:
        with connect(Home(root)) as db:
            change = Change(face_id=face, base_version=0, mask=MaskLabel.MASKED)
            op = f"{annotator}-{face}"
            (annotation,) = annotate(db, [change], annotator=annotator, client_op_id=op)
        os.write(notes, f"{annotation.face_id} {annotation.event_id}\n".encode())
    os.close(notes)


def add_to_one_face(root: Path, annotator: str, face: int, count: int) -> None:
    """Change one face ``count`` times, looking again whenever somebody else was faster."""
    db = open_connection(Home(root))
    done = 0
    while done < count:
        now = current_annotation(db, face)
        change = Change(
            face_id=face, base_version=now.version if now else 0, note=f"{annotator} {done}"
        )
        try:
            annotate(db, [change], annotator=annotator, client_op_id=f"{annotator}-{done}")
            done += 1
        except StaleVersion:
            continue
    db.close()


def add_and_label(root: Path, first_seed: int, said: Path, enough: Path) -> None:
    """Add faces, each with its label, and note every one that the database confirmed."""
    home = Home(root)
    with said.open("w", buffering=1) as notes:
        for seed in numbers(first_seed):
            if enough.exists():
                return
            with connect(home) as db, write_transaction(db):
                face = add_face(db, home, seed)
                label(db, face, MaskLabel.MASKED)
            notes.write(f"{face}\n")


def label_and_die(root: Path, face: int) -> None:
    """Change a label, then end as a program does that the kernel kills."""
    db = open_connection(Home(root))
    label(db, face, MaskLabel.UNMASKED, base_version=1)
    os.kill(os.getpid(), signal.SIGKILL)


def take_faces(root: Path, annotator: str, said: Path) -> None:
    """Take faces from the queue until there are none, and note them."""
    with connect(Home(root)) as db, said.open("w") as notes:
        while items := take(db, QueueQuery(order="random"), annotator=annotator, count=7):
            notes.writelines(f"{item.face_id}\n" for item in items)


def open_at(root: Path, moment: float) -> None:
    """Open the home, and upgrade it where needed, at a moment that others wait for too."""
    time.sleep(max(0.0, moment - time.time()))
    open_home(root)


def hold_lock(path: Path, seconds: float, held: Path) -> None:
    """Another program that locks the whole file."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    held.write_text("held")
    time.sleep(seconds)
    db.execute("ROLLBACK")
    db.close()


def wait_for(path: Path) -> None:
    """Until a file is there and not empty."""
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.005)


def import_folder(root: Path, folder: Path, done: Path) -> None:
    """Import in small chunks and note the progress."""
    from db import imports
    from trainer.dataset_import import import_path

    imports.CHUNK_SIZE = 20
    import_path(Home(root), folder, progress=lambda count: done.write_text(str(count)) and None)
