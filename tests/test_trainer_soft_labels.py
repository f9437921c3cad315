"""Teachers' opinions: asked once for each face, kept from run to run, never taken from others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import ModelCard
from core.face_network import FaceNetwork
from core.networks import create_network
from tests.training_files import write_mask_set
from trainer import soft_labels
from trainer.face_pool import FacePool, load_pool
from trainer.label_cache import KEPT_FILES, LabelCache, face_keys
from trainer.soft_labels import label_pool
from trainer.train import read_faces
from trainer.validation import take


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
