"""The codecs that a recipe can name: how keypoints become what a network learns, and come back. Nothing here imports torch."""

from typing import Annotated, Literal

from pydantic import Field

from glasspose.configs.config import Config


class _Codec(Config):
    unlabelled: Literal["mask", "zero"] = "mask"
    """Keypoints without a label: left out of the loss, or taught as absent, as some of the documents do."""
    occluded: Literal["learn", "mask"] = "learn"
    """Keypoints with a label that something hides: learnt like the others, or left out of the loss (training on visible keypoints alone)."""


class Heatmap(_Codec):
    """One map for each keypoint with a Gaussian of peak 1 at its place (Tompson et al. 2014; Newell et al. 2016)."""

    kind: Literal["heatmap"] = "heatmap"
    sigma: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of the Gaussian in heatmap pixels."""
    loss: Literal["mse", "weighted_mse", "focal"] = "mse"
    """`weighted_mse` counts pixels of the target above zero `positive_weight` times; `focal` is CenterNet's (Zhou et al. 2019)."""
    positive_weight: Annotated[float, Field(gt=0)] = 82.0
    decoder: Literal["dark", "quarter", "argmax"] = "dark"
    """`dark`: a Taylor step on the log of the smoothed map (Zhang et al., CVPR 2020); `quarter`: 1/4 pixel towards the higher neighbour."""


Codec = Heatmap
"""Any codec; more become a union discriminated by `kind`."""
