"""The stacked hourglass of Newell, Yang and Deng, "Stacked Hourglass Networks for Human Pose Estimation" (ECCV 2016).

Letters: B batch, C and D channels, h w height and width of what passes.
"""

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import Hourglass
from glasspose.models.autoencoder import SqueezingAutoencoder
from glasspose.models.stacks import Level, Stacks, lowest_size


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


class NewellLevel(Level):
    """Down, a residual, the next level or the bottleneck, a residual, up; beside it a residual at this resolution."""

    def __init__(self, widths: tuple[int, ...], size: tuple[int, int], config: Hourglass) -> None:
        """`widths`: channels at this resolution, then at every lower one. `size`: that of the bottleneck."""
        super().__init__()
        here, below, count = widths[0], widths[1], config.residuals
        self.skip = residuals(here, here, count) if config.skips else None
        self.down = nn.Sequential(nn.MaxPool2d(2), residuals(here, below, count))
        lowest = len(widths) == 2
        self.inner = residuals(below, below, count) if lowest else NewellLevel(widths[1:], size, config)
        self.up = residuals(below, here, count)
        self.autoencoder = SqueezingAutoencoder(config.autoencoder, (below, *size)) if lowest and config.autoencoder else None

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Down, through the inner part, up again, and add the skip branch."""
        return self.joined(x, self.up(self.below(self.down(x))))


class StackedHourglass(Stacks):
    """With 256 channels, depth 4 and 16 keypoints it has 3.43, 6.57, 12.86 and 25.43 million parameters for 1, 2, 4 and 8 stacks.

    `outputs` is the number of channels of the head, as the codec asks for.
    """

    def __init__(self, config: Hourglass, outputs: int) -> None:
        width, first = config.channels, config.channels // 4
        stem = nn.Sequential(
            *(nn.Conv2d(3, first, 7, stride=2, padding=3), nn.BatchNorm2d(first), nn.ReLU(inplace=True)),
            *(Residual(first, width // 2), nn.MaxPool2d(2), Residual(width // 2, width // 2), Residual(width // 2, width)),
        )
        widths = (width, *(config.level_channels or (width,) * config.depth))
        hourglasses = [NewellLevel(widths, lowest_size(config), config) for _ in range(config.stacks)]
        features = [
            nn.Sequential(residuals(width, width, config.residuals), nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
            for _ in range(config.stacks)
        ]
        heads = [nn.Conv2d(width, outputs, 1) for _ in range(config.stacks)]
        super().__init__(stem, hourglasses, features, heads, width, outputs)
        for head in heads:  # start from empty maps: chance peaks would cost the first epochs
            nn.init.normal_(head.weight, std=0.001)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
