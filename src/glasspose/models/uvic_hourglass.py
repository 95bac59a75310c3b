"""The stacked hourglass of the COCO project at the University of Victoria (2021), written in Keras after an earlier port of Newell's.

Its order is convolution with bias, ReLU, batch norm, so that nothing but sums leaves a residual. A residual stands before every pool; three
pools, not four; the bottleneck is three residuals beside a fourth.

Letters: B batch, C and D channels, h w height and width of what passes.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from glasspose.configs.models import UvicHourglass
from glasspose.models.stacks import Level, Stacks


def _convolution(inputs: int, outputs: int, size: int, *, separable: bool) -> nn.Module:
    """One that keeps height and width; separable: each channel by itself without bias, then 1 x 1 over the channels."""
    if not separable:
        return nn.Conv2d(inputs, outputs, size, padding=size // 2)
    return nn.Sequential(nn.Conv2d(inputs, inputs, size, padding=size // 2, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1))


class PostResidual(nn.Module):
    """Post-activation bottleneck: 1 x 1 (out / 2), 3 x 3 (out / 2), 1 x 1 (out), each followed by ReLU and batch norm, added to the input."""

    def __init__(self, inputs: int, outputs: int, *, separable: bool) -> None:
        super().__init__()
        middle = outputs // 2
        shapes = ((inputs, middle, 1), (middle, middle, 3), (middle, outputs, 1))
        layers = [(_convolution(*shape, separable=separable), nn.ReLU(inplace=True), nn.BatchNorm2d(shape[1])) for shape in shapes]
        self.body = nn.Sequential(*(layer for three in layers for layer in three))
        same = inputs == outputs
        self.skip: nn.Module = nn.Identity() if same else nn.Sequential(_convolution(inputs, outputs, 1, separable=separable), nn.ReLU(inplace=True))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D h w"]:
        """Add what the bottleneck finds to what came in."""
        added: Tensor = self.skip(x) + self.body(x)
        return added


class Bottom(nn.Module):
    """The lowest resolution: a residual, then three in a row beside a fourth, added."""

    def __init__(self, width: int, *, separable: bool) -> None:
        super().__init__()
        self.enter, self.beside, *row = (PostResidual(width, width, separable=separable) for _ in range(5))
        self.row = nn.Sequential(*row)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Both ways, added."""
        x = self.enter(x)
        added: Tensor = self.row(x) + self.beside(x)
        return added


class UvicLevel(Level):
    """A residual, the pool, the next level or the bottom, up; add the skip; a residual."""

    def __init__(self, config: UvicHourglass, below: int) -> None:
        """`below`: how many levels lie below this one."""
        super().__init__()
        width, separable = config.channels, config.separable
        self.enter = PostResidual(width, width, separable=separable)
        self.skip = PostResidual(width, width, separable=separable) if config.skips else None
        self.inner = UvicLevel(config, below - 1) if below else Bottom(width, separable=separable)
        self.after = PostResidual(width, width, separable=separable)
        self.autoencoder = None

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Through the levels below and up again, joined with what the skip makes of what stood here."""
        x = self.enter(x)
        finished: Tensor = self.after(self.joined(x, self.below(functional.max_pool2d(x, 2))))
        return finished


class StackedUvicHourglass(Stacks):
    """With 256 channels, depth 3 and 17 keypoints it has 3 427 089, 12 860 484 and 25 438 344 parameters for 1, 4 and 8 stacks.

    The original's 3.5, 13.0 and 25.6 million also count batch norm's running statistics and the layers after the last stack, which lead nowhere.
    """

    def __init__(self, config: UvicHourglass, outputs: int) -> None:
        width, separable = config.channels, config.separable
        first, half = width // 4, width // 2
        stem = nn.Sequential(
            *(nn.Conv2d(3, first, 7, stride=2, padding=3), nn.ReLU(inplace=True), nn.BatchNorm2d(first)),
            *(PostResidual(first, half, separable=separable), nn.Identity() if config.output_stride == 2 else nn.MaxPool2d(2)),
            *(PostResidual(half, half, separable=separable), PostResidual(half, width, separable=separable)),
            *([nn.MaxPool2d(2)] if config.output_stride == 8 else []),
        )
        hourglasses = [UvicLevel(config, config.depth - 1) for _ in range(config.stacks)]
        features = [nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(inplace=True), nn.BatchNorm2d(width)) for _ in range(config.stacks)]
        end = {"linear": nn.Identity, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}[config.output]
        heads = [nn.Sequential(nn.Conv2d(width, outputs, 1), end()) for _ in range(config.stacks)]
        super().__init__(stem, hourglasses, features, heads, width, outputs)
