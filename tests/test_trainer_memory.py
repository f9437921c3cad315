"""The memory of a training process is kept between steps."""

from __future__ import annotations

import subprocess
import sys

import pytest

_COUNT_FAULTS = """
import resource, sys, torch
from trainer.memory import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    raise SystemExit("no glibc")
def step():
    return [torch.ones(2**24) for _ in range(3)]  # 3 blocks of 64 MiB
for _ in range(3):  # the heap grows to its size
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    result = subprocess.run(
        [sys.executable, "-c", _COUNT_FAULTS, how], capture_output=True, text=True, check=False
    )
    if "no glibc" in result.stderr:
        pytest.skip("this system's C library is not glibc")
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


def test_memory_freed_by_a_step_is_used_by_the_next():
    assert page_faults("keep") < page_faults("default") / 2
