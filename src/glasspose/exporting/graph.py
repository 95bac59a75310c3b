"""The graph that is shipped: 8-bit pictures in, keypoints out, with everything between them inside."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from glasspose.network import PoseNetwork
from glasspose.structures import DEVIATION, MEAN

Outputs = tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"], Float[Tensor, "B K h w"], Float[Tensor, "B S ..."]]


class Pipeline(nn.Module):
    """RGB crops to keypoints in input pixels, scores, the maps of the last stack, and the raw output of every stack.

    With `flip_test` keypoints, scores and maps are those of the average with the mirrored crop; `raw` is always that of the crop itself.
    """

    factor: Tensor
    shift: Tensor

    def __init__(self, network: PoseNetwork, *, flip_test: bool = False) -> None:
        super().__init__()
        self.model, self.reading = network.model, Reading(network)
        self.flip_test = flip_test and network.skeleton.mirrors
        self.register_buffer("factor", 1 / (255 * torch.tensor(DEVIATION)), persistent=False)
        self.register_buffer("shift", -torch.tensor(MEAN) / torch.tensor(DEVIATION), persistent=False)

    def forward(self, images: UInt8[Tensor, "B H W 3"]) -> Outputs:
        """What `PoseNetwork.keypoints` says of the same crops, normalised."""
        crops = (images.to(torch.float32) * self.factor + self.shift).permute(0, 3, 1, 2)
        raw = self.model(crops)
        mirrored = self.model(crops.flip(-1)) if self.flip_test else None
        return (*self.reading(raw, mirrored), raw)


class Reading(nn.Module):
    """Raw outputs to keypoints. A module of its own, so that its operators have names of their own and quantisation can leave them out."""

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.codec, self.flip = network.codec, list(network.skeleton.flip)

    def forward(
        self, raw: Float[Tensor, "B S ..."], mirrored: Float[Tensor, "B S ..."] | None
    ) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"], Float[Tensor, "B K h w"]]:
        """Keypoints in input pixels, scores and maps, of the last stack."""
        views = [self.codec.activate(raw[:, -1:])]
        if mirrored is not None:
            views.append(self.codec.mirrored(self.codec.activate(mirrored[:, -1:]), self.flip))
        keypoints, scores = self.codec.agreed([view[:, 0] for view in views])
        answer = views[0] if mirrored is None else (views[0] + views[1]) / 2
        return keypoints, scores, self.codec.maps(answer)[:, 0]
