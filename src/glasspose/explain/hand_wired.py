"""Networks whose reasons are known because nobody trained them, and pictures for them: what `context` and `stress` must find, and must not.

`finder`: each keypoint is the middle of the dots of one colour, or, if `copied`, the last one is placed by the first one's dot. `placer`: the
places are fixed, and what decides which side is left is the background, a watermark, which corner a watermark is in, or nothing.
Letters: B batch, N pictures, K keypoints, H W input.
"""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasspose.codecs.codec import Codec
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.explain.sample import Sample
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton
from glasspose.structures import DEVIATION, MEAN, Annotation

SIDE = 96
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
DOTS = Skeleton(name="dots", keypoints=("red", "green", "blue", "yellow", "magenta"), limbs=((0, 2), (1, 2)), sigmas=(0.07,) * 5)
PLACES = np.array([[22.0, 22.0], [73.0, 24.0], [47.0, 49.0], [24.0, 73.0], [72.0, 71.0]])
COPIED = PLACES[4] - PLACES[0]
"""Where the copied keypoint lies, seen from the dot that places it."""
SIDED = Skeleton(
    name="sided", keypoints=("left_hand", "right_hand", "left_foot", "right_foot"), pairs=((0, 1), (2, 3)), limbs=((0, 2), (1, 3)), sigmas=(0.07,) * 4
)
FIXED = np.array([[28.0, 28.0], [67.0, 28.0], [28.0, 67.0], [67.0, 67.0]])
DARK, BRIGHT, BETWEEN = 60, 190, 110
Decider = Literal["nothing", "background", "watermark", "corner"]


class Finder(nn.Module):
    """One stack of maps: a Gaussian in the middle of each colour, empty where the colour is missing."""

    def __init__(self, codec: Codec, *, copied: bool) -> None:
        super().__init__()
        self.codec, self.copied = codec, copied

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 K h w"]:
        """The maps."""
        pixels = _levels(images).permute(0, 2, 3, 1)
        near = 1 - (pixels[:, None] - torch.tensor(COLOURS, dtype=torch.float32)[:, None, None]).norm(dim=-1) / 110
        weight = near.clamp_min(0)
        total = weight.sum((-2, -1))
        rows, columns = (torch.arange(n, dtype=torch.float32) for n in images.shape[-2:])
        middle = torch.stack([(weight.sum(-2) * columns).sum(-1), (weight.sum(-1) * rows).sum(-1)], -1) / total.clamp_min(1e-6)[..., None]
        if self.copied:
            middle = torch.cat([middle[:, :-1], middle[:, :1] + torch.tensor(COPIED, dtype=torch.float32)], 1)
            total = torch.cat([total[:, :-1], total[:, :1]], 1)
        return self.codec.drawn(middle, total > 0.5)[:, None]


class Placer(nn.Module):
    """One stack of maps that do not look at the person at all."""

    def __init__(self, codec: Codec, decided_by: Decider) -> None:
        super().__init__()
        self.codec, self.decided_by = codec, decided_by

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 K h w"]:
        """The maps; left and right change places where the decider says so."""
        light = _levels(images).mean(1)
        left, right = (corner.mean((-2, -1)) for corner in (light[:, 2:10, 2:10], light[:, 2:10, -10:-2]))
        said = {
            "nothing": torch.zeros_like(left),
            "background": (light[:, :6].mean((-2, -1)) + light[:, -6:].mean((-2, -1))) / 2 - BETWEEN,
            "watermark": left - 0.5 * (DARK + 255),
            "corner": left - right,
        }[self.decided_by]
        own, other = (torch.tensor(FIXED[order], dtype=torch.float32) for order in ([0, 1, 2, 3], [1, 0, 3, 2]))
        places = torch.where((said > 0)[:, None, None], other, own)
        return self.codec.drawn(places, torch.ones(places.shape[:2], dtype=torch.bool))[:, None]


def _levels(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (images * deviation + mean) * 255


def _around(skeleton: Skeleton) -> PoseNetwork:
    return PoseNetwork(Hourglass(input_size=(SIDE, SIDE), channels=8, depth=1, stacks=1), Heatmap(), skeleton).eval()


def finder(*, copied: bool = False) -> PoseNetwork:
    """Keypoints by their own dots; the last by the first one's dot if `copied`."""
    network = _around(DOTS)
    network.model = Finder(network.codec, copied=copied)
    return network.eval()


def placer(decided_by: Decider = "nothing") -> PoseNetwork:
    """Fixed places whose sides something else decides."""
    network = _around(SIDED)
    network.model = Placer(network.codec, decided_by)
    return network.eval()


def dotted(n: int, seed: int = 0) -> Sample:
    """Dots on noise, each figure a little elsewhere."""
    rng = np.random.default_rng(seed)
    keypoints = PLACES + rng.uniform(-4, 4, (n, 1, 2)) + rng.uniform(-1, 1, (n, len(PLACES), 2))
    pixels = rng.normal(90, 8, (n, SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
    for picture, figure in zip(pixels, keypoints, strict=True):
        for (x, y), colour in zip(figure, COLOURS, strict=True):
            cv2.circle(picture, (round(x * 16), round(y * 16)), 3 * 16, colour, -1, cv2.LINE_AA, 4)
    return _sample(pixels, keypoints, DOTS)


def sided(n: int, decided_by: Decider = "nothing", seed: int = 0) -> Sample:
    """Noise; in half of the pictures the background is bright, or a white square stands in the upper left corner (else in the right one)."""
    rng = np.random.default_rng(seed)
    flagged = rng.permutation(n) % 2 == 0
    levels = np.where(flagged & (decided_by == "background"), BRIGHT, DARK)
    pixels = (levels[:, None, None, None] + rng.normal(0, 6, (n, SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)
    if decided_by in ("watermark", "corner"):
        pixels[flagged, 1:11, 1:11] = 255
    if decided_by == "corner":
        pixels[~flagged, 1:11, -11:-1] = 255
    pixels[:, 24:72, 24:72] = rng.integers(0, 255, (n, 12, 12, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    swapped = FIXED[[1, 0, 3, 2]]
    keypoints = np.where((flagged & (decided_by != "nothing"))[:, None, None], swapped, FIXED)
    return _sample(pixels, keypoints, SIDED)


def _sample(pixels: np.ndarray, keypoints: np.ndarray, skeleton: Skeleton) -> Sample:
    count, known = len(pixels), np.ones(len(skeleton), bool)
    box = np.array([0.0, 0.0, SIDE, SIDE])
    people = [
        Annotation(image=Path(), keypoints=own, labelled=known, occluded=~known, box=box, area=1.0, image_id=i, person_id=i)
        for i, own in enumerate(keypoints)
    ]
    return Sample(
        name=skeleton.name,
        sha256="made to order",
        skeleton=skeleton,
        pixels=pixels,
        keypoints=keypoints,
        labelled=np.ones((count, len(skeleton)), bool),
        occluded=np.zeros((count, len(skeleton)), bool),
        torso=np.full(count, 40.0),
        image_to_input=np.tile(np.eye(2, 3), (count, 1, 1)),
        people=people,
    )
