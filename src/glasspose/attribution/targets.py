"""The numbers that an attribution explains. A network says K maps; a method explains one number of them, and which one must be said.

`confidence`: the heat of a keypoint at the place where the untouched picture has its peak, frozen there, so that another peak elsewhere
does not count. `location`: the keypoint's soft-argmax coordinate along a direction, in input pixels ("why here and not there").
`agreement`: exp(-d^2 / width) to the untouched prediction, as in OKS. `error`: log heat at the prediction less log heat at the label.
Only the last needs labels. All are differentiable functions of the maps, so they serve every codec.
Letters: B batch, K keypoints, H W input, h w map; one person's untouched answer is frozen in a target.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasspose.errors import UsageError

Kind = Literal["confidence", "location", "agreement", "error"]
KINDS: tuple[Kind, ...] = ("confidence", "location", "agreement", "error")
SHARPNESS = 12.0
"""Of the soft-argmax: the softmax sees maps divided by the frozen peak and multiplied by this."""
LEAST = 1e-4
"""Heat below this counts as this much in logarithms."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """One number a keypoint, frozen on what the network says of the untouched picture of one person."""

    kind: Kind
    size: tuple[int, int]
    """(H, W) of the input."""
    places: Int[Tensor, "K 2"]
    """x and y of the frozen peaks, in map pixels."""
    peaks: Float[Tensor, " K"]
    """Their heat."""
    keypoints: Float[Tensor, "K 2"]
    """The soft-argmax of the untouched maps, in input pixels: where `agreement` is 1."""
    directions: Float[Tensor, "K 2"] | None = None
    """Unit vectors (x, y), of `location`."""
    widths: Float[Tensor, " K"] | None = None
    """8 s^2 sigma^2 in square input pixels, of `agreement`."""
    labels: Float[Tensor, "K 2"] | None = None
    """In input pixels, of `error`."""

    def __call__(self, maps: Float[Tensor, "B K h w"]) -> Float[Tensor, "B K"]:
        """The number of every keypoint."""
        if self.kind == "confidence":
            return at(maps, self.places)
        if self.kind == "error":
            assert self.labels is not None
            labels = nearest(self.labels, self.size, (maps.shape[-2], maps.shape[-1]))
            return at(maps, self.places).clamp_min(LEAST).log() - at(maps, labels).clamp_min(LEAST).log()
        moved = soft_argmax(maps, self.peaks, self.size) - self.keypoints
        if self.kind == "location":
            assert self.directions is not None
            return ((moved + self.keypoints) * self.directions).sum(-1)
        assert self.widths is not None
        return torch.exp(-(moved**2).sum(-1) / self.widths)


def freeze(
    maps: Float[Tensor, "K h w"],
    size: tuple[int, int],
    kind: Kind = "confidence",
    *,
    directions: Float[Tensor, "K 2"] | None = None,
    widths: Float[Tensor, " K"] | None = None,
    labels: Float[Tensor, "K 2"] | None = None,
) -> Target:
    """The target of one person from the maps of the untouched picture. UsageError where what the kind asks for is not given."""
    needs = {"location": directions, "agreement": widths, "error": labels}
    if kind not in KINDS or (kind in needs and needs[kind] is None):
        asked = {"location": "directions", "agreement": "widths", "error": "labels"}.get(kind, "one of " + ", ".join(KINDS))
        raise UsageError(f"target {kind!r} is not complete", f"Give {asked}")
    peaks, flat = maps.detach().flatten(1).max(1)
    width = maps.shape[-1]
    return Target(
        kind=kind,
        size=size,
        places=torch.stack([flat % width, flat // width], -1),
        peaks=peaks,
        keypoints=soft_argmax(maps.detach()[None], peaks, size)[0],
        directions=None if directions is None else directions / directions.norm(dim=-1, keepdim=True).clamp_min(1e-9),
        widths=widths,
        labels=labels,
    )


def at(maps: Float[Tensor, "B K h w"], places: Int[Tensor, "K 2"]) -> Float[Tensor, "B K"]:
    """The maps' values at one place for each keypoint."""
    keypoints = torch.arange(maps.shape[1], device=maps.device)
    return maps[:, keypoints, places[:, 1], places[:, 0]]


def nearest(keypoints: Float[Tensor, "K 2"], size: tuple[int, int], grid: tuple[int, int]) -> Int[Tensor, "K 2"]:
    """The map pixels nearest to places in the input, on the border where those lie outside."""
    scale = torch.tensor([grid[1] / size[1], grid[0] / size[0]], dtype=keypoints.dtype)
    limit = torch.tensor([grid[1] - 1, grid[0] - 1])
    return ((keypoints + 0.5) * scale - 0.5).round().long().clamp_min(0).minimum(limit)


def soft_argmax(maps: Float[Tensor, "B K h w"], peaks: Float[Tensor, " K"], size: tuple[int, int]) -> Float[Tensor, "B K 2"]:
    """The mean place under a softmax of the maps, sharp enough to sit on the peak, in input pixels."""
    height, width = maps.shape[-2:]
    scale = SHARPNESS / peaks.abs().clamp_min(LEAST)
    share = torch.softmax((maps * scale[:, None, None]).flatten(2), -1).reshape(maps.shape)
    x = (share.sum(-2) * torch.arange(width, dtype=maps.dtype)).sum(-1)
    y = (share.sum(-1) * torch.arange(height, dtype=maps.dtype)).sum(-1)
    steps = torch.tensor([size[1] / width, size[0] / height], dtype=maps.dtype)
    return (torch.stack([x, y], -1) + 0.5) * steps - 0.5
