"""Who takes part in the benchmark, on which machine, and with how much memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from core.answer_network import build_answer_network
from core.checkpoint import load_checkpoint
from core.export_onnx import export_fp32
from core.runtime import Runtime, TorchRuntime
from core.runtime.cuda_graphs import CudaGraphRuntime
from core.runtime.onnx_runtime import PRECISIONS, exported_path, load_onnx

ROOT = Path(__file__).resolve().parents[1]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
#: CPU features that decide how fast 8-bit integers and bfloat16 are.
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


@dataclass(frozen=True)
class Contender:
    """A loaded runtime with what a reader must know about it."""

    name: str
    runtime: Runtime
    threads: int
    provider: str
    file: Path

    def facts(self) -> dict[str, Any]:
        return {
            "runtime": self.name,
            "threads": self.threads,
            "provider": self.provider,
            "file_mb": round(self.file.stat().st_size / 1e6, 1),
        }


def onnx_files(checkpoint: Path, scratch: Path) -> dict[str, Path]:
    """The exported forms of a checkpoint: those beside it; fp32 made if missing."""
    files = {form: exported_path(checkpoint, form) for form in PRECISIONS}
    present = {form: file for form, file in files.items() if file.is_file()}
    if "fp32" not in present:
        present = {"fp32": scratch / files["fp32"].name} | present
        export_fp32(checkpoint, present["fp32"])
    return present


def contenders(
    checkpoint: Path, exported: Mapping[str, Path], device: str, threads: int
) -> list[Contender]:
    """PyTorch eager in both memory layouts, and every exported file."""
    torch.set_num_threads(threads)
    rivals = [
        Contender(
            f"torch {layout}", _eager(checkpoint, device, layout), threads, device, checkpoint
        )
        for layout in LAYOUTS
    ]
    for precision, file in exported.items():
        name = "onnx" if precision == "fp32" else f"onnx-{precision}"
        runtime = load_onnx(file, threads)
        rivals.append(Contender(name, runtime, threads, runtime.provider, file))
    if device.startswith("cuda"):
        stored = load_checkpoint(checkpoint)
        network = build_answer_network(stored, checkpoint.name)
        graphs = CudaGraphRuntime(network, stored.model_id, device)
        provider = f"{device} {str(graphs.dtype).removeprefix('torch.')}"
        rivals.append(Contender("cuda-graphs", graphs, threads, provider, checkpoint))
    return rivals


def _eager(checkpoint: Path, device: str, layout: str) -> TorchRuntime:
    stored = load_checkpoint(checkpoint)
    network = build_answer_network(stored, checkpoint.name)
    network.network.use_memory_format(LAYOUTS[layout])
    return TorchRuntime(network, stored.model_id, device)


def machine() -> dict[str, Any]:
    """Processor, memory, versions and commit, for the reader who wants to compare."""
    facts = _read("/proc/cpuinfo")
    flags = next((line for line in facts.splitlines() if line.startswith("flags")), "").split()
    model = next((line for line in facts.splitlines() if line.startswith("model name")), "")
    return {
        "cpu": model.partition(":")[2].strip() or platform.processor() or platform.machine(),
        "cpu_features": [name for name in _FEATURES if name in flags],
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": version("torch"),
        "onnxruntime": version("onnxruntime"),
        "commit": _commit(),
    }


def peak_memory_mb(rivals: Sequence[Contender]) -> dict[str, float]:
    """Peak resident memory of a fresh process that answers one crop, for each contender."""
    return {rival.name: _peak_mb(rival) for rival in rivals}


def _peak_mb(rival: Contender) -> float:
    code = (
        "import re, sys, numpy as np; from pathlib import Path\n"
        "from core.runtime import load_runtime\n"
        "model = load_runtime(Path(sys.argv[1]))\n"
        "size = model.card.input_px\n"
        "model.predict_batch(np.zeros((1, size, size, 3), np.uint8))\n"
        # not getrusage: its peak is inherited from the process that started this one
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
    )
    command = [sys.executable, "-c", code, str(rival.file.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return round(int(done.stdout) / 1024, 1)


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
