"""Sessions as modules, so that everything that asks a network for maps works whatever runs it."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasspose.engines.sessions import Session
from glasspose.errors import UsageError, WeightsError
from glasspose.structures import DEVIATION, MEAN


class RawModel(nn.Module):
    """A network's exported inside: normalised float crops in, the raw output of every stack out."""

    def __init__(self, session: Session, output: str = "raw") -> None:
        super().__init__()
        self.session, self.output = session, output

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B S ..."]:
        """Run the session. UsageError where somebody wants gradients of it."""
        return torch.from_numpy(self._ask(images, np.ascontiguousarray(images.detach().numpy(), np.float32)))

    def _ask(self, images: Tensor, value: np.ndarray) -> np.ndarray:
        if images.requires_grad:
            raise UsageError("an exported network has no gradients", "Use the .safetensors file that it was exported from")
        (raw,) = self.session.run(value, [self.output])
        if not np.isfinite(raw).all():
            raise WeightsError("the exported network gives numbers that are not finite", "Export it again")
        return np.ascontiguousarray(raw, np.float32)


class PictureModel(RawModel):
    """An exported file that takes pixels: normalised crops are turned back to them, exactly where they came from 8-bit pictures."""

    def __init__(self, session: Session, shape: Sequence[int]) -> None:
        """`shape` is that of the raw output of one crop."""
        super().__init__(session)
        self.shape = tuple(shape)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B S ..."]:
        """Run the session. WeightsError where its answer has another shape than the card says."""
        pixels = (images.detach().permute(0, 2, 3, 1) * torch.tensor(DEVIATION) + torch.tensor(MEAN)) * 255
        raw = self._ask(images, pixels.round().clamp(0, 255).to(torch.uint8).numpy())
        if raw.shape != (len(images), *self.shape):
            raise WeightsError(f"the exported network gives shape {raw.shape}, not {(len(images), *self.shape)} as its card says", "Export it again")
        return torch.from_numpy(raw)
