"""The plain way to predict: one picture, one crop, one map after the other. The same weights, the same two passes, the same flip test."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from glasspose.benchmarks import peers
from glasspose.geometry import invert, transform, warp
from glasspose.prediction import Crop, Predictor
from glasspose.structures import DEVIATION, MEAN


class OneByOne(Predictor):
    """A predictor whose network sees one crop at a time and whose maps are decoded one at a time."""

    def _ask(self, crops: Sequence[Crop]) -> tuple[Float[np.ndarray, "n K 2"], Float[np.ndarray, "n K"]]:
        answers = [self._crop(crop) for crop in crops]
        return np.stack([places for places, _ in answers]), np.stack([scores for _, scores in answers])

    def _crop(self, crop: Crop) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, " K"]]:
        size = self.network.input_size
        matrix = crop.matrix(size)
        levels = warp(crop.image, matrix, size).astype(np.float32) / 255
        picture = np.ascontiguousarray(((levels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)).transpose(2, 0, 1))
        x = torch.from_numpy(picture)[None]
        with torch.no_grad():
            maps = self.network.model(x)[0, -1].numpy()
            if self.flip_test:
                mirrored = self.network.model(x.flip(-1))[0, -1].numpy()
                maps = (maps + peers.flip_back(mirrored, list(self.skeleton.pairs))) / 2
        places = (peers.dark(maps) + 0.5) * 4 - 0.5
        return transform(places, invert(matrix)), np.clip(maps.max((1, 2)), 0, 1)
