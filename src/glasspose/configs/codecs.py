"""The codecs that a recipe can name: how keypoints become what a network learns, and come back. Nothing here imports torch."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from glasspose.configs.config import Config

Decoder = Literal["dark", "quarter", "argmax", "uvic", "uvic_flip"]


class _Codec(Config):
    head: ClassVar[Literal["maps", "vector"]] = "maps"
    """What it asks of the model."""
    unlabelled: Literal["mask", "zero"] = "mask"
    """Keypoints without a label: left out of the loss, or taught as absent, as some of the documents do."""
    occluded: Literal["learn", "mask"] = "learn"
    """Keypoints with a label that something hides: learnt like the others, or left out of the loss (training on visible keypoints alone)."""


class Heatmap(_Codec):
    """One map for each keypoint with a Gaussian of peak 1 at its place (Tompson et al. 2014; Newell et al. 2016)."""

    kind: Literal["heatmap"] = "heatmap"
    target: Literal["gaussian", "thesis"] = "gaussian"
    """`gaussian`: peak 1. `thesis`: sum 1, sigma 0.5 for visible and 1 for occluded keypoints, whatever `sigma` says (Copenhagen 2021)."""
    sigma: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of the Gaussian in heatmap pixels."""
    occluded_sigma: Annotated[float, Field(gt=0)] | None = None
    """The same for keypoints that something hides; `sigma` where not given."""
    centre: Literal["exact", "truncated"] = "exact"
    """`truncated`: Gaussians in the middle of the heatmap pixel that holds the keypoint, as Newell's code draws them."""
    loss: Literal["mse", "weighted_mse", "focal", "euclidean", "kl"] = "mse"
    """`weighted_mse` counts pixels of the target above zero `positive_weight` times; `focal` is CenterNet's (Zhou et al. 2019); `euclidean` is the
    root of the sum of squared differences over a map; `kl` is the sum of p (log p - log q) over a map, p the target divided by its sum, q the
    softmax of the output (p is even where the target is empty)."""
    activation: Literal["linear", "sigmoid"] = "linear"
    """What the losses of differences (mse, weighted_mse, euclidean) compare with the target: the output, or its sigmoid."""
    positive_weight: Annotated[float, Field(gt=0)] = 82.0
    decoder: Decoder = "dark"
    """`dark`: a Taylor step on the log of the smoothed map (Zhang et al., CVPR 2020); `quarter`: 1/4 pixel towards the higher neighbour;
    `argmax`: the middle of the highest pixel; `uvic`: as the UVic report (2021) does it, at the input's size, smoothed, the highest pixel, and no
    answer (score 0) where the heat is below 0.2; `uvic_flip`: the same, with a flip test that takes the mean of places, not of heat."""


class _WithPresence(_Codec):
    presence_weight: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the cross-entropy that teaches whether a keypoint is in the picture, beside the loss of its place."""


class _Vector(_WithPresence):
    head: ClassVar[Literal["maps", "vector"]] = "vector"
    presence: bool = True
    """One more number for each keypoint: whether it is in the picture. Without it, keypoints outside the input teach nothing."""


class _WithDistance(_WithPresence):
    distance: Literal["mse", "euclidean", "smooth_l1"] = "mse"
    """How the error of a place counts: mean square over x and y, length, or Huber's (quadratic up to 2 % of the side)."""


class Coordinates(_Vector, _WithDistance):
    """x and y of each keypoint as plain numbers (Toshev and Szegedy, CVPR 2014)."""

    kind: Literal["coordinates"] = "coordinates"
    output: Literal["linear", "relu"] = "linear"
    """`linear`: shares of the input's sides, 0 in the middle. `relu`: input pixels, never negative, as in Calvo and Cañadillas; the loss too."""


class Rle(_Vector):
    """Places with their spread, taught by residual log-likelihood estimation (Li et al., "Human Pose Regression with RLE", ICCV 2021)."""

    kind: Literal["rle"] = "rle"


class SoftArgmax(_WithDistance):
    """The expectation over a map, DSNT (Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018)."""

    kind: Literal["soft_argmax"] = "soft_argmax"
    regulariser: Literal["jensen_shannon", "kl", "none"] = "jensen_shannon"
    """Divergence of the map from a Gaussian around the keypoint."""
    regulariser_weight: Annotated[float, Field(ge=0)] = 1.0
    map_sigma: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of that Gaussian in pixels of the map."""


class SimCC(_Vector):
    """Two classifications for each keypoint, of its column and of its row (Li et al., "SimCC", ECCV 2022)."""

    kind: Literal["simcc"] = "simcc"
    split: Annotated[int, Field(ge=1, le=8)] = 2
    """Bins for one input pixel."""
    labels: Literal["gaussian", "smoothed"] = "gaussian"
    """`gaussian` around the exact place; `smoothed`: 0.9 for the nearest bin, 0.1 shared by all."""
    bin_sigma: Annotated[float, Field(gt=0)] = 6.0
    """Standard deviation of the Gaussian in bins."""


Codec = Annotated[Heatmap | Coordinates | Rle | SoftArgmax | SimCC, Field(discriminator="kind")]
"""Any codec."""
