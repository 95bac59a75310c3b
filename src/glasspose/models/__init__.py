"""Networks from normalised crops to the raw output of every stack. `build_model` makes one from its configuration."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from glasspose.configs.models import Model
from glasspose.models.deeppose import DeepPoseNetwork
from glasspose.models.hourglass import StackedHourglass
from glasspose.models.hrnet import HighResolutionNetwork
from glasspose.models.resnet import ResnetRegressor
from glasspose.models.simple_baseline import SimpleBaselineNetwork
from glasspose.models.thesis_hourglass import StackedThesisHourglass
from glasspose.models.unet import UnetNetwork
from glasspose.models.uvic_hourglass import StackedUvicHourglass

MODELS: Mapping[str, Callable[[Any, int], nn.Module]] = {
    "hourglass": StackedHourglass,
    "thesis_hourglass": StackedThesisHourglass,
    "uvic_hourglass": StackedUvicHourglass,
    "deeppose": DeepPoseNetwork,
    "simple_baseline": SimpleBaselineNetwork,
    "hrnet": HighResolutionNetwork,
    "unet": UnetNetwork,
}


def build_model(config: Model, outputs: int, keypoints: int = 1) -> nn.Module:
    """The network that the configuration describes, freshly initialised, with a head of `outputs` channels, as many for each keypoint.

    Every network gives (B, S, ...) and has `taps()`: the places, by name, that explanations look at.
    """
    return ResnetRegressor(config, outputs, keypoints) if config.kind == "resnet" else MODELS[config.kind](config, outputs)
