"""A small U-Net (Ronneberger, Fischer and Brox, MICCAI 2015), as Calvo and Cañadillas propose it for what they did by regression.

A stem brings the input to a quarter of its resolution, where the maps are; the U below it halves and doubles again, and joins every skip by
concatenation.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import Unet
from glasspose.models.heads import map_head


class UnetNetwork(nn.Module):
    """Stem, way down, bottleneck, way up, maps."""

    def __init__(self, config: Unet, outputs: int) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(config.levels + 1)]
        self.stem = nn.Sequential(_convolved(3, widths[0], stride=2), _convolved(widths[0], widths[0], stride=2))
        self.down = nn.ModuleList(_twice(widths[max(level - 1, 0)], widths[level]) for level in range(config.levels))
        self.skips = nn.ModuleList(nn.Identity() for _ in self.down)
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = _twice(widths[-2], widths[-1])
        self.doubled = nn.ModuleList(nn.ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2) for level in range(config.levels))
        self.up = nn.ModuleList(_twice(2 * widths[level], widths[level]) for level in range(config.levels))
        self.head = map_head(widths[0], outputs)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 C h w"]:
        """Normalised images to maps."""
        x, kept = self.stem(images), []
        for down, skip in zip(self.down, self.skips, strict=True):
            x = down(x)
            kept.append(skip(x))
            x = self.pool(x)
        x = self.bottleneck(x)
        for doubled, up in zip(reversed(self.doubled), reversed(self.up), strict=True):
            x = up(torch.cat([kept.pop(), doubled(x)], 1))
        maps: Tensor = self.head(x)
        return maps[:, None]

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at. A skip is only what crosses over: the way down goes on beside it."""
        skips = {f"stack0.skip{level}": skip for level, skip in enumerate(self.skips)}
        return {"stem": self.stem, **skips, "stack0.bottleneck": self.bottleneck, "stack0.features": self.up[0]}


def _convolved(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolved(inputs, outputs), _convolved(outputs, outputs))
