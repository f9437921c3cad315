"""The teachers' opinions by Ray Data: every node reads and answers its share of the faces.

For data that outgrow one machine. The reader, the questions and the file of answers are those of
``trainer.soft_labels``; whoever trains afterwards finds all faces in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import ray.data
import torch
from ray.data import ActorPoolStrategy

from db.home import Home
from db.runs import Run
from trainer.face_pool import load_pool
from trainer.label_cache import LabelCache, SoftLabel, face_keys
from trainer.redistill import request_of
from trainer.soft_labels import BATCH, ask_in_parts
from trainer.train import load_teacher, read_samples

#: More parts than workers, so that a slow node delays nobody for long.
PARTS_A_WORKER = 4

Columns = dict[str, np.ndarray]


def ask_teachers(home: Home, run: Run, workers: int, *, use_gpu: bool) -> None:
    """Fill the cache with the opinions on all training faces that it does not know."""
    request = request_of(home, run)
    count = len(read_samples(request, "train"))
    if not request.teachers or not count:
        return
    ray.data.DataContext.get_current().enable_progress_bars = False
    parts = min(count, PARTS_A_WORKER * workers)
    answers = ray.data.range(count, override_num_blocks=parts).map_batches(
        Teachers,
        fn_constructor_args=(home, run),
        batch_size=BATCH,
        batch_format="numpy",
        compute=ActorPoolStrategy(size=workers),
        num_cpus=0.5,  # the tasks that deal out the rows need some, on the smallest cluster, too
        num_gpus=1 if use_gpu else 0,
    )
    cache = Teachers(home, run).cache
    known = cache.read()
    for batch in answers.iter_batches(batch_size=None, batch_format="numpy"):
        keys = [row.tobytes() for row in batch["keys"]]
        labels = zip(*(batch[name] for name in SoftLabel._fields), strict=True)
        known |= zip(keys, (SoftLabel(*label) for label in labels), strict=True)
    cache.write(known)


class Teachers:
    """One process that answers: loads the teachers once, then takes batches of row numbers."""

    def __init__(self, home: Home, run: Run) -> None:
        request = request_of(home, run)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.samples = read_samples(request, "train")
        self.teachers = [load_teacher(path, device) for path in request.teachers]
        self.cache = LabelCache.of(request.label_cache or request.out, self.teachers)
        self.known = self.cache.read()

    def __call__(self, batch: dict[str, Any]) -> Iterator[Columns]:
        """``id`` (n,) → ``keys`` (n, 32) and the fields of ``SoftLabel`` (n, …)."""
        try:
            pool = load_pool([self.samples[index] for index in batch["id"]], progress=False)
        except ValueError:  # none of these pictures can be read, as the log says
            return
        keys = face_keys(pool)
        new = np.array([row for row, key in enumerate(keys) if key not in self.known], int)
        if len(new):
            self.known |= zip(
                [keys[row] for row in new], ask_in_parts(pool, new, self.teachers), strict=True
            )
        labels = [self.known[key] for key in keys]
        columns = {
            name: np.stack([getattr(label, name) for label in labels]) for name in SoftLabel._fields
        }
        yield columns | {"keys": np.stack([np.frombuffer(key, np.uint8) for key in keys])}
