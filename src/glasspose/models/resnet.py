"""A residual network that says numbers: ResNet-50 V2, mean over all places, a dense layer, and the output.

Calvo and Cañadillas, "Application of convolutional neural networks to the problem of pose detection in images", name the backbone (He et al.,
"Identity Mappings in Deep Residual Networks", ECCV 2016) and not its head. With timm's resnetv2_50 and a dense layer of 4096 there are 31.91
million parameters for 4 outputs (Keras' backbone, whose convolutions have biases, makes it 31.97; the document says 32).
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import Resnet
from glasspose.models.backbones import Backbone
from glasspose.models.heads import vector_head


class ResnetRegressor(nn.Module):
    """Backbone, readout, vector."""

    def __init__(self, config: Resnet, outputs: int, keypoints: int) -> None:
        super().__init__()
        self.backbone = Backbone(config.backbone)
        channels = self.backbone.channels
        if config.readout == "per_keypoint":
            self.keypoint_maps: nn.Module = nn.Conv2d(channels, keypoints, 1)
            self.readout: nn.Module = nn.Flatten(2)
            height, width = (-(-side // 32) for side in config.input_size)
            self.shared_head = vector_head(height * width, outputs // keypoints)
        else:
            self.keypoint_maps = nn.Identity()
            pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.readout = nn.Sequential(*pooled, nn.Linear(channels, config.dense), nn.ReLU()) if config.dense else pooled
            self.head = vector_head(config.dense or channels, outputs)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 C"]:
        """Normalised images to numbers."""
        read = self.readout(self.keypoint_maps(self.backbone(images)))
        numbers: Tensor = self.shared_head(read).flatten(1) if read.ndim == 3 else self.head(read)
        return numbers[:, None]

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at."""
        return self.backbone.taps() | {"stack0.features": self.readout}

    def load_pretrained(self, *, download: bool = False) -> str:
        """Take timm's weights for ImageNet as the backbone's; their name."""
        return self.backbone.load_pretrained(download=download)
