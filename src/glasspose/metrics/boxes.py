"""Boxes as skeletons of two keypoints, opposite corners: how far the corners are off, and how much of both boxes is common."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import UsageError
from glasspose.metrics.averages import Share
from glasspose.metrics.significance import mean_interval

ENOUGH = 0.5
"""Of the intersection over union."""


@dataclass(frozen=True, kw_only=True)
class BoxScores:
    """Over the people with both corners labelled."""

    mse: Share
    """Mean square error of the four coordinates, in square pixels."""
    iou: Share
    """Mean intersection over union."""
    found: Share
    """Share of boxes whose intersection over union is at least a half."""
    n: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"mse": self.mse.to_json(), "iou": self.iou.to_json(), "iou@0.5": self.found.to_json(), "n": self.n}


def box_scores(
    predicted: Float[np.ndarray, "N 2 2"], truth: Float[np.ndarray, "N 2 2"], labelled: Bool[np.ndarray, "N 2"], image_ids: Int[np.ndarray, " N"]
) -> BoxScores:
    """Measure boxes given as two opposite corners, in any order. UsageError where people have another number of keypoints."""
    if predicted.shape[1:] != (2, 2) or predicted.shape != truth.shape:
        raise UsageError(f"boxes need two corners each, and the keypoints are {predicted.shape} and {truth.shape}", "Measure PCK")
    chosen = labelled.all(1)
    given, wanted, images = predicted[chosen], truth[chosen], image_ids[chosen]
    common = iou(given, wanted)

    def share(values: Float[np.ndarray, " n"]) -> Share:
        return Share(value=float(values.mean()) if len(values) else None, interval=mean_interval(values, groups=images))

    squares = np.square(given - wanted).mean((1, 2))
    return BoxScores(mse=share(squares), iou=share(common), found=share((common >= ENOUGH).astype(float)), n=int(chosen.sum()))


def iou(one: Float[np.ndarray, "N 2 2"], other: Float[np.ndarray, "N 2 2"]) -> Float[np.ndarray, " N"]:
    """Intersection over union of boxes given by opposite corners; 0 where both are without area."""
    low, high = one.min(1), one.max(1)
    lower, higher = other.min(1), other.max(1)
    common = np.prod(np.clip(np.minimum(high, higher) - np.maximum(low, lower), 0, None), axis=1)
    union = np.prod(high - low, axis=1) + np.prod(higher - lower, axis=1) - common
    found: np.ndarray = common / np.where(union > 0, union, 1.0)
    return found
