"""Codecs whose network says where a keypoint is in numbers: what coordinates and RLE share.

The raw output (B, S, K·n) holds the numbers of one keypoint after those of the other; the last of each n is the logit of its presence, if
the codec has one. The answer is (B, S, K, 3): x and y in input pixels, and the score. Letters as in codec.py.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.codecs.codec import STRIDE, Codec, Truth
from glasspose.codecs.presence import commonest, presence_losses
from glasspose.configs.codecs import Coordinates, Rle


class PointCodec(Codec):
    """Places and presences.

    The place of a keypoint is supervised where it is labelled and in the input. Labelled ones outside teach presence alone. Those without a
    label are masked; with `unlabelled = "zero"` their place is taught to be (0, 0), exactly, and they to be absent.
    """

    head = "vector"
    own: ClassVar[int]
    """Numbers for each keypoint, without the presence."""

    def __init__(self, config: Coordinates | Rle, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__(config, keypoints, input_size, stride)
        self.presence, self.weight = config.presence, config.presence_weight
        self.output_channels = keypoints * (self.own + self.presence)
        self.register_buffer("sides", torch.tensor([input_size[1], input_size[0]], dtype=torch.float32), persistent=False)

    sides: Tensor

    @abstractmethod
    def place_losses(self, numbers: Float[Tensor, "B S K n"], places: Float[Tensor, "B 1 K 2"]) -> Float[Tensor, "B S K"]:
        """How wrong the numbers are about places in input pixels."""

    @abstractmethod
    def places(self, numbers: Float[Tensor, "B S K n"]) -> tuple[Float[Tensor, "B S K 2"], Float[Tensor, "B S K"]]:
        """The places in input pixels, and how sure the numbers are of them (0 to 1)."""

    @abstractmethod
    def middle(self, spread: Float[Tensor, "*any 2"]) -> Float[Tensor, " n"]:
        """The numbers that say "in the middle of the picture"; `spread` is how far from it keypoints are on average, as shares of the sides."""

    def losses(
        self, raw: Float[Tensor, "B S C"], keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None
    ) -> Float[Tensor, "B S"]:
        """For each person and stack, the loss summed over the supervised keypoints."""
        numbers, logits = self._split(raw)
        there = labelled & self.inside(keypoints)
        taught = there if self.settings.unlabelled == "mask" else there | ~labelled
        places = torch.where(there[..., None], keypoints, 0.0)[:, None]
        each = torch.where(taught[:, None], self.place_losses(numbers, places), 0.0)
        if logits is not None:
            each = each + self.weight * presence_losses(logits, there)
        total: Tensor = (each * self.supervised(labelled, occluded)[:, None]).sum(2)
        return total

    def zero_loss(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, " B"]:
        """The loss of "in the middle of the picture, and as often there as the others"."""
        there = labelled & self.inside(keypoints)
        away = ((keypoints + 0.5) / self.sides - 0.5).abs()[there]
        numbers = self.middle(away.mean(0) if len(away) else torch.full_like(self.sides, 0.25))
        if self.presence:
            numbers = torch.cat([numbers, commonest(there, self.supervised(labelled, occluded))[None]])
        return self.losses(numbers.repeat(len(labelled), 1, self.keypoints), keypoints, labelled, occluded)[:, 0]

    def activate(self, raw: Float[Tensor, "B S C"]) -> Float[Tensor, "B S K 3"]:
        """Places in input pixels and scores: how sure the numbers are, times the chance of presence."""
        numbers, logits = self._split(raw)
        places, sure = self.places(numbers)
        return torch.cat([places, (sure if logits is None else sure * logits.sigmoid())[..., None]], -1)

    def encode(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, "B K 3"]:
        """The perfect answer; a score of 0 where a keypoint is not labelled or outside the input."""
        there = labelled & self.inside(keypoints)
        return torch.cat([torch.where(there[..., None], keypoints, 0.0), there[..., None].to(keypoints)], -1)

    def mirrored(self, answer: Float[Tensor, "B S K 3"], flip: Sequence[int]) -> Float[Tensor, "B S K 3"]:
        """X counted from the other side, left and right swapped."""
        swapped = answer[:, :, list(flip)]
        return torch.cat([self.input_size[1] - 1 - swapped[..., :1], swapped[..., 1:]], -1)

    def decode(self, answer: Float[Tensor, "B K 3"]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """Keypoints in input pixels and their scores."""
        return answer[..., :2].float(), answer[..., 2].float().clamp(0.0, 1.0)

    def maps(self, answer: Float[Tensor, "B S K 3"]) -> Float[Tensor, "B S K h w"]:
        """A Gaussian where each keypoint is said to be, as high as its score."""
        people = answer.flatten(0, 1)
        drawn = self.drawn(people[..., :2], torch.ones_like(people[..., 2], dtype=torch.bool)) * people[..., 2, None, None]
        return drawn.reshape(*answer.shape[:2], *drawn.shape[1:])

    def _split(self, raw: Float[Tensor, "B S C"]) -> tuple[Float[Tensor, "B S K n"], Float[Tensor, "B S K"] | None]:
        numbers = raw.reshape(*raw.shape[:-1], self.keypoints, -1)
        return (numbers[..., :-1], numbers[..., -1]) if self.presence else (numbers, None)
