"""A network together with its preprocessing: uint8 crops in, logits out.

Each network gets *its own* normalisation and channel order, read from its model card.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.checkpoint import Checkpoint, CheckpointError, ModelCard, load_weights
from core.networks import NETWORKS, create_network
from core.networks.outputs import FaceLogits


def normalize(crops: Tensor, card: ModelCard) -> Tensor:
    """(B, S, S, 3) uint8 RGB → (B, 3, S, S) float32, channels-last in memory."""
    _check(crops)
    return _normalize(crops, card, *_mean_and_scale(card, crops.device))


def _check(crops: Tensor) -> None:
    if crops.dtype != torch.uint8 or crops.ndim != 4 or crops.shape[-1] != 3:
        raise ValueError(
            f"expected uint8 crops (B, S, S, 3), got {crops.dtype} {tuple(crops.shape)}"
        )


def _mean_and_scale(card: ModelCard, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """(3, 1, 1) each, for pixels in [0, 255]: normalised = (pixel − mean) · scale."""
    mean = torch.tensor(card.mean, device=device).reshape(3, 1, 1) * 255.0
    std = torch.tensor(card.std, device=device).reshape(3, 1, 1) * 255.0
    return mean, 1.0 / std


def _normalize(crops: Tensor, card: ModelCard, mean: Tensor, scale: Tensor) -> Tensor:
    planes = crops.permute(0, 3, 1, 2)
    if card.channel_order == "bgr":
        planes = planes.flip(1)
    return (planes.float() - mean) * scale


class FaceNetwork(nn.Module):
    """``network`` behind ``normalize``; ``card`` says everything else about it."""

    mean: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.network = network
        self.card = card
        self.use_memory_format(torch.channels_last)
        # Buffers: they follow the network to its device once, and CUDA graphs can record them.
        mean, scale = _mean_and_scale(card, self.device)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, crops: Tensor) -> FaceLogits:
        """``FaceLogits`` of uint8 RGB crops (B, S, S, 3), S = ``card.input_px``."""
        return self.network(self._images(crops))

    def features(self, crops: Tensor) -> Tensor:
        """What a student knows of a crop before it decides: (B, 512). Teachers have no such."""
        return self.network.forward_features(self._images(crops))  # type: ignore[operator]

    def _images(self, crops: Tensor) -> Tensor:
        _check(crops)
        images = _normalize(crops, self.card, self.mean, self.scale)
        return images.contiguous(memory_format=self.memory_format)

    def use_memory_format(self, memory_format: torch.memory_format) -> None:
        """Compute in this layout; channels-last, the initial one, is the faster on most devices."""
        self.memory_format = memory_format
        self.network.to(memory_format=memory_format)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device


def build_face_network(checkpoint: Checkpoint, source: str) -> FaceNetwork:
    """The network that a checkpoint describes, filled, in eval mode on the CPU.

    Raises CheckpointError where this program has no such network, or the weights do not fit.
    """
    if checkpoint.card.network not in NETWORKS:
        raise CheckpointError(
            f"{source}: is of a network {checkpoint.card.network!r} that this version does not "
            f"have; known: {', '.join(NETWORKS)}; a newer version may read it"
        )
    network = create_network(checkpoint.card.network)
    load_weights(network, checkpoint.tensors, source)
    return FaceNetwork(network, checkpoint.card).eval()
