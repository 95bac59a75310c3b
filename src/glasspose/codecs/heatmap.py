"""Heatmaps: keypoints to Gaussians, the loss between maps, and maps back to keypoints with sub-pixel places.

Letters: B batch, S stacks, K keypoints, H W input, h w heatmap. Keypoints are (x, y) in input pixels, centres at integers.
"""

import functools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from glasspose.codecs.codec import STRIDE, Codec, Truth
from glasspose.codecs.uvic_decoding import uvic_averaged, uvic_decoded
from glasspose.configs.codecs import Heatmap

DIFFERENCES = ("mse", "weighted_mse", "euclidean")
"""Losses that compare maps with the target, number by number."""
THESIS_SIGMAS = (0.5, 1.0)
"""Of visible and of occluded keypoints, in heatmap pixels."""


class HeatmapCodec(Codec):
    """One map for each keypoint. The target is a Gaussian of peak 1 around the exact place, never rounded to the grid.

    A keypoint outside the input has an all-zero target and is supervised: so the network learns to say "not in the picture". A keypoint
    without a label is masked, unless `unlabelled = "zero"`.
    """

    head = "maps"

    def __init__(self, config: Heatmap, keypoints: int, input_size: tuple[int, int], stride: int = STRIDE) -> None:
        super().__init__(config, keypoints, input_size, stride)
        self.config = config
        self.output_channels = keypoints

    def encode(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, "B K h w"]:
        """The target maps; zero where a keypoint is not labelled or outside the input."""
        shown = labelled & self.inside(keypoints)
        hidden = torch.zeros_like(labelled) if occluded is None else occluded
        if self.config.target == "thesis":
            return thesis_target(keypoints / self.stride, shown, hidden, self.size)
        sigma = torch.where(hidden, self.config.occluded_sigma or self.config.sigma, self.config.sigma)
        return self.drawn(self._centred(keypoints), shown, sigma)

    target_maps = encode

    def _centred(self, keypoints: Float[Tensor, "B K 2"]) -> Float[Tensor, "B K 2"]:
        return self.to_input((self.to_map(keypoints) + 0.5).floor()) if self.config.centre == "truncated" else keypoints

    def losses(
        self, raw: Float[Tensor, "B S K h w"], keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None
    ) -> Float[Tensor, "B S"]:
        """For each person and stack, the loss summed over the supervised keypoints.

        That of one keypoint is the mean over its map's pixels; of `euclidean` and `kl`, one number for the map.
        """
        target = self.encode(keypoints, labelled, occluded)[:, None]
        output = raw.float()
        if self._sigmoid and self.config.loss != "focal":
            output = output.sigmoid()
        per_map = {
            "mse": _squared_error,
            "weighted_mse": self._weighted_error,
            "focal": _focal,
            "euclidean": _euclidean,
            "kl": _divergence,
        }[self.config.loss](output, target)
        counted = self.supervised(labelled, occluded)[:, None]
        total: Tensor = (per_map * counted).sum(2)
        return total

    def zero_loss(self, keypoints: Float[Tensor, "B K 2"], labelled: Truth, occluded: Truth | None = None) -> Float[Tensor, " B"]:
        """The loss of maps without any peak: what training is stuck at when it has collapsed."""
        flat = -4.6 if self.config.loss == "focal" else -20.0 if self._sigmoid else 0.0
        output = torch.full((*labelled.shape[:1], 1, self.output_channels, *self.size), flat, device=keypoints.device)
        return self.losses(output, keypoints, labelled, occluded)[:, 0]

    def _weighted_error(self, output: Tensor, target: Tensor) -> Tensor:
        return (torch.where(target > 0.01, self.config.positive_weight, 1.0) * (output - target) ** 2).mean((-2, -1))

    @property
    def _sigmoid(self) -> bool:
        return self.config.loss == "focal" or (self.config.activation == "sigmoid" and self.config.loss in DIFFERENCES)

    def activate(self, raw: Float[Tensor, "*any h w"]) -> Float[Tensor, "*any h w"]:
        """Raw output to heat.

        The identity; the sigmoid where logits were trained; for `kl` the softmax, as high as a Gaussian of peak 1 where it has that width.
        """
        if self.config.loss == "kl":
            share = raw.flatten(-2).float().softmax(-1).reshape(raw.shape)
            return share * (2 * math.pi * self.config.sigma**2 if self.config.target == "gaussian" else 1.0)
        return raw.sigmoid() if self._sigmoid else raw

    def mirrored(self, answer: Float[Tensor, "B S K h w"], flip: Sequence[int]) -> Float[Tensor, "B S K h w"]:
        """Mirrored back, left and right swapped."""
        return answer.flip(-1).index_select(2, torch.tensor(flip, device=answer.device))

    def maps(self, answer: Float[Tensor, "B S K h w"]) -> Float[Tensor, "B S K h w"]:
        """The heat itself."""
        return answer

    def decode(self, answer: Float[Tensor, "B K h w"]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """Heat of one stack to keypoints in input pixels and their scores (the peak's height, 0 to 1)."""
        heatmaps = answer.float()
        if self.config.decoder in ("uvic", "uvic_flip"):
            return uvic_decoded(heatmaps, self.input_size)
        score, flat = _peaks(heatmaps.flatten(2))
        place = torch.stack([flat % self.size[1], flat // self.size[1]], dim=-1)  # (B, K, 2) x, y
        if self.config.decoder == "dark":
            offset = _dark_offset(_smoothed_window(heatmaps, place, 2, self.config.sigma), place, self.size)
        elif self.config.decoder == "quarter":
            offset = _quarter_offset(_window(heatmaps, place, 1), place, self.size)
        else:
            offset = torch.zeros_like(place, dtype=torch.float32)
        if self.config.target == "thesis":  # its pixel m stands for m strides
            return (place + offset) * self.stride, score.clamp(0.0, 1.0)
        return self.to_input(place + offset), score.clamp(0.0, 1.0)

    def agreed(self, views: Sequence[Float[Tensor, "B K h w"]]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """The mean of the heat, decoded; with `uvic_flip` each is decoded, and the places' mean taken."""
        if self.config.decoder == "uvic_flip" and len(views) == 2:
            return uvic_averaged(*(self.decode(view) for view in views))
        return super().agreed(views)


def thesis_target(places: Float[Tensor, "B K 2"], shown: Truth, hidden: Truth, size: tuple[int, int]) -> Float[Tensor, "B K h w"]:
    """An impulse at the rounded place (in pixels of the map), smoothed by a Gaussian of sum 1: peak 0.619 for visible, 0.159 for hidden keypoints.

    Beyond the border the border's value goes on, as in the filter of scikit-image that drew the originals.
    """
    place = torch.where(shown[..., None], places, 0.0).round().long()
    parts = []
    for axis, length in ((1, size[0]), (0, size[1])):
        at = place[..., axis].clamp(0, length - 1)
        visible, occluded = (_smoothed_impulses(length, sigma).to(places.device)[at] for sigma in THESIS_SIGMAS)
        parts.append(torch.where(hidden[..., None], occluded, visible))
    rows, columns = parts
    return (rows * shown[..., None])[..., :, None] * columns[..., None, :]


@functools.cache
def _smoothed_impulses(length: int, sigma: float) -> Float[Tensor, "n n"]:
    """For an impulse at each place of a line, what a Gaussian filter (cut off at four sigma) makes of it."""
    reach = int(4 * sigma + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    lines = functional.pad(torch.eye(length)[:, None], (reach, reach), mode="replicate")
    return functional.conv1d(lines, (kernel / kernel.sum())[None, None])[:, 0]


def _squared_error(output: Tensor, target: Tensor) -> Tensor:
    return ((output - target) ** 2).mean((-2, -1))


def _euclidean(output: Tensor, target: Tensor) -> Tensor:
    return (((output - target) ** 2).sum((-2, -1)) + 1e-12).sqrt()  # the root has no slope at zero


def _divergence(output: Tensor, target: Tensor) -> Tensor:
    """Kullback and Leibler's: of the target as shares of its sum (even shares where it is empty) from the softmax of the output."""
    flat, logits = target.flatten(-2), output.flatten(-2)
    total = flat.sum(-1, keepdim=True)
    shares = torch.where(total > 0, flat / total.clamp_min(1e-12), 1 / flat.shape[-1])
    return functional.kl_div(logits.log_softmax(-1), shares.expand_as(logits), reduction="none").sum(-1)


def _focal(output: Tensor, target: Tensor) -> Tensor:
    """CenterNet's focal loss on logits; the pixel nearest to the keypoint is the positive one."""
    positive = (target == target.amax((-2, -1), keepdim=True)) & (target > 0)
    chance = output.sigmoid()
    hit = -((1 - chance) ** 2) * functional.logsigmoid(output)
    miss = -((1 - target) ** 4) * chance**2 * functional.logsigmoid(-output)
    return torch.where(positive, hit, miss).mean((-2, -1))


def _peaks(maps: Float[Tensor, "B K n"]) -> tuple[Float[Tensor, "B K"], Int64[Tensor, "B K"]]:
    """The highest value of each map, and where it is first. On the CPU numpy finds it ten times faster than torch does.

    Graphs that are traced or compiled cannot hold what numpy does.
    """
    if maps.device.type != "cpu" or torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        score, place = maps.max(-1)
        return score, place
    place = torch.from_numpy(maps.detach().numpy().argmax(-1))
    return maps.gather(-1, place[..., None])[..., 0], place


def _window(heatmaps: Float[Tensor, "B K h w"], place: Int64[Tensor, "B K 2"], reach: int) -> Float[Tensor, "B K n n"]:
    """The (2 reach + 1)² values around each place; 0 beyond the border."""
    height, width = heatmaps.shape[-2:]
    step = torch.arange(-reach, reach + 1, device=heatmaps.device)
    xs, ys = place[..., 0, None] + step, place[..., 1, None] + step
    there = ((ys >= 0) & (ys < height))[..., :, None] & ((xs >= 0) & (xs < width))[..., None, :]
    flat = ys.clamp(0, height - 1)[..., :, None] * width + xs.clamp(0, width - 1)[..., None, :]
    return heatmaps.flatten(2).gather(2, flat.flatten(2)).reshape(there.shape) * there


def _smoothed_window(heatmaps: Float[Tensor, "B K h w"], place: Int64[Tensor, "B K 2"], reach: int, sigma: float) -> Float[Tensor, "B K n n"]:
    """What `_window` shows of the maps after Gaussian smoothing, so that the log is close to a parabola, as DARK asks for.

    Never wider than one pixel: wider kernels reach past the border and pull keypoints near it away (0.05 px at 3 px inside for sigma 2).
    Only the pixels that the window needs are smoothed, by sums in a fixed order: a matrix product's last bits depend on the company of a map.
    """
    sigma = min(sigma, 1.0)
    further = round(3 * sigma)
    kernel = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(-further, further + 1)]
    near, count = _window(heatmaps, place, reach + further), 2 * reach + 1
    taps = [(i, value / sum(kernel)) for i, value in enumerate(kernel)]
    rows = sum((near[..., i : i + count, :] * value for i, value in taps[1:]), near[..., :count, :] * taps[0][1])
    columns: Tensor = sum((rows[..., i : i + count] * value for i, value in taps[1:]), rows[..., :count] * taps[0][1])
    return columns


def _quarter_offset(near: Float[Tensor, "B K 3 3"], place: Int64[Tensor, "B K 2"], size: tuple[int, int]) -> Float[Tensor, "B K 2"]:
    """A quarter pixel towards the higher neighbour on each axis; none on the border of the map."""
    step = torch.stack([near[..., 1, 2] - near[..., 1, 0], near[..., 2, 1] - near[..., 0, 1]], dim=-1).sign() * 0.25
    return step * _away_from_border(place, size, 1)


def _dark_offset(smooth: Float[Tensor, "B K 5 5"], place: Int64[Tensor, "B K 2"], size: tuple[int, int]) -> Float[Tensor, "B K 2"]:
    """One Newton step to the maximum of the log of the map; none within two pixels of the border, never more than two pixels."""
    p = smooth.clamp_min(1e-10).log()
    dx, dy = (p[..., 2, 3] - p[..., 2, 1]) / 2, (p[..., 3, 2] - p[..., 1, 2]) / 2
    dxx = (p[..., 2, 4] - 2 * p[..., 2, 2] + p[..., 2, 0]) / 4
    dyy = (p[..., 4, 2] - 2 * p[..., 2, 2] + p[..., 0, 2]) / 4
    dxy = (p[..., 3, 3] - p[..., 1, 3] - p[..., 3, 1] + p[..., 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    solvable = determinant.abs() > 1e-12
    safe = torch.where(solvable, determinant, 1.0)
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=-1) / safe[..., None]
    usable = solvable[..., None] & _away_from_border(place, size, 2)
    return torch.where(usable, step, 0.0).clamp(-2.0, 2.0)


def _away_from_border(place: Int64[Tensor, "B K 2"], size: tuple[int, int], distance: int) -> Bool[Tensor, "B K 1"]:
    limit = torch.tensor([size[1], size[0]], device=place.device) - distance
    return ((place >= distance) & (place < limit)).all(-1, keepdim=True)
