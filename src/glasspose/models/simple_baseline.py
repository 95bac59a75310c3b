"""A residual network and three transposed convolutions, which bring its features back to a quarter of the input's resolution.

Xiao, Wu and Wei, "Simple Baselines for Human Pose Estimation and Tracking" (ECCV 2018).
"""

from collections.abc import Mapping
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import SimpleBaseline
from glasspose.models.backbones import Backbone
from glasspose.models.heads import map_head


class SimpleBaselineNetwork(nn.Module):
    """Backbone, deconvolutions, maps. With resnet50 and 17 keypoints 34.0 million parameters, as published."""

    def __init__(self, config: SimpleBaseline, outputs: int) -> None:
        super().__init__()
        self.backbone = Backbone(config.backbone)
        widths = (self.backbone.channels, *(config.deconvolution,) * 3)
        self.deconvolutions = nn.Sequential(*(_doubled(a, b) for a, b in pairwise(widths)))
        self.head = map_head(widths[-1], outputs)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 C h w"]:
        """Normalised images to maps."""
        maps: Tensor = self.head(self.deconvolutions(self.backbone(images)))
        return maps[:, None]

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at."""
        return self.backbone.taps() | {"stack0.features": self.deconvolutions}

    def load_pretrained(self, *, download: bool = False) -> str:
        """Take timm's weights for ImageNet as the backbone's; their name."""
        return self.backbone.load_pretrained(download=download)


def _doubled(inputs: int, outputs: int) -> nn.Sequential:
    layer = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
    nn.init.normal_(layer.weight, std=0.001)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
