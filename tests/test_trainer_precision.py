"""Which arithmetic a training uses on which processor."""

from __future__ import annotations

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


@pytest.mark.cuda
def test_a_gpu_uses_it_from_ampere_on() -> None:
    has_instructions = torch.cuda.get_device_capability() >= (8, 0)
    assert computes_bf16(torch.device("cuda")) == has_instructions
