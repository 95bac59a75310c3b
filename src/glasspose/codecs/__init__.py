"""Codecs pair how keypoints are taught with how they are read off. `build_codec` makes one from its configuration."""

from collections.abc import Callable, Mapping
from typing import Any

from glasspose.codecs.codec import STRIDE, Codec
from glasspose.codecs.coordinates import CoordinateCodec
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.codecs.rle import RleCodec
from glasspose.codecs.simcc import SimCCCodec
from glasspose.codecs.soft_argmax import SoftArgmaxCodec
from glasspose.configs.codecs import Codec as CodecConfig
from glasspose.skeletons import Skeleton

CODECS: Mapping[str, Callable[[Any, int, tuple[int, int], int], Codec]] = {
    "heatmap": HeatmapCodec,
    "coordinates": CoordinateCodec,
    "rle": RleCodec,
    "soft_argmax": SoftArgmaxCodec,
    "simcc": SimCCCodec,
}


def build_codec(config: CodecConfig, skeleton: Skeleton, input_size: tuple[int, int], stride: int = STRIDE) -> Codec:
    """The codec for one skeleton, one input size (height, width) and maps of which a pixel is `stride` input pixels wide."""
    return CODECS[config.kind](config, len(skeleton), input_size, stride)
