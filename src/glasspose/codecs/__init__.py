"""Codecs pair how keypoints are taught with how they are read off. `build_codec` makes one from its configuration."""

from glasspose.codecs.codec import Codec
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.codecs import Codec as CodecConfig
from glasspose.skeletons import Skeleton


def build_codec(config: CodecConfig, skeleton: Skeleton, input_size: tuple[int, int]) -> Codec:
    """The codec for one skeleton and one input size (height, width)."""
    return HeatmapCodec(config, len(skeleton), input_size)
