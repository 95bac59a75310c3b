"""What every codec can do, so that training, prediction and explanations need not know which one they have.

Letters: B batch, S stacks, K keypoints, H W input, h w map. Keypoints are (x, y) in input pixels, centres at integers. Two forms of a
network's output travel here: the *raw* output of its head, and the *answer* that `activate` makes of it, of which averages make sense
(over a picture and its mirror image, say). Both begin with (B, S); what follows is the codec's own affair.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glasspose.configs.codecs import Codec as CodecConfig

STRIDE = 4
"""Input pixels for one pixel of a map, where the model does not say otherwise."""
ON_MAPS = 1.0
"""Standard deviation, in pixels of a map, of the Gaussians by which `maps` shows places."""
Truth = Bool[Tensor, "B K"]


class Codec(nn.Module, ABC):
    """How keypoints are taught, and how they are read off."""

    head: ClassVar[Literal["maps", "vector"]]
    """What the network's head gives: `output_channels` maps (B, S, C, h, w), or so many numbers (B, S, C)."""
    output_channels: int
    grid_x: Tensor
    grid_y: Tensor

    def __init__(self, config: CodecConfig, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__()
        self.settings, self.keypoints, self.input_size, self.stride = config, keypoints, input_size, stride
        self.size = (input_size[0] // stride, input_size[1] // stride)
        self.register_buffer("grid_x", torch.arange(self.size[1], dtype=torch.float32), persistent=False)
        self.register_buffer("grid_y", torch.arange(self.size[0], dtype=torch.float32), persistent=False)

    @abstractmethod
    def losses(self, raw: Float[Tensor, "B S ..."], keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Tensor:
        """(B, S): for each person and stack, the loss summed over the supervised keypoints."""

    @abstractmethod
    def zero_loss(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, " B"]:
        """The loss of the laziest answer (empty maps, the middle of the picture): what training is stuck at when it has collapsed."""

    @abstractmethod
    def activate(self, raw: Float[Tensor, "B S ..."]) -> Float[Tensor, "B S ..."]:
        """The raw output to the answer."""

    @abstractmethod
    def encode(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, "B K ..."]:
        """The answer of one stack that is perfect about these keypoints, so that `decode` gives them back."""

    @abstractmethod
    def mirrored(self, answer: Float[Tensor, "B S ..."], flip: Sequence[int]) -> Float[Tensor, "B S ..."]:
        """The answer for mirrored pictures as one for the pictures themselves; `flip` swaps left and right keypoints."""

    @abstractmethod
    def decode(self, answer: Float[Tensor, "B ..."]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """The answer of one stack to keypoints in input pixels and their scores, 0 to 1."""

    def agreed(self, views: Sequence[Float[Tensor, "B ..."]]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """What several answers of one stack about the same pictures say together: their mean, decoded."""
        return self.decode(views[0] if len(views) == 1 else sum(views[1:], views[0]) / len(views))

    @abstractmethod
    def maps(self, answer: Float[Tensor, "B S ..."]) -> Float[Tensor, "B S K h w"]:
        """The answer as one map for each keypoint: its heat, or a Gaussian where it says the keypoint is, as high as its score."""

    def supervised(self, labelled: Truth, occluded: Truth | None = None) -> Truth:
        """Which keypoints the loss counts. The trainer divides by their number over all processes and micro-batches."""
        counted = labelled if self.settings.unlabelled == "mask" else torch.ones_like(labelled)
        return counted if occluded is None or self.settings.occluded == "learn" else counted & ~(labelled & occluded)

    def inside(self, keypoints: Float[Tensor, "B K 2"]) -> Truth:
        """Which keypoints lie in the input."""
        limit = torch.tensor([self.input_size[1], self.input_size[0]], dtype=keypoints.dtype, device=keypoints.device) - 0.5
        return (keypoints >= -0.5).all(-1) & (keypoints < limit).all(-1)

    def drawn(self, keypoints: Float[Tensor, "B K 2"], shown: Truth, sigma: float | Float[Tensor, "B K"] = ON_MAPS) -> Float[Tensor, "B K h w"]:
        """Gaussians of peak 1 around the exact places, never rounded to the grid; empty maps where not `shown`."""
        place = self.to_map(torch.where(shown[..., None], keypoints, 0.0))
        scale = -0.5 / torch.as_tensor(sigma, device=keypoints.device)[..., None] ** 2
        rows = torch.exp(scale * (self.grid_y - place[..., 1:]) ** 2)  # (B, K, h)
        columns = torch.exp(scale * (self.grid_x - place[..., :1]) ** 2)  # (B, K, w)
        return (rows * shown[..., None])[..., :, None] * columns[..., None, :]

    def target_maps(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, "B K h w"]:
        """What `maps` shows of a perfect answer: for people to look at."""
        return self.drawn(keypoints, labelled & self.inside(keypoints))

    def to_map(self, keypoints: Float[Tensor, "*any 2"]) -> Float[Tensor, "*any 2"]:
        """Input pixels to pixels of a map."""
        return (keypoints + 0.5) / self.stride - 0.5

    def to_input(self, keypoints: Float[Tensor, "*any 2"]) -> Float[Tensor, "*any 2"]:
        """Pixels of a map to input pixels."""
        return (keypoints + 0.5) * self.stride - 0.5
