"""Every model and every codec, small enough to train a step in a test."""

import torch

from glasspose.configs.codecs import Coordinates, Heatmap, Rle, SimCC, SoftArgmax
from glasspose.configs.models import Autoencoder, DeepPose, Hourglass, Hrnet, Resnet, SimpleBaseline, ThesisHourglass, Unet, UvicHourglass
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

SIZE = (64, 96)
MODELS = {
    "hourglass": Hourglass(input_size=SIZE, channels=16, depth=2, stacks=1),
    "hourglass without skips": Hourglass(input_size=SIZE, channels=16, depth=2, stacks=1, skips=False),
    "thesis_hourglass": ThesisHourglass(input_size=SIZE, channels=16, depth=2, stacks=1),
    "thesis_hourglass with autoencoder": ThesisHourglass(input_size=SIZE, channels=16, depth=2, stacks=1, autoencoder=Autoencoder(code=6)),
    "uvic_hourglass": UvicHourglass(input_size=SIZE, channels=16, depth=2, stacks=1),
    "uvic_hourglass, separable": UvicHourglass(input_size=SIZE, channels=16, depth=2, stacks=1, separable=True),
    "uvic_hourglass, larger maps": UvicHourglass(input_size=SIZE, channels=16, depth=2, stacks=1, output_stride=2),
    "uvic_hourglass, smaller maps": UvicHourglass(input_size=SIZE, channels=16, depth=2, stacks=1, output_stride=8),
    "deeppose": DeepPose(input_size=SIZE, widths=(8, 8, 8, 8, 8), dense=32),
    "deeppose unscaled": DeepPose(input_size=SIZE, widths=(8, 8, 8, 8, 8), dense=32, scaling=False),
    "resnet": Resnet(input_size=SIZE, backbone="resnet18", dense=16),
    "resnet without dense": Resnet(input_size=SIZE, backbone="resnet18", dense=0),
    "resnet per keypoint": Resnet(input_size=SIZE, backbone="resnet18", readout="per_keypoint"),
    "simple_baseline": SimpleBaseline(input_size=SIZE, backbone="resnet18", deconvolution=16),
    "hrnet": Hrnet(input_size=SIZE, version="hrnet_w18_small"),
    "unet": Unet(input_size=SIZE, width=8, levels=2),
}
"""resnetv2 is not among them: its smallest has 24 million parameters; it has a slow test of its own in models/test_models_contract.py."""
CODECS = {
    "heatmap": Heatmap(),
    "coordinates": Coordinates(),
    "coordinates of the document": Coordinates(output="relu", presence=False),
    "coordinates, euclidean": Coordinates(distance="euclidean"),
    "coordinates, smooth_l1": Coordinates(distance="smooth_l1"),
    "rle": Rle(),
    "rle without presence": Rle(presence=False),
    "soft_argmax": SoftArgmax(),
    "soft_argmax, kl": SoftArgmax(regulariser="kl", distance="euclidean"),
    "soft_argmax, none": SoftArgmax(regulariser="none"),
    "simcc": SimCC(),
    "simcc, smoothed": SimCC(labels="smoothed", presence=False),
    "simcc without presence": SimCC(split=1, presence=False, bin_sigma=3.0),
}
PAIRS = [(m, c) for m, model in MODELS.items() for c, codec in CODECS.items() if model.head == codec.head]
FULL = [pair for pair in PAIRS if pair[0] in ("unet", "deeppose") or pair[1] in ("heatmap", "coordinates", "simcc", "soft_argmax")]
"""Of the pairs, those that show something new: every codec on a fast model, every model with a codec of its kind."""


def tiny(model, codec, skeleton=LSP, seed=0):
    torch.manual_seed(seed)
    return PoseNetwork(MODELS[model], CODECS[codec], skeleton)


def people(count=4, keypoints=14, size=SIZE, seed=0):
    """Images, keypoints, and which are labelled; one keypoint lies outside."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand((count, keypoints, 2), generator=generator) * torch.tensor([size[1] - 20.0, size[0] - 20.0]) + 10
    places[0, 0] = -1e4
    labelled = torch.ones((count, keypoints), dtype=torch.bool)
    labelled[1, 1] = False
    return torch.randn((count, 3, *size), generator=generator), places, labelled
