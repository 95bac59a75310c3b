"""Switching a branch of a network off, in four ways that answer different questions.

`zero` puts zeros where the branch would speak, which the rest of the network has never met. `mean` puts the branch's own mean over a
sample; `resample` what it says of another picture; `constant` the constant with which the network comes closest to its own answers
(optimal ablation, Li and Janson, NeurIPS 2024), the kindest of the four. Letters: B batch, N pictures, C channels, h w positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasspose.attribution.taps import Change, recorded, replaced
from glasspose.network import PoseNetwork

MODES = ("zero", "mean", "resample", "constant")


@dataclass(frozen=True, kw_only=True, eq=False)
class Branches:
    """What some branches of a network say of N pictures; all that ablation needs to know."""

    network: PoseNetwork
    places: Mapping[str, nn.Module]
    images: Float[Tensor, "N 3 H W"]
    said: Mapping[str, Float[Tensor, "N C h w"]]
    means: Mapping[str, Float[Tensor, "1 C h w"]]


@torch.inference_mode()
def branches(network: PoseNetwork, places: Mapping[str, nn.Module], images: Float[Tensor, "N 3 H W"], batch: int = 32) -> Branches:
    """Run the network once over all pictures and keep what the branches say."""
    parts: dict[str, list[Tensor]] = {name: [] for name in places}
    for start in range(0, len(images), batch):
        with recorded(places) as found:
            network(images[start : start + batch])
        for name in places:
            parts[name].append(found[name])
    said = {name: torch.cat(part) for name, part in parts.items()}
    means = {name: value.double().mean(0, keepdim=True).float() for name, value in said.items()}
    return Branches(network=network, places=places, images=images, said=said, means=means)


@torch.inference_mode()
def answers_without(
    known: Branches,
    names: Sequence[str],
    mode: str,
    *,
    others: Int[Tensor, " N"] | None = None,
    constants: Mapping[str, Tensor] | None = None,
    batch: int = 32,
) -> Float[Tensor, "N ..."]:
    """The last stack's answer for every picture with these branches ablated.

    `others` says for each picture whose branches it gets under `resample`; `constants` hold those of `constant`.
    """
    found = []
    for start in range(0, len(known.images), batch):
        part = slice(start, start + batch)
        changes = {name: _change(known, name, mode, part, others, constants) for name in names}
        with replaced(known.places, changes):
            found.append(known.network.answers(known.images[part])[:, -1])
    return torch.cat(found)


def _change(known: Branches, name: str, mode: str, part: slice, others: Int[Tensor, " N"] | None, constants: Mapping[str, Tensor] | None) -> Change:
    if mode == "zero":
        return torch.zeros_like
    if mode == "resample":
        assert others is not None
        instead = known.said[name][others[part]]
    else:
        instead = known.means[name] if mode == "mean" else (constants or {})[name]
    return lambda output: instead.expand_as(output)


def optimal_constant(
    known: Branches, name: str, chosen: Sequence[int], *, steps: int = 40, batch: int = 16, seed: int = 0
) -> Float[Tensor, "1 C h w"]:
    """The constant for one branch with which the network's maps stay closest to what they are, found by Adam from the mean."""
    constant = known.means[name].clone().requires_grad_(True)
    scale = known.said[name].std().item() or 1.0
    optimiser = torch.optim.Adam([constant], lr=0.1 * scale)
    order = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        wanted = torch.cat([known.network.heatmaps(part)[:, -1] for part in torch.split(known.images[list(chosen)], batch)])
    for _ in range(steps):
        drawn = torch.randint(len(chosen), (min(batch, len(chosen)),), generator=order)
        with replaced(known.places, {name: lambda output: constant.expand_as(output)}):
            maps = known.network.heatmaps(known.images[[chosen[int(i)] for i in drawn]])[:, -1]
        (gradient,) = torch.autograd.grad(((maps - wanted[drawn]) ** 2).mean(), constant)
        constant.grad = gradient
        optimiser.step()
    return constant.detach()
