"""What attribution needs to know of a network, whatever it is made of, and that of this project's own networks.

Letters: B batch, K keypoints, H W input, h w map.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.engines.modules import RawModel
from glasspose.network import PoseNetwork


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What is said of B pictures."""

    maps: Float[Tensor, "B K h w"]
    """Heat, or Gaussians where keypoints are said to be."""
    keypoints: Float[Tensor, "B K 2"]
    """Input pixels."""


class Answering(Protocol):
    """Anything that says where keypoints are. Perturbation methods ask for no more than this call."""

    def __call__(self, images: Float[Tensor, "B 3 H W"]) -> Answer:
        """The answer to normalised pictures; gradients need not flow through it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkAnswering:
    """A network of this project, by its last stack and without the flip test. Gradients flow through `maps` alone."""

    network: PoseNetwork

    @property
    def has_weights(self) -> bool:
        """Not so for an exported file, which runs as it is: no gradient goes through it and nothing in it can be shuffled."""
        return not isinstance(self.network.model, RawModel)

    def __call__(self, images: Float[Tensor, "B 3 H W"]) -> Answer:
        """One forward pass."""
        with torch.inference_mode():
            answers = self.network.answers(images)[:, -1:]
            keypoints, _ = self.network.codec.decode(answers[:, 0])
            return Answer(maps=self.network.codec.maps(answers)[:, 0].float(), keypoints=keypoints)

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K h w"]:
        """The last stack's maps, differentiable."""
        return self.network.heatmaps(images)[:, -1]
