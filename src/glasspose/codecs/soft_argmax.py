"""The expectation over a map: coordinates that are differentiable and still come from a map.

Nibali, He, Morgan and Prendergast, "Numerical Coordinate Regression with Convolutional Neural Networks" (2018), DSNT: a softmax over the
places of the map, the mean place under it, the distance to the keypoint, and a divergence that keeps the map a narrow Gaussian.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.codecs.codec import STRIDE, Codec, Truth
from glasspose.codecs.distances import distances
from glasspose.codecs.presence import commonest, presence_losses
from glasspose.configs.codecs import SoftArgmax

TINY = 1e-12


class SoftArgmaxCodec(Codec):
    """One map of logits for each keypoint; the answer is the softmax over it, times the score.

    A softmax does not change when a number is added to the whole map, so the largest logit is free to say something else: its sigmoid is the
    chance that the keypoint is in the picture. The answer's sum is the score, its mean place the keypoint, so answers can be averaged.
    Places nearer to the border than half a pixel of the map lie outside every mean, and the mean of a Gaussian cut off by the border is off.
    """

    head = "maps"

    def __init__(self, config: SoftArgmax, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__(config, keypoints, input_size, stride)
        self.config = config
        self.output_channels = keypoints

    def losses(
        self, raw: Float[Tensor, "B S K h w"], keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None
    ) -> Float[Tensor, "B S"]:
        """For each person and stack, the distance, the divergence and the cross-entropy of presence, summed over the supervised keypoints."""
        there = labelled & self.inside(keypoints)
        taught = there if self.config.unlabelled == "mask" else there | ~labelled
        chance, places = raw.flatten(3).softmax(-1).reshape(raw.shape), torch.where(there[..., None], keypoints, 0.0)
        error = (self._mean(chance) - places[:, None]) / torch.tensor(self.input_size[::-1], device=raw.device)
        target = _normalised(self.drawn(places, taught, self.config.map_sigma))[:, None]
        each = distances(error, self.config) + self.config.regulariser_weight * self._divergence(chance, target)
        each = torch.where(taught[:, None], each, 0.0) + self.config.presence_weight * presence_losses(raw.amax((-2, -1)), there)
        total: Tensor = (each * self.supervised(labelled, occluded)[:, None]).sum(2)
        return total

    def zero_loss(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, " B"]:
        """The loss of flat maps, whose mean is the middle of the picture, and of the commonest presence."""
        flat = commonest(labelled & self.inside(keypoints), self.supervised(labelled, occluded))
        return self.losses(flat.expand(len(labelled), 1, self.keypoints, *self.size), keypoints, labelled, occluded)[:, 0]

    def activate(self, raw: Float[Tensor, "B S K h w"]) -> Float[Tensor, "B S K h w"]:
        """The softmax over each map, times the sigmoid of its largest logit."""
        return raw.flatten(3).softmax(-1).reshape(raw.shape) * raw.amax((-2, -1), keepdim=True).sigmoid()

    def encode(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, "B K h w"]:
        """The perfect answer; empty where a keypoint is not labelled or outside the input."""
        return _normalised(self.drawn(keypoints, labelled & self.inside(keypoints), self.config.map_sigma))

    def mirrored(self, answer: Float[Tensor, "B S K h w"], flip: Sequence[int]) -> Float[Tensor, "B S K h w"]:
        """Mirrored back, left and right swapped."""
        return answer.flip(-1)[:, :, list(flip)]

    def decode(self, answer: Float[Tensor, "B K h w"]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """The mean place in input pixels, and the score."""
        heat = answer.float()
        return self._mean(_normalised(heat)), heat.sum((-2, -1)).clamp(0.0, 1.0)

    def maps(self, answer: Float[Tensor, "B S K h w"]) -> Float[Tensor, "B S K h w"]:
        """The chance of each place, the largest as high as the score."""
        return answer * (answer.sum((-2, -1), keepdim=True) / answer.amax((-2, -1), keepdim=True).clamp_min(TINY))

    def _mean(self, chance: Float[Tensor, "*any K h w"]) -> Float[Tensor, "*any K 2"]:
        x, y = (chance.sum(-2) * self.grid_x).sum(-1), (chance.sum(-1) * self.grid_y).sum(-1)
        return self.to_input(torch.stack([x, y], -1))

    def _divergence(self, chance: Tensor, target: Tensor) -> Float[Tensor, "B S K"]:
        if self.config.regulariser == "none":
            return torch.zeros_like(chance[..., 0, 0])
        if self.config.regulariser == "kl":
            return _kl(target, chance)
        middle = (chance + target) / 2
        return (_kl(chance, middle) + _kl(target, middle)) / 2


def _normalised(heat: Float[Tensor, "*any h w"]) -> Float[Tensor, "*any h w"]:
    return heat / heat.sum((-2, -1), keepdim=True).clamp_min(TINY)


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * ((p + TINY).log() - (q + TINY).log())).sum((-2, -1))
