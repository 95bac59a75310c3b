"""Coordinates: a network that says x and y of each keypoint, as Toshev and Szegedy's DeepPose does (CVPR 2014)."""

import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.codecs.codec import STRIDE
from glasspose.codecs.distances import distances
from glasspose.codecs.points import PointCodec
from glasspose.configs.codecs import Coordinates


class CoordinateCodec(PointCodec):
    """x, y and, if the configuration asks for it, the logit of presence: K·3 numbers or K·2.

    With `output = "linear"` x and y are shares of the input's sides, 0 in the middle, and so is the loss. With `output = "relu"` they are
    input pixels, cut off at 0 by a ReLU, and the loss is in pixels: Calvo and Cañadillas' head, whose scores are 1 without a presence.
    """

    own = 2

    def __init__(self, config: Coordinates, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__(config, keypoints, input_size, stride)
        self.config = config

    def place_losses(self, numbers: Float[Tensor, "B S K 2"], places: Float[Tensor, "B 1 K 2"]) -> Float[Tensor, "B S K"]:
        """The distance, in the unit of the output."""
        if self.config.output == "relu":
            return distances(numbers.relu() - places, self.config, side=max(self.input_size))
        return distances(numbers - self._shares(places), self.config)

    def places(self, numbers: Float[Tensor, "B S K 2"]) -> tuple[Float[Tensor, "B S K 2"], Float[Tensor, "B S K"]]:
        """Input pixels, and no doubt."""
        places = numbers.relu() if self.config.output == "relu" else (numbers + 0.5) * self.sides - 0.5
        return places, torch.ones_like(places[..., 0])

    def middle(self, spread: Float[Tensor, " 2"]) -> Float[Tensor, " 2"]:
        """The middle of the picture in the unit of the output."""
        return (self.sides - 1) / 2 if self.config.output == "relu" else torch.zeros_like(self.sides)

    def _shares(self, places: Float[Tensor, "*any 2"]) -> Float[Tensor, "*any 2"]:
        return (places + 0.5) / self.sides - 0.5
