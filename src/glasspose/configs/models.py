"""The models that a recipe can name, with every option. Nothing here imports torch."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from glasspose.configs.config import Config


class _Model(Config):
    head: ClassVar[Literal["maps", "vector"]] = "maps"
    """What it gives: the codec has to ask for the same."""
    input_size: tuple[int, int] = (256, 256)
    """(height, width) of the network's input in pixels; hourglasses need multiples of 2^(depth + 2)."""

    @property
    def stride(self) -> int:
        """Input pixels for one pixel of the maps."""
        return 4


class Autoencoder(Config):
    """A narrow place in the middle of an hourglass, after its last bottleneck residual."""

    code: Annotated[int, Field(ge=1, le=4096)] = 50
    """Numbers that the whole bottleneck is squeezed through."""
    linear: bool = False
    """One matrix down and one up, as PCA would do it, instead of convolutions with ReLU."""
    output_relu: bool = False
    """ReLU after the last layer as well, as in the original; what is to be rebuilt has negative values, which it can then never reach."""


class _Hourglass(_Model):
    stacks: Annotated[int, Field(ge=1, le=16)] = 2
    """Hourglasses in a row, each supervised."""
    channels: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 256
    """Width of the network at the heatmaps' resolution."""
    depth: Annotated[int, Field(ge=1, le=6)] = 4
    """How often an hourglass halves the resolution."""
    skips: bool = True
    """Connections from the way down to the way up at every resolution; without them all passes through the bottleneck."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        step = self.stride * 2**self.depth
        if any(side <= 0 or side % step for side in self.input_size):
            power = "2^(depth + 2)" if self.stride == 4 else f"{self.stride} x 2^depth"
            raise ValueError(f"input_size {self.input_size} must be multiples of {power} = {step}")
        return self


class _Squeezed(_Hourglass):
    autoencoder: Autoencoder | None = None
    """A narrow place in the middle of every hourglass; `autoencoder_training` of the recipe can teach it alone first."""


class Hourglass(_Squeezed):
    """Stacked hourglass (Newell et al., ECCV 2016)."""

    kind: Literal["hourglass"] = "hourglass"
    residuals: Annotated[int, Field(ge=1, le=8)] = 1
    """Residual modules at each position."""
    level_channels: tuple[int, ...] | None = None
    """Widths at the lower resolutions, one for each level; the same as `channels` where not given."""

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        if self.level_channels is not None and (len(self.level_channels) != self.depth or any(c < 8 or c % 2 for c in self.level_channels)):
            raise ValueError(f"level_channels needs {self.depth} even widths of 8 or more, one for each level")
        return self


class ThesisHourglass(_Squeezed):
    """The hourglass of a bachelor's thesis (Copenhagen 2021): 3 x 3 skips in every residual, a stem of full width, three bottleneck residuals."""

    kind: Literal["thesis_hourglass"] = "thesis_hourglass"


class UvicHourglass(_Hourglass):
    """The stacked hourglass of the University of Victoria's COCO project: convolution, ReLU, then batch norm; its own depth is 3."""

    kind: Literal["uvic_hourglass"] = "uvic_hourglass"
    separable: bool = False
    """Depthwise and pointwise convolutions in every residual (its "mobile" variant)."""
    output: Literal["linear", "sigmoid", "relu"] = "linear"
    """What the heads end in; its best run had sigmoid."""
    output_stride: Annotated[int, Field(ge=2, le=8)] = 4
    """Input pixels for one pixel of the maps, 2, 4 or 8: how much smaller than the input they are."""

    @model_validator(mode="after")
    def _stride_is_a_power_of_two(self) -> Self:
        if self.output_stride not in (2, 4, 8):
            raise ValueError(f"output_stride {self.output_stride} must be 2, 4 or 8")
        return self

    @property
    def stride(self) -> int:
        """Input pixels for one pixel of the maps."""
        return self.output_stride


class _Plain(_Model):
    step: ClassVar[int] = 32
    """Both sides of the input are multiples of this."""

    @model_validator(mode="after")
    def _input_fits(self) -> Self:
        if any(side < 32 or side % self.step for side in self.input_size):
            raise ValueError(f"input_size {self.input_size} must be multiples of {self.step}, 32 or more")
        return self


class _WithDense(_Plain):
    dense: Annotated[int, Field(ge=0, le=16384)] = 4096
    """Width of the dense layer (of both, in deeppose) before the output; 0: none."""


class DeepPose(_WithDense):
    """A network like AlexNet (DeepPose, Toshev and Szegedy, CVPR 2014), as Calvo and Cañadillas built it; their input is 220 x 220."""

    kind: Literal["deeppose"] = "deeppose"
    head: ClassVar[Literal["maps", "vector"]] = "vector"
    step: ClassVar[int] = 4
    scaling: bool = True
    """Pixels between 0 and 1; without it the network sees them between 0 and 255."""
    widths: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    """Filters of the five convolutions."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.6

    @model_validator(mode="after")
    def _widths_fit(self) -> Self:
        if not all(0 < width <= 4096 for width in self.widths):
            raise ValueError(f"widths {self.widths} must be 1 to 4096")
        return self


class _WithPretrained(_Plain):
    pretrained: bool = False
    """Begin with timm's weights for ImageNet: those on this machine, or fetched once with `train --download`."""


class _WithResnet(_WithPretrained):
    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnetv2_50", "resnetv2_101"] = "resnetv2_50"
    """timm's network of this name."""


class Resnet(_WithResnet, _WithDense):
    """A residual network from timm with a vector as answer (Calvo and Cañadillas; with SimCC also Li et al., ECCV 2022)."""

    kind: Literal["resnet"] = "resnet"
    head: ClassVar[Literal["maps", "vector"]] = "vector"
    step: ClassVar[int] = 4
    readout: Literal["pooled", "per_keypoint"] = "pooled"
    """`pooled`: the mean over all places, then the dense layer. `per_keypoint`: one map for each keypoint and one layer that reads every map,
    as SimCC does it; `dense` is not used."""


class SimpleBaseline(_WithResnet):
    """A residual network and three transposed convolutions (Xiao et al., ECCV 2018, who take resnet50)."""

    kind: Literal["simple_baseline"] = "simple_baseline"
    deconvolution: Annotated[int, Field(ge=8, le=1024)] = 256
    """Channels of the transposed convolutions."""


class Hrnet(_WithPretrained):
    """High resolution throughout (Sun et al., CVPR 2019), timm's; the map is read off its finest branch, as in the paper."""

    kind: Literal["hrnet"] = "hrnet"
    version: Literal["hrnet_w18_small", "hrnet_w18", "hrnet_w32", "hrnet_w48"] = "hrnet_w32"
    """timm's network of this name."""


class Unet(_Plain):
    """A small U-Net (Ronneberger et al., MICCAI 2015) behind a stem that quarters the resolution."""

    kind: Literal["unet"] = "unet"
    width: Annotated[int, Field(ge=4, le=512)] = 64
    """Channels at the maps' resolution, doubled at every lower one."""
    levels: Annotated[int, Field(ge=1, le=5)] = 3
    """How often the resolution is halved; the input has to be a multiple of 2^(levels + 2)."""

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        if any(side % 2 ** (self.levels + 2) for side in self.input_size):
            raise ValueError(f"input_size {self.input_size} must be multiples of 2^(levels + 2) = {2 ** (self.levels + 2)}")
        return self


Model = Annotated[
    Hourglass | ThesisHourglass | UvicHourglass | DeepPose | Resnet | SimpleBaseline | Hrnet | Unet,
    Field(discriminator="kind"),
]
"""Any model."""
