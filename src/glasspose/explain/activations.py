"""What places inside a network say of a sample, and the same network before it learnt anything.

Letters: N people, C channels, h w positions, D numbers a person.
"""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from glasspose.attribution.taps import recorded
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Progress, Subject, silent
from glasspose.network import PoseNetwork

GRID = 4
"""Places with more positions are averaged onto so many rows and columns where they must stay small."""


def gathered(
    network: PoseNetwork, places: Mapping[str, nn.Module], sample: Sample, *, grid: int | None = None, progress: Progress = silent
) -> dict[str, Float[np.ndarray, "N D"]]:
    """Each place's outputs as rows, in 32 bits, the network run once. `grid`: larger maps are averaged onto grid x grid positions first."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in places}
    for part, images in sample.batches():
        with torch.inference_mode(), recorded(places) as found:
            network(images)
        refuse_silent(places, found)
        for name in places:
            parts[name].append(shrunk(found[name], grid).flatten(1).numpy().copy())
        progress(part.stop, len(sample))
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def refuse_silent(places: Mapping[str, nn.Module], found: Mapping[str, Tensor]) -> None:
    """NotApplicableError where a place was never run."""
    for name in places:
        if name not in found:
            raise NotApplicableError(f"{name} takes no part in the network's answer", "Ask about another place")


def shrunk(output: Tensor, grid: int | None) -> Tensor:
    """Averaged onto at most grid x grid positions; what has no positions stays as it is."""
    if grid is None or output.ndim != 4 or max(output.shape[-2:]) <= grid:
        return output
    return functional.adaptive_avg_pool2d(output, (min(grid, output.shape[-2]), min(grid, output.shape[-1])))


def pooled(rows: Float[np.ndarray, "N D"], channels: int) -> Float[np.ndarray, "N C"]:
    """The mean over positions of rows that were (C, h, w) before."""
    means: np.ndarray = rows.reshape(len(rows), channels, -1).mean(2)
    return means


def latent_place(asked: Subject, at: str | None = None) -> str:
    """The place that is called latent: the last stack's code where there is an autoencoder, else its bottleneck.

    NotApplicableError where there is neither, or no place named `at`.
    """
    names = list(asked.taps())
    if at is not None:
        if at not in names:
            raise NotApplicableError(f"{asked.card['name']} has no place {at!r}", f"It has {', '.join(names)}")
        return at
    for part in (".code", ".bottleneck"):
        found = [name for name in names if name.endswith(part)]
        if found:
            return found[-1]
    raise NotApplicableError(f"{asked.card['name']} has no bottleneck", f"It has {', '.join(names)}")


def untrained(network: PoseNetwork, sample: Sample, seed: int) -> PoseNetwork:
    """The same network with fresh random weights, its batch statistics taken from the sample: without those its deeper places would fade away."""
    model = copy.deepcopy(network.model)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for module in model.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the plain average over all batches
    if norms:
        model.train()
        with torch.no_grad():
            for _, images in sample.batches():
                model(images)
    return network.around(model.eval())


def one_a_picture(image_ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """The first person of each picture: permutation tests need people who can be exchanged."""
    return np.sort(np.unique(np.asarray(image_ids), return_index=True)[1])
