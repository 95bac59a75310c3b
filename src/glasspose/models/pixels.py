"""What a network sees of a picture, where that is not the normalisation that batches have."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasspose.structures import DEVIATION, MEAN


class Pixels(nn.Module):
    """Normalised images to pixels between 0 and 1 (by default), or to those less `mean`, divided by `deviation`.

    Batches are normalised by ImageNet's mean and deviation, for all networks alike; a network that takes something else undoes it here.
    """

    factor: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float] = (0.0, 0.0, 0.0), deviation: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        factor = [ours / theirs for ours, theirs in zip(DEVIATION, deviation, strict=True)]
        shift = [(ours - theirs) / spread for ours, theirs, spread in zip(MEAN, mean, deviation, strict=True)]
        self.register_buffer("factor", torch.tensor(factor)[:, None, None], persistent=False)
        self.register_buffer("shift", torch.tensor(shift)[:, None, None], persistent=False)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """The same pictures in the other form."""
        return images * self.factor + self.shift
