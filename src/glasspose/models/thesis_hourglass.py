"""The hourglass of a bachelor's thesis (University of Copenhagen, 2021), as its code has it, and several of them in a row.

It departs from Newell's: every residual adds a 3 x 3 convolution of its input, never the input itself; the stem has the full width from
its first layer on; three residuals stand in the bottleneck; what comes up is added first and passes a residual then (not at the heatmaps'
resolution); and the head goes through K channels with batch norm and ReLU.

Letters: B batch, C channels, h w height and width of what passes.
"""

from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import ThesisHourglass
from glasspose.models.autoencoder import SqueezingAutoencoder, xavier
from glasspose.models.hourglass import Residual
from glasspose.models.stacks import Level, Stacks, lowest_size


class ConvolvedResidual(Residual):
    """Newell's body, beside a 3 x 3 convolution instead of the identity: 804 608 parameters at 256 channels."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width)
        self.skip = nn.Conv2d(width, width, 3, padding=1)


class ThesisLevel(Level):
    """Down, a residual, the next level or three residuals, up; add the skip, and a residual but at the outermost level."""

    def __init__(self, config: ThesisHourglass, above: int = 0) -> None:
        """`above`: how many levels lie above this one."""
        super().__init__()
        width, lowest = config.channels, above == config.depth - 1
        self.skip = ConvolvedResidual(width) if config.skips else None
        self.down = nn.Sequential(nn.MaxPool2d(2), ConvolvedResidual(width))
        self.inner = nn.Sequential(*(ConvolvedResidual(width) for _ in range(3))) if lowest else ThesisLevel(config, above + 1)
        self.autoencoder = SqueezingAutoencoder(config.autoencoder, (width, *lowest_size(config))) if lowest and config.autoencoder else None
        self.after = ConvolvedResidual(width) if above else nn.Identity()

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Down, through the inner part, up again, add the skip branch, and the residual after it."""
        finished: Tensor = self.after(self.joined(x, self.below(self.down(x))))
        return finished


class StackedThesisHourglass(Stacks):
    """With 256 channels, depth 4 and 17 keypoints one stack has 14.53 million parameters, 16.11 with the autoencoder.

    The thesis trained one stack; several are joined as Newell's are, by features (the output of the head's residual) and maps.
    """

    keypoint_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {
        **{f"heads.*.1.{tensor}": (0,) for tensor in ("weight", "bias", "running_mean", "running_var")},
        "heads.*.0.weight": (0,),
        "heads.*.3.weight": (0, 1),
        "heads.*.bias": (0,),
        "merge_heatmaps.*.weight": (1,),
    }

    def __init__(self, config: ThesisHourglass, outputs: int) -> None:
        width = config.channels
        stem = nn.Sequential(
            *(nn.Conv2d(3, width, 7, stride=2, padding=3), nn.BatchNorm2d(width), nn.ReLU(inplace=True)),
            *(ConvolvedResidual(width), nn.MaxPool2d(2), ConvolvedResidual(width), ConvolvedResidual(width)),
        )
        hourglasses = [ThesisLevel(config) for _ in range(config.stacks)]
        features = [ConvolvedResidual(width) for _ in range(config.stacks)]
        heads = [
            nn.Sequential(nn.Conv2d(width, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), nn.Conv2d(outputs, outputs, 1))
            for _ in range(config.stacks)
        ]
        super().__init__(stem, hourglasses, features, heads, width, outputs)
        xavier(self)
