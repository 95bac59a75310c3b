"""A network that turns a stick figure: by what its bottleneck says, or by what its skip says. The picture's red says by how much."""

import numpy as np
import torch
from torch import nn

from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.explain.sample import Sample
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

SIZE = (64, 64)
FIGURE = np.array(
    [[-6, 24], [-6, 14], [-4, 3], [4, 3], [6, 14], [6, 24], [-10, 2], [-10, -5], [-6, -12], [6, -12], [10, -5], [10, 2], [0, -14], [0, -22]],
    np.float32,
)
"""Upright, around the origin, in the order of LSP's keypoints."""


class Turning(nn.Module):
    """`by`: "bottleneck" or "skip", whichever is read. Both say the colours of the picture's 4 x 4 parts; the mean red turns."""

    def __init__(self, codec, by):
        super().__init__()
        self.codec, self.by = codec, by
        self.bottleneck, self.skip = nn.Identity(), nn.Identity()

    def forward(self, images):
        said = torch.nn.functional.adaptive_avg_pool2d(images, 4)
        low, high = self.bottleneck(said), self.skip(said)
        turn = (low if self.by == "bottleneck" else high)[:, 0].mean((1, 2))
        cos, sin = torch.cos(turn), torch.sin(turn)
        places = torch.from_numpy(FIGURE)
        x = cos[:, None] * places[:, 0] - sin[:, None] * places[:, 1]
        y = sin[:, None] * places[:, 0] + cos[:, None] * places[:, 1]
        keypoints = 0.9 * torch.stack([x, y], -1) + 31.5
        return self.codec.drawn(keypoints, torch.ones(keypoints.shape[:2], dtype=torch.bool))[:, None]

    def taps(self):
        return {"stack0.skip0": self.skip, "stack0.bottleneck": self.bottleneck}


def turning(by="bottleneck"):
    network = PoseNetwork(Hourglass(input_size=SIZE, channels=8, depth=1, stacks=1), Heatmap(), LSP)
    network.model = Turning(network.codec, by)
    return network.eval()


class Person:
    """As much of an annotation as samples need here."""

    def __init__(self, image_id):
        self.image_id = image_id


def coloured_sample(n=60, seed=0):
    """Pictures of 4 x 4 plain parts: their mean red leans the figure by 50 to 90 degrees; all else is random."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(100, 140, (n, 4, 4, 3))
    colours[..., 0] = rng.uniform(175, 215, (n, 1, 1)) + rng.uniform(-10, 10, (n, 4, 4))
    pixels = colours.astype(np.uint8).repeat(SIZE[0] // 4, 1).repeat(SIZE[1] // 4, 2)
    return Sample(
        name="colours",
        sha256="0" * 64,
        skeleton=LSP,
        pixels=pixels,
        keypoints=np.tile(FIGURE.astype(np.float64) + 31.5, (n, 1, 1)),
        labelled=np.ones((n, 14), bool),
        occluded=np.zeros((n, 14), bool),
        torso=np.full(n, 20.0),
        image_to_input=np.tile(np.eye(2, 3), (n, 1, 1)),
        people=[Person(i) for i in range(n)],
    )
