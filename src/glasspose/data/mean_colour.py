"""The mean colour of a dataset's crops, which the documents subtract from the input."""

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.configs.training import Packing
from glasspose.data.packing import cut_out, packable
from glasspose.errors import InputError
from glasspose.structures import Dataset


def mean_colour(dataset: Dataset, config: Packing) -> Float[np.ndarray, " 3"]:
    """Mean red, green and blue, 0 to 1, over the squares that `pack` would cut out, where they lie on the picture; every square weighs the same.

    InputError where nobody can be cut out, ImageError where a picture cannot be read.
    """
    square = config.model_copy(update={"context": 1.0})
    means = []
    for crop, matrix, (height, width) in cut_out(packable(dataset, square), square):
        inside = cv2.warpAffine(np.ones((height, width), np.uint8), matrix, crop.shape[1::-1], flags=cv2.INTER_NEAREST) > 0
        if inside.any():
            means.append(crop[inside].mean(0) / 255)
    if not means:
        raise InputError(f"nobody of {dataset.name} can be cut out", "Choose another --data.split or --framing")
    return np.asarray(np.mean(means, axis=0))
