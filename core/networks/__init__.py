"""Networks by name: the student, the paper's teachers, and compact teachers that ship."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from core.networks.outputs import FaceLogits
from core.networks.student import MHPNet, parameter_count
from core.networks.teachers import (
    Teacher,
    botnet101_backbone,
    load_imagenet_lite0,
    timm_backbone,
)

__all__ = ["NETWORKS", "FaceLogits", "MHPNet", "Teacher", "create_network", "parameter_count"]


def _teacher(backbone_name: str, *, pose: bool = False, mask: bool = False) -> Teacher:
    if backbone_name == "botnet101":
        return Teacher(*botnet101_backbone(), pose=pose, mask=mask)
    return Teacher(*timm_backbone(backbone_name), pose=pose, mask=mask)


#: Every network a checkpoint may name.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mhpnet": MHPNet,
    "mhpnet-2class": lambda: MHPNet(mask_classes=2),
    # the paper's teachers
    "resnet101-pose": lambda: _teacher("resnet101", pose=True),
    "res2net101-pose": lambda: _teacher("res2net101d", pose=True),  # v1b 26w×4s: deep stem
    "botnet101-pose": lambda: _teacher("botnet101", pose=True),
    "resnet152-mask": lambda: _teacher("resnet152", mask=True),
    # compact teachers
    "lite0-pose": lambda: _teacher("tf_efficientnet_lite0", pose=True),
    "resnet18-pose": lambda: _teacher("resnet18", pose=True),
    "regnetx004-pose": lambda: _teacher("regnetx_004", pose=True),
    "lite0-mask": lambda: _teacher("tf_efficientnet_lite0", mask=True),
}


def create_network(name: str, *, imagenet: bool = False) -> nn.Module:
    """The network ``name`` with fresh weights; ``imagenet`` starts an EfficientNet-Lite0 trained.

    Raises ValueError for an unknown name, or where no ImageNet weights are to be had.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; known: {', '.join(NETWORKS)}")
    network = NETWORKS[name]()
    if imagenet:
        if not name.startswith("lite0"):
            raise ValueError(f"no ImageNet weights for {name!r}: only lite0 networks have them")
        load_imagenet_lite0(network.backbone)  # type: ignore[arg-type]
    return network
