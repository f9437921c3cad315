"""Which arithmetic a training uses on which processor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from trainer.precision import autocast, computes_bf16

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capability", "wanted", "computed"),
    [
        ("AVX512", "bf16", torch.bfloat16),
        ("AVX512", "fp32", torch.float32),
        ("AVX2", "bf16", torch.float32),  # emulated there: many times slower
        ("DEFAULT", "bf16", torch.float32),
    ],
)
def test_bfloat16_is_used_where_the_processor_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, capability: str, wanted: str, computed: torch.dtype
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    layer = torch.nn.Linear(4, 4)
    with autocast(CPU, wanted):
        assert layer(torch.ones(1, 4)).dtype == computed


class Gpus:
    """Stands for CUDA devices of these generations (major versions): what torch asks a driver."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *majors: int) -> None:
        self.majors, self.current = majors, 0
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        monkeypatch.setattr("torch.cuda.device", self.during)
        monkeypatch.setattr("torch.cuda.current_device", lambda: self.current)
        monkeypatch.setattr("torch.cuda.get_device_properties", self.properties)
        # a GPU that emulates bfloat16 makes such a tensor as if it were nothing
        monkeypatch.setattr("torch.cuda._check_bf16_tensor_supported", lambda device: True)

    @contextmanager
    def during(self, device: torch.device) -> Iterator[None]:
        before, self.current = self.current, device.index or 0
        yield
        self.current = before

    def properties(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(major=self.majors[index])


def test_each_gpu_is_asked_for_instructions_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Volta (7) and Turing (7) emulate bfloat16; Ampere (8) and Hopper (9) compute in it."""
    gpus = Gpus(monkeypatch, 7, 8, 9)
    answers = [computes_bf16(torch.device("cuda", index)) for index in range(3)]
    assert answers == [False, True, True] and gpus.current == 0
    assert not computes_bf16(torch.device("cuda"))


@pytest.mark.cuda
def test_a_gpu_uses_it_from_ampere_on() -> None:
    has_instructions = torch.cuda.get_device_capability() >= (8, 0)
    assert computes_bf16(torch.device("cuda")) == has_instructions
