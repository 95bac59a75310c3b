"""Coordinates as classification: which column, which row.

Li, Yang, Liu, Zhang, Wang, Yang, Yang and Wang, "SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation" (ECCV 2022).
Bin i of an axis with `split` bins a pixel stands for the pixel coordinate (i + 0.5) / split - 0.5, so that mirroring is a reversal of the columns.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.codecs.codec import STRIDE, Codec, Truth
from glasspose.codecs.presence import commonest, presence_losses
from glasspose.configs.codecs import SimCC

SMOOTHING = 0.1
"""Share of `labels = "smoothed"` that all bins have alike."""
TINY = 1e-12


class SimCCCodec(Codec):
    """Logits of the columns, of the rows and, if the configuration asks for it, of presence: K·(W·split + H·split + 1) numbers.

    The network gives a vector, so the linear layers that the paper puts on one map for each keypoint belong to the model
    (`readout = "per_keypoint"` of resnet); a plain dense layer serves too. The loss is the sum of the divergences of both axes from their
    targets. The answer is (B, S, K, W·split + H·split + 1): chances, and the score; without a presence that is the smaller one of the
    largest chances of both axes, in units of what a perfect answer has there.
    """

    head = "vector"
    bins: Tensor

    def __init__(self, config: SimCC, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__(config, keypoints, input_size, stride)
        self.config = config
        self.counts = [input_size[1] * config.split, input_size[0] * config.split]
        self.output_channels = keypoints * (sum(self.counts) + config.presence)
        self.register_buffer("bins", torch.arange(max(self.counts), dtype=torch.float32), persistent=False)

    def losses(
        self, raw: Float[Tensor, "B S C"], keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None
    ) -> Float[Tensor, "B S"]:
        """For each person and stack, the loss summed over the supervised keypoints."""
        there = labelled & self.inside(keypoints)
        taught = there if self.config.unlabelled == "mask" else there | ~labelled
        *axes, logits = self._split(raw)
        targets = self._targets(torch.where(there[..., None], keypoints, 0.0))
        each = sum((_kl(target[:, None], axis) for target, axis in zip(targets, axes, strict=True)), torch.zeros(()))
        each = torch.where(taught[:, None], each, 0.0)
        if self.config.presence:
            each = each + self.config.presence_weight * presence_losses(logits[..., 0], there)
        total: Tensor = (each * self.supervised(labelled, occluded)[:, None]).sum(2)
        return total

    def zero_loss(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, " B"]:
        """The loss of "anywhere", and of the commonest presence."""
        numbers = torch.zeros(self.output_channels // self.keypoints, device=keypoints.device)
        if self.config.presence:
            numbers[-1] = commonest(labelled & self.inside(keypoints), self.supervised(labelled, occluded))
        return self.losses(numbers.repeat(len(labelled), 1, self.keypoints), keypoints, labelled, occluded)[:, 0]

    def activate(self, raw: Float[Tensor, "B S C"]) -> Float[Tensor, "B S K n"]:
        """Chances of the columns and of the rows, and the score."""
        x, y, logits = self._split(raw)
        x, y = x.softmax(-1), y.softmax(-1)
        if self.config.presence:
            score = logits.sigmoid()
        else:
            peak = 1 - SMOOTHING if self.config.labels == "smoothed" else 1 / (self.config.bin_sigma * math.sqrt(2 * math.pi))
            score = (torch.minimum(x.amax(-1), y.amax(-1)) / peak).clamp_max(1.0)[..., None]
        return torch.cat([x, y, score], -1)

    def encode(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, "B K n"]:
        """The perfect answer; a score of 0 where a keypoint is not labelled or outside the input."""
        there = labelled & self.inside(keypoints)
        return torch.cat([*self._targets(torch.where(there[..., None], keypoints, 0.0)), there[..., None].to(keypoints)], -1)

    def mirrored(self, answer: Float[Tensor, "B S K n"], flip: Sequence[int]) -> Float[Tensor, "B S K n"]:
        """The columns from the other side, left and right swapped."""
        x, rest = torch.split(answer[:, :, list(flip)], [self.counts[0], self.counts[1] + 1], -1)
        return torch.cat([x.flip(-1), rest], -1)

    def decode(self, answer: Float[Tensor, "B K n"]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """The likeliest column and row, refined by a parabola through the logarithms of three bins, which is exact for a Gaussian."""
        x, y, score = torch.split(answer.float(), [*self.counts, 1], -1)
        places = torch.stack([_peak(x), _peak(y)], -1)
        return (places + 0.5) / self.config.split - 0.5, score[..., 0].clamp(0.0, 1.0)

    def maps(self, answer: Float[Tensor, "B S K n"]) -> Float[Tensor, "B S K h w"]:
        """The product of both axes, gathered into pixels of a map, the largest as high as the score."""
        x, y, score = torch.split(answer, [*self.counts, 1], -1)
        columns, rows = (axis.reshape(*axis.shape[:-1], -1, self.stride * self.config.split).sum(-1) for axis in (x, y))
        columns, rows = (axis / axis.amax(-1, keepdim=True).clamp_min(TINY) for axis in (columns, rows))
        maps: Tensor = rows[..., :, None] * columns[..., None, :] * score[..., None]
        return maps

    def _split(self, raw: Float[Tensor, "B S C"]) -> Sequence[Tensor]:
        """Logits of columns, of rows, and of presence (none where there is no presence), each (B, S, K, ...)."""
        return torch.split(raw.reshape(*raw.shape[:-1], self.keypoints, -1), [*self.counts, int(self.config.presence)], -1)

    def _targets(self, places: Float[Tensor, "B K 2"]) -> list[Float[Tensor, "B K n"]]:
        """The chances that columns and rows should have."""
        return [self._target((places[..., axis] + 0.5) * self.config.split - 0.5, count) for axis, count in enumerate(self.counts)]

    def _target(self, place: Float[Tensor, "B K"], count: int) -> Float[Tensor, "B K n"]:
        away = self.bins[:count] - place[..., None]
        if self.config.labels == "gaussian":
            return torch.softmax(-0.5 * (away / self.config.bin_sigma) ** 2, -1)
        nearest = torch.nn.functional.one_hot(away.abs().argmin(-1), count)
        return (1 - SMOOTHING) * nearest + SMOOTHING / count


def _peak(chances: Float[Tensor, "B K n"]) -> Float[Tensor, "B K"]:
    place = chances.argmax(-1, keepdim=True)
    near = (place + torch.arange(-1, 2, device=chances.device)).clamp(0, chances.shape[-1] - 1)
    before, here, after = chances.gather(-1, near).clamp_min(TINY).log().unbind(-1)
    curve = before - 2 * here + after
    inner = (place[..., 0] > 0) & (place[..., 0] < chances.shape[-1] - 1) & (curve < -TINY)
    step = (before - after) / (2 * torch.where(inner, curve, 1.0))
    return place[..., 0] + torch.where(inner, step, 0.0).clamp(-0.5, 0.5)


def _kl(target: Tensor, logits: Tensor) -> Float[Tensor, "B S K"]:
    return (target * ((target + TINY).log() - logits.log_softmax(-1))).sum(-1)
