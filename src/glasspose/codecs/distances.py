"""How wrong a place is: the distances that codecs of coordinates can choose from."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from glasspose.configs.codecs import Coordinates, SoftArgmax

SMOOTH = 0.02
"""Up to this share of the side, Huber's distance is quadratic."""


def distances(error: Float[Tensor, "*any 2"], config: Coordinates | SoftArgmax, side: float = 1.0) -> Float[Tensor, "*any"]:
    """One number for an error in x and y; `side` is that of the input in the error's unit."""
    if config.distance == "euclidean":
        return (error.square().sum(-1) + (1e-6 * side) ** 2).sqrt()  # its gradient is finite where the error is 0
    if config.distance == "smooth_l1":
        return functional.smooth_l1_loss(error, error.new_zeros(()).expand_as(error), beta=SMOOTH * side, reduction="none").mean(-1)
    return error.square().mean(-1)
