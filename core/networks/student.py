"""MHPNet, the student: ResNet-18 at 112 × 112 with a mask branch and a pose branch.

Thai et al., Real-time head pose estimation and masked face classification for RGB facial image
via knowledge distillation, Information Sciences 2022, figure 3.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import resnet18

from core.faces import MASK_CLASSES
from core.head_pose import BIN_COUNT
from core.networks.outputs import FaceLogits


class MHPNet(nn.Module):
    """One forward pass for mask and pose: 11.26 M parameters with two mask classes.

    Input (B, 3, 112, 112), normalised RGB. ``forward`` returns ``FaceLogits`` with all four heads;
    in eval mode each row depends on its own picture only.
    """

    def __init__(self, mask_classes: int = len(MASK_CLASSES)) -> None:
        super().__init__()
        self.backbone = resnet18(weights=None)
        self.backbone.fc = nn.Identity()
        self.mask_head = nn.Linear(512, mask_classes)
        self.pose_neck = nn.Sequential(nn.Linear(512, 128), nn.ReLU(inplace=True))
        self.yaw_head = nn.Linear(128, BIN_COUNT)
        self.pitch_head = nn.Linear(128, BIN_COUNT)
        self.roll_head = nn.Linear(128, BIN_COUNT)

    def forward_features(self, images: Tensor) -> Tensor:
        """Pooled features (B, 512), shared by both branches."""
        return self.backbone(images)

    def forward_heads(self, features: Tensor) -> FaceLogits:
        pose = self.pose_neck(features)  # (B, 128)
        return FaceLogits(
            mask_logits=self.mask_head(features),
            yaw_logits=self.yaw_head(pose),
            pitch_logits=self.pitch_head(pose),
            roll_logits=self.roll_head(pose),
        )

    def forward(self, images: Tensor) -> FaceLogits:
        return self.forward_heads(self.forward_features(images))


def parameter_count(network: nn.Module) -> int:
    """Number of learned numbers (buffers such as batch-norm statistics are not counted)."""
    return sum(parameter.numel() for parameter in network.parameters())
