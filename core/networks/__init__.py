"""Networks by name: the student, the paper's teachers, and compact teachers that ship."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from core.networks.outputs import FaceLogits
from core.networks.student import MHPNet, parameter_count
from core.networks.teachers import (
    Teacher,
    botnet101_backbone,
    load_imagenet_lite,
    timm_backbone,
)

__all__ = ["NETWORKS", "FaceLogits", "MHPNet", "Teacher", "create_network", "parameter_count"]


def _paper_pose(backbone: tuple[nn.Module, int]) -> Teacher:
    return Teacher(*backbone, pose=True, mask=False, neck=512)


def _pose(backbone_name: str) -> Teacher:
    return Teacher(*timm_backbone(backbone_name), pose=True, mask=False)


def _mask(backbone_name: str) -> Teacher:
    return Teacher(*timm_backbone(backbone_name), pose=False, mask=True)


#: Every network a checkpoint may name.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mhpnet": MHPNet,
    "mhpnet-2class": lambda: MHPNet(mask_classes=2),
    # the paper's teachers
    "resnet101-pose": lambda: _paper_pose(timm_backbone("resnet101")),
    "res2net101-pose": lambda: _paper_pose(timm_backbone("res2net101d")),  # v1b 26w×4s
    "botnet101-pose": lambda: _paper_pose(botnet101_backbone()),
    "resnet152-mask": lambda: _mask("resnet152"),
    # compact teachers
    "lite0-pose": lambda: _pose("tf_efficientnet_lite0"),
    "lite1-pose": lambda: _pose("tf_efficientnet_lite1"),
    "lite2-pose": lambda: _pose("tf_efficientnet_lite2"),
    "resnet18-pose": lambda: _pose("resnet18"),
    "regnetx004-pose": lambda: _pose("regnetx_004"),
    "lite0-mask": lambda: _mask("tf_efficientnet_lite0"),
    "lite1-mask": lambda: _mask("tf_efficientnet_lite1"),
}


def create_network(name: str, *, imagenet: bool = False) -> nn.Module:
    """The network ``name`` with fresh weights; ``imagenet`` starts an EfficientNet-Lite trained.

    Raises ValueError for an unknown name, or where no ImageNet weights are to be had.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; known: {', '.join(NETWORKS)}")
    network = NETWORKS[name]()
    if imagenet:
        size = name.split("-")[0]
        if not size.startswith("lite"):
            raise ValueError(f"no ImageNet weights for {name!r}: only lite networks have them")
        load_imagenet_lite(network.backbone, size)  # type: ignore[arg-type]
    return network
