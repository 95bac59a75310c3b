"""Whether a map of evidence is true to the network: curves of deletion and insertion, infidelity, and networks whose weights are shuffled.

Letters: M maps, T steps of a curve, F fills, K keypoints, N pictures, H W input.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor, nn

from glasspose.attribution.fills import hidden
from glasspose.network import PoseNetwork

FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares of the picture that are hidden (or shown), most important first; beyond them nobody is left in the picture."""
BATCH = 36
BINS = 100
"""Of the histogram whose entropy says how complex a map is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """The number explained as a share of its untouched value, mean over fills, while more and more of the picture is hidden or shown."""

    deletion: Float[np.ndarray, "M T"]
    insertion: Float[np.ndarray, "M T"]

    @property
    def deletion_area(self) -> Float[np.ndarray, " M"]:
        """Areas under the curves: small where the map names what matters first."""
        return area_under(self.deletion)

    @property
    def insertion_area(self) -> Float[np.ndarray, " M"]:
        """The same of insertion: large is good."""
        return area_under(self.insertion)


def area_under(curve: Float[np.ndarray, "*any T"], fractions: Sequence[float] = FRACTIONS) -> Float[np.ndarray, "*any"]:
    """By the trapezoidal rule, as a share of the whole width."""
    area: np.ndarray = np.trapezoid(curve, fractions, axis=-1) / (fractions[-1] - fractions[0])
    return area


def first_pixels(values: Float[Tensor, "H W"], fractions: Sequence[float] = FRACTIONS, seed: int = 0) -> Float[Tensor, "T 1 H W"]:
    """Masks of the most important pixels, so many at a time; equal ones in an order drawn by the seed."""
    drawn = np.random.default_rng(seed).permutation(values.numel())
    flat = values.double().flatten().numpy()
    order = drawn[np.argsort(-flat[drawn], kind="stable")]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    counts = torch.tensor([round(share * len(order)) for share in fractions])
    return (torch.from_numpy(place).view(1, *values.shape) < counts[:, None, None]).float()[:, None]


def curves(
    number: Callable[[Tensor], Tensor],
    image: Float[Tensor, "3 H W"],
    fills: Mapping[str, Float[Tensor, "3 H W"]],
    maps: Float[Tensor, "M H W"],
    fractions: Sequence[float] = FRACTIONS,
) -> Curves:
    """Hide the first pixels of each map, and show them alone. `number` gives one number a picture; it is divided by the untouched one's."""
    masks = torch.stack([first_pixels(values, fractions) for values in maps]).flatten(0, 1)
    whole = float(number(image[None])[0])
    whole = whole if abs(whole) > 1e-9 else 1e-9
    read = []
    for wanted in (masks, 1 - masks):
        each = [_read(number, image, wanted, fill) for fill in fills.values()]
        read.append(np.mean(each, 0).reshape(len(maps), len(fractions)) / whole)
    return Curves(deletion=read[0], insertion=read[1])


def _read(number: Callable[[Tensor], Tensor], image: Tensor, masks: Tensor, fill: Tensor) -> np.ndarray:
    parts = torch.split(masks, BATCH)
    return torch.cat([number(hidden(image[None].expand(len(part), -1, -1, -1), part, fill[None])) for part in parts]).double().numpy()


def infidelity(
    number: Callable[[Tensor], Tensor],
    image: Float[Tensor, "3 H W"],
    found: Float[Tensor, "3 H W"],
    *,
    draws: int = 32,
    noise: float = 0.1,
    seed: int = 0,
) -> float:
    """How badly the map foretells what Gaussian noise I does: E[(I . map - (f(x) - f(x - I)))^2] (Yeh et al., NeurIPS 2019).

    After the best scale of the map, and as a share of E[(f(x) - f(x - I))^2]: 0 is perfect, 1 no better than an empty map.
    """
    generator = torch.Generator().manual_seed(seed)
    steps = noise * torch.randn((draws, *image.shape), generator=generator)
    with torch.no_grad():
        lost = (number(image[None]) - torch.cat([number(image - part) for part in torch.split(steps, BATCH)])).double()
    told = (steps.double() * found.double()).flatten(1).sum(1)
    scale = (told * lost).sum() / (told**2).sum().clamp_min(1e-30)
    return float(((scale * told - lost) ** 2).mean() / (lost**2).mean().clamp_min(1e-30))


def rank_correlation(one: Float[Tensor, "H W"], other: Float[Tensor, "H W"]) -> float:
    """Spearman's, of the size of the evidence; 0 where a map is even."""
    a, b = one.abs().flatten().numpy(), other.abs().flatten().numpy()
    return 0.0 if a.std() == 0 or b.std() == 0 else float(spearmanr(a, b).statistic)


def complexity(values: Float[Tensor, "H W"]) -> float:
    """Entropy in nats of the histogram of a map."""
    counts = np.histogram(values.double().flatten().numpy(), bins=BINS)[0]
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def efficient_mprt(own: Float[Tensor, "H W"], shuffled: Float[Tensor, "H W"]) -> float:
    """Hedström et al. (2023): how much more complex the map of the shuffled network is, as a share of the own map's complexity; above 0 is good."""
    return (complexity(shuffled) - complexity(own)) / max(complexity(own), 1e-9)


def shuffled(network: PoseNetwork, images: Float[Tensor, "N 3 H W"], seed: int = 0, part: str = "") -> PoseNetwork:
    """A copy with the weights of all modules whose name holds `part` shuffled, each tensor within itself: skip branches too.

    Batch norm takes its running statistics anew on `images`, so that signals neither die nor explode.
    """
    made = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in made.model.named_parameters():
            if part in name:
                order = torch.randperm(values.numel(), generator=generator)
                values.copy_(values.flatten()[order].view_as(values))
        norms = [m for name, m in made.model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and part in name]
        for module in norms:
            module.reset_running_stats()
            module.momentum = None
            module.train()
        if norms:
            made.model(images)
    return made.eval()
