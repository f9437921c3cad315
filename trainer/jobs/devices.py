"""Which devices of this machine can train, without loading torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Device:
    """``name`` is ``cpu`` or ``cuda:N``, N as ``nvidia-smi`` counts; memory in MiB, use in %."""

    name: str
    title: str
    free_mib: int
    total_mib: int
    used_percent: int | None = None

    def text(self) -> str:
        """One line for a person."""
        memory = f"{self.free_mib / 1024:.0f} of {self.total_mib / 1024:.0f} GiB free"
        busy = "" if self.used_percent is None else f" · {self.used_percent} % busy"
        return f"{self.name} · {self.title} · {memory}{busy}"


def find_devices() -> list[Device]:
    """The CUDA devices, the first being the obvious choice, and the CPU."""
    return [*_cuda_devices(), _cpu()]


def missing_devices(device: str) -> list[str]:
    """Those of ``device`` (``cuda:0,cuda:1``) that this machine does not show now."""
    here = {found.name for found in find_devices()}
    return [name for name in device.split(",") if name not in here]


def _cpu() -> Device:
    page = os.sysconf("SC_PAGE_SIZE") >> 10  # KiB
    return Device(
        name="cpu",
        title=f"{len(os.sched_getaffinity(0))} cores",
        free_mib=_available_mib() or os.sysconf("SC_PHYS_PAGES") * page >> 10,
        total_mib=os.sysconf("SC_PHYS_PAGES") * page >> 10,
    )


def _available_mib() -> int | None:
    """What Linux could give to a new program."""
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) >> 10
    except (OSError, KeyError):
        return None


def _cuda_devices() -> list[Device]:
    if not shutil.which("nvidia-smi"):
        return []
    query = "index,name,memory.free,memory.total,utilization.gpu"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []  # the driver does not answer: there is no device to train on
    return [_cuda_device(line) for line in done.stdout.splitlines() if line.count(",") >= 4]


def _cuda_device(line: str) -> Device:
    index, name, free, total, used = (part.strip() for part in line.split(",", 4))
    return Device(
        name=f"cuda:{index}",
        title=name,
        free_mib=_number(free) or 0,
        total_mib=_number(total) or 0,
        used_percent=_number(used),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None  # "[N/A]" on some devices
