"""Residual log-likelihood estimation: coordinates with their spread, and a normalising flow that learns how errors are distributed.

Li, Bian, Zeng, Wang, Pang, Liu and Lu, "Human Pose Regression with Residual Log-likelihood Estimation" (ICCV 2021). The flow is RealNVP
(Dinh, Sohl-Dickstein and Bengio, "Density Estimation Using Real NVP", ICLR 2017). It serves the loss alone: weights are kept without it.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasspose.codecs.codec import STRIDE
from glasspose.codecs.points import PointCodec
from glasspose.configs.codecs import Rle

COUPLINGS = 6
HIDDEN = 64
SMALLEST = 1e-3
"""Of a spread, as share of the side: an error of 0 would make it vanish."""


class Flow(nn.Module):
    """A density over the plane: affine couplings that keep one coordinate, and scale and shift the other by what it says."""

    masks: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("masks", torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(COUPLINGS // 2, 1), persistent=False)
        self.scales = nn.ModuleList(nn.Sequential(_perceptron(), nn.Tanh()) for _ in range(COUPLINGS))
        self.shifts = nn.ModuleList(_perceptron() for _ in range(COUPLINGS))

    def forward(self, points: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        """The logarithm of the density."""
        volume = torch.zeros_like(points[:, 0])
        for mask, scale, shift in zip(self.masks, self.scales, self.shifts, strict=True):
            kept = points * mask
            stretch = scale(kept) * (1 - mask)
            points = kept + (1 - mask) * (points - shift(kept)) * torch.exp(-stretch)
            volume = volume - stretch.sum(-1)
        return volume - 0.5 * points.square().sum(-1) - math.log(2 * math.pi)


def _perceptron() -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(2, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, 2))
    for layer in layers:
        if isinstance(layer, nn.Linear):  # begins close to the plain normal distribution
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
            nn.init.zeros_(layer.bias)
    return layers


class RleCodec(PointCodec):
    """x, y, the logits of their spreads and, if the configuration asks for it, of presence: K·5 numbers or K·4.

    The loss is the sum of two negative log-likelihoods of the error in units of the spread, as in the authors' code: under the flow, and
    under a Laplace distribution, from which the flow's residual starts. The score is 1 minus the mean spread (as share of the side), times
    the chance of presence. The lazy answer is the middle with the spread that the keypoints have around it.
    """

    own = 4

    def __init__(self, config: Rle, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__(config, keypoints, input_size, stride)
        self.flow = Flow()

    def place_losses(self, numbers: Float[Tensor, "B S K 4"], places: Float[Tensor, "B 1 K 2"]) -> Float[Tensor, "B S K"]:
        """Both negative log-likelihoods."""
        spread = _spread(numbers[..., 2:])
        error = (numbers[..., :2] - (places + 0.5) / self.sides + 0.5) / spread
        flow = spread.log().sum(-1) - self.flow(error.flatten(0, -2)).reshape(error.shape[:-1])
        laplace = ((2 * spread).log() + error.abs()).sum(-1)
        total: Tensor = flow + laplace
        return total

    def places(self, numbers: Float[Tensor, "B S K 4"]) -> tuple[Float[Tensor, "B S K 2"], Float[Tensor, "B S K"]]:
        """Input pixels, and 1 minus the mean spread."""
        return (numbers[..., :2] + 0.5) * self.sides - 0.5, 1 - _spread(numbers[..., 2:]).mean(-1)

    def middle(self, spread: Float[Tensor, " 2"]) -> Float[Tensor, " 4"]:
        """The middle, with this spread."""
        return torch.cat([torch.zeros_like(self.sides), torch.logit(spread, eps=SMALLEST)])


def _spread(logits: Tensor) -> Tensor:
    return SMALLEST + (1 - SMALLEST) * logits.sigmoid()
