"""What is put where a part of a picture is hidden. Every fill takes the network somewhere that it was not trained for, each somewhere else:
so there are always several, and their spread is told. Letters: B batch, H W input.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

FILLS = ("blur", "noise", "other")
BLUR = 0.08
"""Standard deviation in shares of the picture's height: no limb is left to be seen."""


def fills(images: Float[Tensor, "B 3 H W"], others: Float[Tensor, "B 3 H W"], seed: int = 0) -> Mapping[str, Float[Tensor, "B 3 H W"]]:
    """For each fill, the pictures that show through where something is hidden.

    `blur`: the picture itself, heavily blurred. `noise`: its mean colour with noise of its own deviation. `other`: another picture.
    """
    generator = torch.Generator().manual_seed(seed)
    mean, deviation = images.mean((-2, -1), keepdim=True), images.std((-2, -1), keepdim=True)
    noise = mean + deviation * torch.randn(images.shape, generator=generator)
    return {"blur": blurred(images, BLUR * images.shape[-2]), "noise": noise, "other": others}


def hidden(images: Float[Tensor, "B 3 H W"], mask: Float[Tensor, "B 1 H W"], fill: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """The pictures with the fill where the mask is 1, and a mixture in between."""
    return images + mask * (fill - images)


def blurred(images: Float[Tensor, "B C H W"], sigma: float) -> Float[Tensor, "B C H W"]:
    """Gaussian blur with mirrored borders, sigma in pixels."""
    if sigma <= 0:
        return images
    reach = min(int(np.ceil(3 * sigma)), min(images.shape[-2:]) - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=images.dtype) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    flat = functional.pad(images.flatten(0, 1)[:, None], (reach, reach, reach, reach), mode="reflect")
    flat = functional.conv2d(functional.conv2d(flat, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
    return flat.reshape(images.shape)


def partners(count: int, seed: int = 0) -> np.ndarray:
    """For each of `count` pictures another one (itself only where there is no other)."""
    order = np.random.default_rng(seed).permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.roll(order, 1)
    return found
