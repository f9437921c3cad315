"""CUDA graphs in half precision: one launch a batch instead of a hundred.

At batch 1 a GPU finishes each layer of a small network before the CPU has asked for the next one.
A graph is recorded once for each batch size and then replayed whole.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.answer_network import AnswerNetwork, FaceAnswers
from core.checkpoint import CheckpointError
from core.runtime.prediction import BatchPrediction

#: Batches are filled up to the next of these; larger ones are cut.
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class CudaGraphRuntime:
    """``network`` on a CUDA device: convolutions in ``dtype``, heads and answers in float32.

    Threads take turns: a graph reads and writes fixed memory.
    """

    name = "cuda-graphs"

    def __init__(self, network: AnswerNetwork, model_id: str, device: str) -> None:
        if not device.startswith("cuda"):
            raise CheckpointError(f"CUDA graphs need a CUDA device, got {device!r}; use onnx-int8")
        self.card = network.card
        self.model_id = model_id
        self._device = torch.device(device)
        self.dtype = half_precision(self._device)
        self._network = in_half_precision(network, self.dtype).to(device)
        self._recorded: dict[int, _Recording] = {}
        self._lock = threading.Lock()

    @torch.inference_mode()
    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        """Answers for uint8 crops (B, S, S, 3), S = ``card.input_px``."""
        largest = BATCH_SIZES[-1]
        starts = range(0, max(len(crops_rgb), 1), largest)
        with self._lock:
            parts = [self._replay(crops_rgb[start : start + largest]) for start in starts]
        fields = zip(*parts, strict=True)
        return BatchPrediction(*(None if f[0] is None else np.concatenate(f) for f in fields))

    def _replay(self, crops_rgb: np.ndarray) -> list[np.ndarray | None]:
        count = len(crops_rgb)
        size = next(size for size in BATCH_SIZES if size >= count)
        if size not in self._recorded:
            self._recorded[size] = self._record(size)
        recording = self._recorded[size]
        recording.staging[:count] = torch.from_numpy(np.ascontiguousarray(crops_rgb))
        recording.crops.copy_(recording.staging, non_blocking=True)
        recording.graph.replay()
        return [None if a is None else a[:count].cpu().numpy() for a in recording.answers]

    def _record(self, size: int) -> _Recording:
        shape = (size, self.card.input_px, self.card.input_px, 3)
        staging = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        crops = staging.to(self._device)
        with torch.cuda.device(self._device):
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):  # libraries choose their algorithms before recording
                for _ in range(3):
                    self._network(crops)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            # Other threads may go on using the device; only this one's calls are recorded.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                answers = self._network(crops)
        return _Recording(graph, staging, crops, answers)


class _Recording(NamedTuple):
    """A graph for one batch size with the memory it reads and writes."""

    graph: torch.cuda.CUDAGraph
    staging: Tensor  # pinned, in main memory
    crops: Tensor
    answers: FaceAnswers


def half_precision(device: torch.device) -> torch.dtype:
    """bfloat16, with the range of float32, where the device computes in it; else float16."""
    with torch.cuda.device(device):
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float16


def in_half_precision(network: AnswerNetwork, dtype: torch.dtype) -> AnswerNetwork:
    """The network with its backbone in ``dtype`` and batch norms folded; changed in place."""
    inner = network.network.network
    inner.backbone = _HalfPrecision(inner.get_submodule("backbone"), dtype)
    return network.eval()


class _HalfPrecision(nn.Module):
    """float32 in, float32 out, ``dtype`` between: half the memory traffic, and tensor cores."""

    def __init__(self, backbone: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        from torch.fx.experimental.optimization import fuse

        self.dtype = dtype
        folded = fuse(backbone.eval())  # batch norms into convolutions, in float32
        self.backbone = folded.to(dtype).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone(images.to(self.dtype)).float()
