"""A network whose answer is known: each keypoint is the middle of the dots of one colour."""

import cv2
import numpy as np
import torch
from torch import nn

from glasspose.calibration import Calibration
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.network import PoseNetwork
from glasspose.prediction import Predictor
from glasspose.skeletons import Skeleton
from glasspose.structures import DEVIATION, MEAN

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "magenta": (255, 0, 255), "cyan": (0, 255, 255)}
DOTS = Skeleton(name="dots", keypoints=tuple(COLOURS), limbs=((0, 1), (2, 3)), sigmas=(0.05,) * 6, torso=(0, 5), head=(0, 1))
"""Without left and right, so that a mirrored dot is the same dot."""
GREY = (124, 116, 104)
SIZE = (128, 128)


class DotFinder(nn.Module):
    """Two stacks of maps: a Gaussian in the middle of each colour, as high as `strength` says; empty where the colour is missing."""

    def __init__(self, codec, strength):
        super().__init__()
        self.codec, self.asked, self.shift = codec, [], torch.zeros(2)
        self.register_buffer("strength", torch.tensor(strength))
        self.register_buffer("colours", torch.tensor(list(COLOURS.values()), dtype=torch.float32))

    def forward(self, images):
        self.asked.append(len(images))
        pixels = (images.permute(0, 2, 3, 1) * torch.tensor(DEVIATION) + torch.tensor(MEAN)) * 255
        reach = 0.9 * (self.colours - torch.tensor(GREY)).norm(dim=1)
        weight = (1 - (pixels[:, None] - self.colours[:, None, None]).norm(dim=-1) / reach[:, None, None]).clamp_min(0)
        weight = torch.where(weight > 0.1, weight, 0)
        total = weight.sum((-2, -1))
        rows, columns = (torch.arange(n, dtype=torch.float32) for n in images.shape[-2:])
        x, y = (weight.sum(-2) * columns).sum(-1), (weight.sum(-1) * rows).sum(-1)
        middle = torch.stack([x, y], -1) / total.clamp_min(1e-6)[..., None] + self.shift
        maps = self.codec.encode(middle, total > 0.5) * self.strength[:, None, None]
        return torch.stack([0.5 * maps, maps], 1)


def dot_network(strength=(1.0,) * 6):
    network = PoseNetwork(Hourglass(input_size=SIZE, channels=8, depth=1, stacks=2), Heatmap(), DOTS)
    network.model = DotFinder(network.codec, strength)
    return network.eval()


def dot_predictor(strength=(1.0,) * 6, **options):
    return Predictor(dot_network(strength), Calibration(seen=(0.3,) * 6, person=0.3), device="cpu", **{"flip_test": False, **options})


def dot_picture(keypoints, size=(200, 300), radius=7.0, missing=()):
    """RGB, with a dot at each of the keypoints (6, 2) but the missing ones."""
    picture = np.full((*size, 3), GREY, np.uint8)
    for k, ((x, y), colour) in enumerate(zip(keypoints, COLOURS.values(), strict=True)):
        if k not in missing:
            cv2.circle(picture, (round(x * 16), round(y * 16)), round(radius * 16), colour, -1, cv2.LINE_AA, 4)
    return picture


FIGURE = np.array([[60.0, 30.0], [90.5, 60.25], [55.0, 90.0], [100.0, 95.5], [62.0, 150.0], [95.75, 145.0]])
"""Six places in a picture of 200 x 300 that stand well apart."""


def moved(right, down=0.0):
    return FIGURE + np.array([right, down])
