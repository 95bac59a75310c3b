"""The stacked hourglass of Newell, Yang and Deng, "Stacked Hourglass Networks for Human Pose Estimation" (ECCV 2016).

Letters: B batch, S stacks, C channels, H W input, h w heatmap (h = H / 4).
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from glasspose.configs.models import Hourglass


class Residual(nn.Module):
    """Pre-activation bottleneck: 1x1 (out/2), 3x3 (out/2), 1x1 (out), added to the input (a bare 1x1 where the widths differ)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = outputs // 2
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Conv2d(inputs, middle, 1)),
            *(nn.BatchNorm2d(middle), nn.ReLU(inplace=True), nn.Conv2d(middle, middle, 3, padding=1)),
            *(nn.BatchNorm2d(middle), nn.ReLU(inplace=True), nn.Conv2d(middle, outputs, 1)),
        )
        self.skip: nn.Module = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D h w"]:
        """Add what the bottleneck finds to what came in."""
        added: Tensor = self.skip(x) + self.body(x)
        return added


def residuals(inputs: int, outputs: int, count: int) -> nn.Sequential:
    """`count` residual modules in a row, the first of which changes the width."""
    return nn.Sequential(*(Residual(inputs if i == 0 else outputs, outputs) for i in range(count)))


class Level(nn.Module):
    """One level of an hourglass: a skip branch at this resolution and, at half of it, the next level or the bottom."""

    def __init__(self, widths: tuple[int, ...], count: int) -> None:
        """`widths`: channels at this resolution, then at every lower one. `count`: residual modules at each position."""
        super().__init__()
        here, below = widths[0], widths[1]
        self.skip = residuals(here, here, count)
        self.down = nn.Sequential(nn.MaxPool2d(2), residuals(here, below, count))
        self.inner: nn.Module = Level(widths[1:], count) if len(widths) > 2 else residuals(below, below, count)
        self.up = residuals(below, here, count)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Down, through the inner part, up again by nearest neighbour, and add the skip branch."""
        low = self.up(self.inner(self.down(x)))
        added: Tensor = self.skip(x) + functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return added


class StackedHourglass(nn.Module):
    """Hourglasses in a row, each with its own heatmaps (intermediate supervision).

    `outputs` is the number of channels of the head, as the codec asks for. With 256 channels, depth 4 and 16 keypoints the network
    has 3.43, 6.57, 12.86 and 25.43 million parameters for 1, 2, 4 and 8 stacks.
    """

    def __init__(self, config: Hourglass, outputs: int) -> None:
        super().__init__()
        width, stem = config.channels, config.channels // 4
        self.stem = nn.Sequential(
            *(nn.Conv2d(3, stem, 7, stride=2, padding=3), nn.BatchNorm2d(stem), nn.ReLU(inplace=True)),
            *(Residual(stem, width // 2), nn.MaxPool2d(2), Residual(width // 2, width // 2), Residual(width // 2, width)),
        )
        widths = (width, *(config.level_channels or (width,) * config.depth))
        count = config.residuals
        self.hourglasses = nn.ModuleList(Level(widths, count) for _ in range(config.stacks))
        self.features = nn.ModuleList(
            nn.Sequential(residuals(width, width, count), nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
            for _ in range(config.stacks)
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, outputs, 1) for _ in range(config.stacks))
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(config.stacks - 1))
        self.merge_heatmaps = nn.ModuleList(nn.Conv2d(outputs, width, 1) for _ in range(config.stacks - 1))
        for head in self.heads:  # start from empty maps: chance peaks would cost the first epochs
            nn.init.normal_(head.weight, std=0.001)  # type: ignore[arg-type]
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B S K h w"]:
        """Normalised images to the raw heatmaps of every stack."""
        x = self.stem(images)
        answers = []
        for i, (hourglass, features, head) in enumerate(zip(self.hourglasses, self.features, self.heads, strict=True)):
            found = features(hourglass(x))
            answers.append(head(found))
            if i < len(self.merge_features):
                x = x + self.merge_features[i](found) + self.merge_heatmaps[i](answers[-1])
        return torch.stack(answers, dim=1)

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at: stem, every skip, every bottleneck, every stack's features."""
        named: dict[str, nn.Module] = {"stem": self.stem}
        for s, (hourglass, features) in enumerate(zip(self.hourglasses, self.features, strict=True)):
            level, depth = hourglass, 0
            while isinstance(level, Level):
                named[f"stack{s}.skip{depth}"] = level.skip
                level, depth = level.inner, depth + 1
            named[f"stack{s}.bottleneck"] = level
            named[f"stack{s}.features"] = features
        return named
