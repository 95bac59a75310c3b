"""An hourglass-like network whose keypoint can come through a skip, through the bottleneck, or through neither."""

import torch
from torch import nn
from torch.nn import functional

from dots_for_tests import COLOURS, DOTS, SIZE
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.network import PoseNetwork
from glasspose.structures import DEVIATION, MEAN


class Dots(nn.Module):
    """A map for each colour, a quarter of the picture's size: how close a pixel is to it."""

    def forward(self, images):
        pixels = images.permute(0, 2, 3, 1) * torch.tensor(DEVIATION) + torch.tensor(MEAN)
        colours = torch.tensor(list(COLOURS.values())) / 255
        near = (1 - 2 * (pixels[:, None] - colours[:, None, None]).norm(dim=-1)).clamp_min(0)
        return functional.avg_pool2d(near, 4)


class TwoPaths(nn.Module):
    """`by` says which paths carry the maps: "skip0" is the one that is read unless only the bottleneck is; "skip1" is never read."""

    def __init__(self, by):
        super().__init__()
        self.dots, self.by = Dots(), by
        self.skip0, self.skip1, self.bottleneck = nn.Identity(), nn.Identity(), nn.Identity()

    def forward(self, images):
        maps = self.dots(images)
        carried = self.skip0(maps) if self.by == "skip" else 0 * self.skip0(maps) + self.bottleneck(maps)
        return (carried + 0 * self.skip1(maps))[:, None]

    def taps(self):
        return {"stack0.skip0": self.skip0, "stack0.skip1": self.skip1, "stack0.bottleneck": self.bottleneck}


def two_paths(by="skip"):
    network = PoseNetwork(Hourglass(input_size=SIZE, channels=8, depth=1, stacks=1), Heatmap(), DOTS)
    network.model = TwoPaths(by)
    return network.eval()
