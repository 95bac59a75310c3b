"""HRNet: branches of several resolutions side by side, the finest of which is never left.

Sun, Xiao, Liu and Wang, "Deep High-Resolution Representation Learning for Human Pose Estimation" (CVPR 2019).
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import Hrnet
from glasspose.models.backbones import HighResolution
from glasspose.models.heads import map_head


class HighResolutionNetwork(nn.Module):
    """Backbone and maps. With hrnet_w32 and 17 keypoints 28.5 million parameters, as published."""

    def __init__(self, config: Hrnet, outputs: int) -> None:
        super().__init__()
        self.backbone = HighResolution(config.version)
        self.features = nn.Identity()
        self.head = map_head(self.backbone.channels, outputs)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 C h w"]:
        """Normalised images to maps."""
        maps: Tensor = self.head(self.features(self.backbone(images)))
        return maps[:, None]

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at; of the stages, whose outputs are lists, the finest is in `stack0.features`."""
        network = self.backbone.network
        return {"stem": network.act2, "layer1": network.layer1, "stack0.features": self.features}

    def load_pretrained(self, *, download: bool = False) -> str:
        """Take timm's weights for ImageNet as the backbone's; their name."""
        return self.backbone.load_pretrained(download=download)
