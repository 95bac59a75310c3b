"""What the layers of a network make of one picture: the liveliest channels at each of its taps."""

import math

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.attribution.taps import recorded
from glasspose.drawing import contact_sheet, heat
from glasspose.geometry import warp
from glasspose.prediction import Predictor
from glasspose.structures import Image

CHANNELS = 8
"""Shown of each tap: those that vary most from place to place."""
CELL = 128


def layer_picture(predictor: Predictor, image: Image) -> Image:
    """The crop that the network saw, then a row for each of its taps, in their order. Each map goes from its least to its most.

    Where a tap gives a list of numbers, such as a code, the row is one cell with all of them.
    """
    network = predictor.network
    taps = network.model.taps()  # type: ignore[operator]
    mirrored, predictor.flip_test = predictor.flip_test, False  # so that the last forward pass is that of the picture itself
    try:
        with recorded(taps) as found:
            _, crop = predictor.heatmaps(image)
    finally:
        predictor.flip_test = mirrored
    rows = [[(warp(image, crop.matrix(network.input_size), network.input_size), "input")]]
    rows += [_row(name, found[name][0].float().cpu().numpy()) for name in taps if name in found]
    blank = (np.full((CELL, CELL, 3), 255, np.uint8), "")
    cells = [cell for row in rows for cell in row + [blank] * (CHANNELS - len(row))]
    return contact_sheet([picture for picture, _ in cells], [caption for _, caption in cells], CHANNELS, CELL)


def _row(name: str, values: Float[np.ndarray, "*any"]) -> list[tuple[Image, str]]:
    """The cells of one tap and their captions."""
    if values.ndim != 3:
        flat = values.ravel()
        side = math.ceil(math.sqrt(flat.size))
        return [(_cell(np.pad(flat, (0, side * side - flat.size), constant_values=flat.min()).reshape(side, side)), f"{name}, {flat.size}")]
    lively = np.argsort(-values.std((1, 2)), kind="stable")[:CHANNELS]
    return [(_cell(values[channel]), f"{name} {channel}") for channel in lively]


def _cell(values: Float[np.ndarray, "h w"]) -> Image:
    """One map, its pixels as squares."""
    low, high = float(values.min()), float(values.max())
    scale = CELL / max(values.shape)
    size = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
    return np.asarray(cv2.resize(heat((values - low) / ((high - low) or 1.0)), size, interpolation=cv2.INTER_NEAREST))
