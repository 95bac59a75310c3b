"""How the UVic report reads heatmaps off: each enlarged to the input's size and smoothed, its highest pixel taken whole, or no answer at all.

Letters as in codec.py.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

REACH = 4
"""Of the Gaussian with sigma 1, in pixels of the input."""
CUT = 0.2
"""Heat below this counts as none. The original then asks for more than 0.04, which all that is left has, and keeps local maxima alone, of
which the highest pixel is always one."""


def uvic_decoded(maps: Float[Tensor, "B K h w"], input_size: tuple[int, int]) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
    """Whole input pixels and the smoothed heat there (0 to 1); place (0, 0) and score 0 where no heat reaches `CUT`."""
    grown = functional.interpolate(maps, size=input_size, mode="bilinear", align_corners=False)
    score, flat = _smoothed(_smoothed(grown, -1), -2).flatten(2).max(-1)
    place = torch.stack([flat % input_size[1], flat // input_size[1]], dim=-1).to(score.dtype)
    there = score >= CUT
    return torch.where(there[..., None], place, 0.0), torch.where(there, score.clamp_max(1.0), 0.0)


def uvic_averaged(
    one: tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]], other: tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]
) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
    """The mean of two decoded answers in which a keypoint that only one of them has is where that one says."""
    places, scores = torch.stack([one[0], other[0]]), torch.stack([one[1], other[1]])
    having = scores >= CUT
    count = having.sum(0).clamp_min(1)
    return (places * having[..., None]).sum(0) / count[..., None], (scores * having).sum(0) / count


def _smoothed(maps: Float[Tensor, "B K h w"], axis: int) -> Float[Tensor, "B K h w"]:
    """A Gaussian along one axis; beyond the border the map's mirror image, border included, goes on, as in SciPy's filter.

    Sums in a fixed order: a convolution's last bits depend on the company of a map.
    """
    kernel = [math.exp(-0.5 * i**2) for i in range(-REACH, REACH + 1)]
    length = maps.shape[axis]
    beyond = (maps.narrow(axis, 0, REACH).flip(axis), maps, maps.narrow(axis, length - REACH, REACH).flip(axis))
    wide = torch.cat(beyond, axis)
    parts = [wide.narrow(axis, i, length) * (value / sum(kernel)) for i, value in enumerate(kernel)]
    return sum(parts[1:], parts[0])
