"""Attribution by hiding: what is lost when a part of the picture is hidden is the evidence that stood there. Works on any network.

The picture is cut into a grid of cells. `occlusion` hides each alone; `rise` hides a random quarter of them many times (after Petsiuk, Das and
Saenko, BMVC 2018) and compares the pictures in which a cell is hidden with those in which it is seen, so it also finds evidence that stands
in two places. One set of masks serves all keypoints at once. Each is done with every fill of `fills`, and the spread over them is told.
Letters: B batch, K keypoints, P cells, M masks, F fills, H W input.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import spearmanr
from torch import Tensor

from glasspose.attribution.fills import hidden

ACROSS = 10
"""Cells along the picture's height."""
SOFT = 0.12
"""Width of a cell's soft edge, in cells."""
MASKS, HIDDEN_SHARE = 320, 0.2
"""Of RISE."""
BEYOND_CHANCE = 4.0
"""A cell's effect under RISE counts where it is so many standard errors from 0: noise in hundreds of cells would add up otherwise."""
BATCH = 32
Reading = Callable[[Tensor], Tensor]
"""From pictures (B, 3, H, W) to the numbers explained (B, K)."""


def cells(size: tuple[int, int], across: int = ACROSS) -> Float[Tensor, "P H W"]:
    """The grid: masks with soft edges that add up to 1 everywhere."""
    height, width = size
    rows = _stripes(height, across)
    columns = _stripes(width, max(1, round(across * width / height)))
    return (rows[:, None, :, None] * columns[None, :, None, :]).flatten(0, 1)


def _stripes(length: int, count: int) -> Float[Tensor, "n length"]:
    place = (torch.arange(length) + 0.5) / length * count
    edge = torch.arange(count + 1)[:, None]
    rising = ((place - edge) / SOFT + 0.5).clamp(0, 1)
    rising[0], rising[-1] = 1.0, 0.0
    return rising[:-1] - rising[1:]


def occlusion(
    reading: Reading, image: Float[Tensor, "3 H W"], fills: Mapping[str, Float[Tensor, "3 H W"]], grid: Float[Tensor, "P H W"]
) -> Float[Tensor, "F K P"]:
    """What hiding each cell alone takes away from the number, for every keypoint and fill."""
    whole = reading(image[None])[0].double()
    return torch.stack([(whole - _read(reading, image, grid, fill)).T for fill in fills.values()])


def rise(
    reading: Reading, image: Float[Tensor, "3 H W"], fills: Mapping[str, Float[Tensor, "3 H W"]], grid: Float[Tensor, "P H W"], seed: int = 0
) -> Float[Tensor, "F K P"]:
    """Mean of the number where a cell is seen less that where it is hidden; 0 where that is within chance."""
    chosen = random_masks(len(grid), seed)
    masks = torch.einsum("mp,phw->mhw", chosen.float(), grid)
    return torch.stack([effects(chosen, _read(reading, image, masks, fill)) for fill in fills.values()])


def random_masks(count: int, seed: int) -> Bool[Tensor, "M P"]:
    """Which cells are hidden: in every mask the same number of them."""
    rng = np.random.default_rng(seed)
    few = max(1, round(HIDDEN_SHARE * count))
    chosen = np.zeros((MASKS, count), bool)
    for row in chosen:
        row[rng.permutation(count)[:few]] = True
    return torch.from_numpy(chosen)


def effects(chosen: Bool[Tensor, "M P"], read: Float[Tensor, "M K"]) -> Float[Tensor, "K P"]:
    """Least squares of the number on which cells are seen, all cells at once, cut off at chance by their standard errors."""
    seen = 1.0 - chosen.double()
    design = torch.cat([torch.ones(len(seen), 1, dtype=torch.float64), seen[:, 1:]], 1)  # the counts are equal: one cell is redundant
    centred = torch.linalg.pinv(design.T @ design)
    weights = centred @ design.T @ read.double()
    left = ((read - design @ weights) ** 2).sum(0) / max(len(seen) - design.shape[1], 1)
    slopes = torch.cat([torch.zeros_like(weights[:1]), weights[1:]])
    slopes = slopes - slopes.median(0).values  # what nobody reads is 0; most cells are read by nobody
    errors = torch.sqrt(centred.diagonal().clamp_min(0)[:, None] * left)
    errors[0] = errors[1:].median(0).values
    return torch.where(slopes.abs() > BEYOND_CHANCE * errors, slopes, 0.0).T


def _read(reading: Reading, image: Tensor, masks: Float[Tensor, "M H W"], fill: Tensor) -> Float[Tensor, "M K"]:
    parts = torch.split(masks[:, None], BATCH)
    return torch.cat([reading(hidden(image[None].expand(len(part), -1, -1, -1), part, fill[None])) for part in parts]).double()


def spread_out(values: Float[Tensor, "*any P"], grid: Float[Tensor, "P H W"]) -> Float[Tensor, "*any H W"]:
    """Numbers of cells as a map, evenly over each cell's pixels."""
    per_pixel = values / grid.double().sum((-2, -1))
    return torch.einsum("...p,phw->...hw", per_pixel, grid.double())


def agreement_of_fills(values: Float[Tensor, "F P"]) -> float:
    """The mean rank correlation between fills: 1 where it does not matter what is put in place of the hidden part."""
    pairs = [(a, b) for a in range(len(values)) for b in range(a)]
    found = [_correlation(values[a].numpy(), values[b].numpy()) for a, b in pairs]
    return float(np.mean(found)) if found else 1.0


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if one.std() == 0 or other.std() == 0:
        return float(one.std() == other.std())
    return float(spearmanr(one, other).statistic)
