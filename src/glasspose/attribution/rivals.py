"""Maps that know nothing of the network: what an attribution must beat, and what a test of attributions must reject.

The blob at the keypoint is a strong rival in pose estimation: most networks look at the joint itself. Everything is compared at equal blur,
because curves of deletion reward smooth maps. Letters: H W input.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from glasspose.attribution.fills import blurred
from glasspose.attribution.gradients import Scalar, gradients

EQUAL_BLUR = 0.03
"""Standard deviation of the blur that every map gets, in shares of the picture's height."""
BLOB = 0.08
"""The same of the blob."""


def evenly_blurred(maps: Float[Tensor, "M H W"]) -> Float[Tensor, "M H W"]:
    """All maps at the blur at which they are compared."""
    return blurred(maps[:, None], EQUAL_BLUR * maps.shape[-2])[:, 0]


def centre_blob(size: tuple[int, int], keypoint: Float[np.ndarray, " 2"]) -> Float[Tensor, "H W"]:
    """A Gaussian around where the network has put the keypoint."""
    rows, columns = (torch.arange(length, dtype=torch.float64) for length in size)
    apart = (rows[:, None] - float(keypoint[1])) ** 2 + (columns[None] - float(keypoint[0])) ** 2
    return torch.exp(-0.5 * apart / (BLOB * size[0]) ** 2)


def chance(size: tuple[int, int], seed: int) -> Float[Tensor, "H W"]:
    """Noise."""
    return torch.from_numpy(np.random.default_rng(seed).random(size))


def edges(image: Float[Tensor, "3 H W"]) -> Float[Tensor, "H W"]:
    """How steep the picture is (Sobel)."""
    across = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]], dtype=image.dtype)
    kernels = torch.stack([across, across.T])[:, None]
    padded = functional.pad(image.mean(0)[None, None], (1, 1, 1, 1), mode="replicate")
    steepness: Tensor = functional.conv2d(padded, kernels)[0].norm(dim=0)
    return steepness.double()


def guided_backpropagation(scalar: Scalar, image: Float[Tensor, "3 H W"], model: nn.Module) -> Float[Tensor, "3 H W"]:
    """Springenberg et al. (2015): gradients that are negative at a ReLU are dropped. What is left is the picture's edges more than the
    network's reasons (Adebayo et al., NeurIPS 2018), so it is here to be rejected.
    """
    hooks = [module.register_full_backward_hook(_positive) for module in model.modules() if isinstance(module, nn.ReLU) and not module.inplace]
    try:
        return gradients(scalar, image[None])[0].double()
    finally:
        for hook in hooks:
            hook.remove()


def _positive(module: nn.Module, to_input: tuple[Tensor, ...], to_output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(gradient.clamp_min(0) for gradient in to_input)
