"""The last layers of networks, which begin close to saying nothing: chance answers would cost the first epochs."""

from collections.abc import Mapping
from typing import TypeVar

from torch import nn

KEYPOINT_AXES: Mapping[str, tuple[int, ...]] = {"head.*": (0,), "keypoint_maps.*": (0,)}
"""Tensors whose entries along these axes belong to keypoints, so many numbers to each; models with further ones say so themselves."""
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def map_head(channels: int, outputs: int) -> nn.Conv2d:
    """Maps from features: a 1 x 1 convolution."""
    return _quiet(nn.Conv2d(channels, outputs, 1))


def vector_head(features: int, outputs: int) -> nn.Linear:
    """Numbers from features: a dense layer."""
    return _quiet(nn.Linear(features, outputs))


def _quiet(layer: Layer) -> Layer:
    nn.init.normal_(layer.weight, std=0.001)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
