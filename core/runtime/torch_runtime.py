"""PyTorch as it is: the reference for every other runtime."""

from __future__ import annotations

import numpy as np
import torch

from core.answer_network import AnswerNetwork, FaceAnswers
from core.runtime.prediction import BatchPrediction


class TorchRuntime:
    """PyTorch on the CPU or a CUDA device."""

    name = "torch"

    def __init__(self, network: AnswerNetwork, model_id: str, device: str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.device = device
        self.card = network.card
        self.model_id = model_id

    @torch.inference_mode()
    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        crops = torch.from_numpy(np.ascontiguousarray(crops_rgb)).to(self.device)
        return as_arrays(self.network(crops))


def as_arrays(answers: FaceAnswers) -> BatchPrediction:
    """The tensors of ``answers`` as arrays in main memory."""
    return BatchPrediction(*(None if value is None else value.cpu().numpy() for value in answers))
