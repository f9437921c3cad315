"""Where a training can run, without loading torch: CUDA devices, the CPU, a Ray cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from db.errors import StudioError

#: A Ray cluster as a device. It is there when this variable, Ray's own, has the address of its
#: Jobs API (``http://HEAD:8265``).
RAY = "ray"
RAY_ADDRESS = "RAY_API_SERVER_ADDRESS"
_LOCAL = re.compile(r"(cpu|cuda:\d+)(,(cpu|cuda:\d+))*")


class UnknownDevice(StudioError):
    "No training can run there"


@dataclass(frozen=True, kw_only=True)
class Device:
    """``name`` is ``cpu``, ``cuda:N`` (N as ``nvidia-smi`` counts) or ``ray``; memory in MiB, use
    in %. What is not known is None."""

    name: str
    title: str
    free_mib: int | None = None
    total_mib: int | None = None
    used_percent: int | None = None

    def text(self) -> str:
        """One line for a person."""
        text = f"{self.name} · {self.title}"
        if self.free_mib is not None and self.total_mib is not None:
            text += f" · {self.free_mib / 1024:.0f} of {self.total_mib / 1024:.0f} GiB free"
        return text if self.used_percent is None else f"{text} · {self.used_percent} % busy"


def find_devices() -> list[Device]:
    """The CUDA devices, the first being the obvious choice, the CPU, and the cluster if any."""
    return [*_cuda_devices(), _cpu(), *_cluster()]


def backend_of(device: str) -> str:
    """Whether ``ray`` or the ``local`` backend trains on ``device``. Raises UnknownDevice."""
    if device == RAY:
        return RAY
    if not _LOCAL.fullmatch(device):
        raise UnknownDevice(
            f"there is no device {device!r}: give cpu, cuda:N, several (cuda:0,cuda:1), or ray"
        )
    return "local"


def missing_devices(device: str) -> list[str]:
    """Those of ``device`` (``cuda:0,cuda:1``) that this machine does not show now."""
    here = {found.name for found in find_devices()}
    return [name for name in device.split(",") if name not in here]


def _cluster() -> list[Device]:
    address = os.environ.get(RAY_ADDRESS)
    return [Device(name=RAY, title=f"Ray cluster at {address}")] if address else []


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
    query = "index,uuid,memory.free,memory.total,utilization.gpu,name"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []  # the driver does not answer: there is no device to train on
    return cuda_devices(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES"))


def cuda_devices(listing: str, visible: str | None) -> list[Device]:
    """The devices of an ``nvidia-smi`` listing that ``CUDA_VISIBLE_DEVICES`` (numbers or UUIDs, in
    the order of ``nvidia-smi``) leaves to this program."""
    devices = []
    for line in listing.splitlines():
        fields = [part.strip() for part in line.split(",", 5)]
        if len(fields) == 6 and _is_visible(fields[0], fields[1], visible):
            devices.append(_cuda_device(*fields))
    return devices


def _is_visible(index: str, uuid: str, visible: str | None) -> bool:
    if visible is None:
        return True
    names = [name.strip() for name in visible.split(",") if name.strip()]
    return index in names or any(uuid.startswith(name) for name in names)


def _cuda_device(index: str, _uuid: str, free: str, total: str, used: str, name: str) -> Device:
    return Device(
        name=f"cuda:{index}",
        title=name,
        free_mib=_number(free),
        total_mib=_number(total),
        used_percent=_number(used),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None  # "[N/A]" on some devices
