"""From the name of a runtime and a model file to something that answers."""

from __future__ import annotations

from pathlib import Path

from core.answer_network import build_answer_network
from core.checkpoint import CheckpointError, load_checkpoint
from core.runtime.cuda_graphs import CudaGraphRuntime
from core.runtime.fastest import load_fastest
from core.runtime.onnx_runtime import exported_path, load_exported, load_onnx
from core.runtime.prediction import Runtime
from core.runtime.torch_runtime import TorchRuntime

#: ``auto`` measures once which of the others is fastest for this model on this machine.
RUNTIMES = ("torch", "onnx", "onnx-int8", "cuda-graphs", "auto")


def load_runtime(path: Path, runtime: str = "torch", device: str = "cpu") -> Runtime:
    """The model of a checkpoint, loaded into ``runtime``. Raises CheckpointError.

    ``onnx`` and ``onnx-int8`` read the file that ``launch.py export`` wrote beside the checkpoint.
    An ONNX file given itself always runs on ONNX Runtime.

    ``auto`` blocks: it loads whatever is available for this checkpoint and measures it, which takes
    a second or two the first time on a machine; then the choice is remembered, and it takes as long
    as loading that one runtime. An export that is damaged or of other weights is left out, never an
    error. What was chosen is the ``name`` of the runtime.
    """
    if runtime not in RUNTIMES:
        raise CheckpointError(f"unknown runtime {runtime!r}; give one of {', '.join(RUNTIMES)}")
    if path.suffix == ".onnx":
        if runtime == "cuda-graphs":
            raise CheckpointError(f"{path}: computes on ONNX Runtime; leave out --runtime")
        return load_onnx(path)
    if runtime.startswith("onnx") and device != "cpu":
        raise CheckpointError(f"runtime {runtime!r} computes on the CPU; use --device cpu or auto")
    if runtime == "auto":
        names = available_runtimes(path, device)
        return load_fastest(path, device, names, lambda name: load_runtime(path, name, device))
    if runtime in ("onnx", "onnx-int8"):
        return load_exported(path, "fp32" if runtime == "onnx" else "int8")
    checkpoint = load_checkpoint(path)
    network = build_answer_network(checkpoint, path.name)
    if runtime == "cuda-graphs":
        return CudaGraphRuntime(network, checkpoint.model_id, device)
    return TorchRuntime(network, checkpoint.model_id, device)


def available_runtimes(path: Path, device: str) -> list[str]:
    """The runtimes that can be had for a checkpoint, by the files beside it and the device."""
    if device.startswith("cuda"):
        return ["torch", "cuda-graphs"]
    exported = {"onnx": "fp32", "onnx-int8": "int8"}
    beside = [name for name, form in exported.items() if exported_path(path, form).is_file()]
    return ["torch", *beside]
