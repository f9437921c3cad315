"""Teachers' opinions: asked once for each face, kept from run to run, never taken from others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import ModelCard, save_checkpoint
from core.face_network import FaceNetwork
from core.networks import create_network
from tests.test_trainer_train import torchrun
from tests.training_files import write_mask_set
from trainer import soft_labels
from trainer.face_pool import FacePool, load_pool
from trainer.label_cache import ABANDONED_S, KEPT_FILES, LabelCache, SoftLabel, face_keys
from trainer.soft_labels import label_pool
from trainer.train import read_faces
from trainer.validation import take

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> FacePool:
    folder = write_mask_set(tmp_path_factory.mktemp("data"), train=12)
    return load_pool(read_faces(folder, "train").samples)


@pytest.fixture(scope="module")
def teacher() -> FaceNetwork:
    torch.manual_seed(1)
    return FaceNetwork(create_network("mhpnet"), ModelCard(network="mhpnet", input_px=32)).eval()


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """How many faces each question was about."""
    counts: list[int] = []

    def ask_all(pool, rows, teachers):
        counts.append(len(rows))
        return original(pool, rows, teachers)

    original = soft_labels.ask_all
    monkeypatch.setattr(soft_labels, "ask_all", ask_all)
    return counts


def test_a_second_run_asks_only_about_new_faces(pool, teacher, tmp_path, asked):
    cache = LabelCache.of(tmp_path, [teacher])
    first = label_pool(take(pool, np.arange(5)), [teacher], cache)
    both = label_pool(take(pool, np.arange(7)[::-1]), [teacher], cache)
    assert asked == [5, 2]
    assert np.array_equal(both.mask_logits[::-1][:5], first.mask_logits)
    assert np.array_equal(both.rotation[::-1][:5], first.rotation)
    label_pool(take(pool, np.arange(7)), [teacher], cache)
    assert asked == [5, 2]


def test_kept_opinions_are_those_that_would_be_asked_for(pool, teacher, tmp_path):
    label_pool(take(pool, np.arange(3)), [teacher], LabelCache.of(tmp_path, [teacher]))
    kept = label_pool(pool, [teacher], LabelCache.of(tmp_path, [teacher]))
    fresh = label_pool(pool, [teacher])
    for name, value in vars(fresh).items():
        assert getattr(kept, name) == pytest.approx(value, abs=2e-2), name  # bf16, other batches


def test_a_face_cut_otherwise_is_another_face(pool):
    looser = replace(pool, crop_factor=np.full(len(pool), 1.43))
    assert not set(face_keys(pool)) & set(face_keys(looser))
    assert len(set(face_keys(pool))) == len(pool)


def test_other_teachers_are_asked_anew_and_old_files_go(pool, teacher, tmp_path, asked):
    few = take(pool, np.arange(2))
    for version in range(KEPT_FILES + 2):
        card = replace(teacher.card, run_id=f"teacher {version}")
        other = FaceNetwork(teacher.network, card)
        label_pool(few, [other], LabelCache.of(tmp_path, [other]))
    assert len(asked) == KEPT_FILES + 2
    assert len(list(tmp_path.iterdir())) == KEPT_FILES


def test_what_a_killed_process_left_half_written_goes_after_an_hour(tmp_path):
    """The folder grew by a whole cache with each process that was killed while it wrote one."""
    dies_while_writing = (
        "import os, signal, sys; from pathlib import Path; import numpy as np\n"
        "from trainer import label_cache\n"
        "label_cache.put_in_place = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        "label = label_cache.SoftLabel(*[np.zeros(1)] * 4)\n"
        "label_cache.LabelCache(Path(sys.argv[1])).write({b'face': label})\n"
    )
    cache = LabelCache(tmp_path / "soft_labels-teacher.npz")
    done = subprocess.run([sys.executable, "-c", dies_while_writing, cache.path], cwd=ROOT)
    (partial,) = tmp_path.iterdir()
    assert done.returncode == -signal.SIGKILL and partial.name.endswith(".partial.npz")
    label = SoftLabel(*[np.zeros(1)] * 4)
    cache.write({b"face": label})
    assert partial.exists()  # for all we know somebody writes it
    os.utime(partial, (0, time.time() - ABANDONED_S - 1))
    cache.write({b"face": label})
    assert [*tmp_path.iterdir()] == [cache.path]


def test_a_damaged_file_is_asked_for_again(pool, teacher, tmp_path, asked):
    cache = LabelCache.of(tmp_path, [teacher])
    label_pool(pool, [teacher], cache)
    whole = cache.path.read_bytes()
    for damaged in (whole[:1000], b"", bytes(len(whole)), whole[:1000] + bytes(len(whole) - 1000)):
        cache.path.write_bytes(damaged)
        label_pool(pool, [teacher], cache)
    assert asked == [len(pool)] * 5


def test_a_second_process_reads_and_does_not_write(pool, teacher, tmp_path):
    cache = LabelCache.of(tmp_path, [teacher], read_only=True)
    label_pool(pool, [teacher], cache)
    assert not Path(cache.path).exists()


class Greedy(torch.nn.Module):
    """A network that wants more memory for many faces than any machine has."""

    def __init__(self, network: torch.nn.Module, many: int) -> None:
        super().__init__()
        self.network, self.many = network, many

    def forward(self, images: torch.Tensor):
        torch.empty(2**60 if len(images) >= self.many else 1)
        return self.network(images)


def test_teachers_are_asked_about_as_many_faces_as_fit_into_memory(pool, teacher, asked):
    greedy = FaceNetwork(Greedy(teacher.network, 3), teacher.card).eval()
    few = label_pool(pool, [greedy])
    assert asked == [12, 6, 3, 1, 2, 3, 1, 2, 6, 3, 1, 2, 3, 1, 2]
    fresh = label_pool(pool, [teacher])
    for name, value in vars(fresh).items():
        assert getattr(few, name) == pytest.approx(value, abs=2e-2), name  # bf16, other batches

    too_greedy = FaceNetwork(Greedy(teacher.network, 1), teacher.card).eval()
    with pytest.raises(RuntimeError, match="allocate memory"):
        label_pool(pool, [too_greedy])


def test_processes_send_each_other_what_is_new(pool, teacher, tmp_path):
    """Each sent everything that was known, though all had it from the first."""
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys, torch; torch.set_num_threads(1)\n"
        "import torch.distributed as dist, numpy as np\n"
        "import trainer.soft_labels as soft\n"
        "from trainer.face_pool import load_pool\n"
        "from trainer.label_cache import LabelCache\n"
        "from trainer.loop import process_group\n"
        "from trainer.train import Path, load_teacher, read_faces\n"
        "from trainer.validation import take\n"
        "out, teacher, data = map(Path, sys.argv[1:])\n"
        "said = open(out.with_name('rank' + os.environ['RANK']), 'w', buffering=1)\n"
        "join = soft.joined\n"
        "soft.joined = lambda new, world: print(len(new), file=said) or join(new, world)\n"
        "teachers = [load_teacher(teacher, 'cpu')]\n"
        "pool = load_pool(read_faces(data, 'train').samples)\n"
        "with process_group(torch.device('cpu')) as (rank, world):\n"
        "    cache = LabelCache.of(out, teachers, read_only=rank != 0)\n"
        "    for faces in (8, 12, 12):\n"
        "        some = take(pool, np.arange(faces))\n"
        "        table = soft.label_pool(some, teachers, cache, rank, world)\n"
        "    np.save(out.with_name(f'answers{rank}.npy'), table.rotation)\n"
    )
    checkpoint = tmp_path / "teacher.safetensors"
    save_checkpoint(checkpoint, teacher.card, teacher.network.state_dict())
    data = write_mask_set(tmp_path / "data", train=12)
    torchrun(script, tmp_path / "cache", [checkpoint, data], port=29614)
    sent = [(tmp_path / f"rank{rank}").read_text().split() for rank in (0, 1)]
    assert sent == [["4", "2"], ["4", "2"]]  # and nothing where all is known
    one, other = (np.load(tmp_path / f"answers{rank}.npy") for rank in (0, 1))
    assert np.array_equal(one, other) and len(one) == 12
