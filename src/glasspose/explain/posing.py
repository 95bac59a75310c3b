"""Skeletons in figures of explanations: over a crop, on white, and as thumbnails on a plot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.drawing import draw_poses, enlarged
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

SIDE = 256
"""Small crops are enlarged to about so many pixels before lines are drawn on them."""


def over(crop: Image, keypoints: Float[np.ndarray, "K 2"], skeleton: Skeleton) -> Image:
    """One pose over the crop that its keypoints are pixels of."""
    factor = max(1, SIDE // max(crop.shape[:2]))
    pixels = enlarged(crop, factor) if factor > 1 else crop
    count = len(skeleton)
    poses = Poses(
        keypoints=(keypoints[None] + 0.5) * factor - 0.5,
        scores=np.ones((1, count)),
        seen=np.ones((1, count), bool),
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=skeleton,
        size=(pixels.shape[0], pixels.shape[1]),
    )
    return draw_poses(pixels, poses)


def on_white(keypoints: Float[np.ndarray, "K 2"], skeleton: Skeleton, size: tuple[int, int]) -> Image:
    """One pose on an empty sheet of the input's size."""
    return over(np.full((*size, 3), 255, np.uint8), keypoints, skeleton)


def greyed(picture: Image) -> Image:
    """Without colour and pale: not to be read."""
    found: np.ndarray = (190 + 0.2 * picture.mean(2, keepdims=True) + np.zeros_like(picture)).astype(np.uint8)
    return found


def thumbnails(
    axes: Any, places: Float[np.ndarray, "N 2"], keypoints: Float[np.ndarray, "N K 2"], skeleton: Skeleton, colours: Sequence[str], most: int
) -> int:
    """Small poses at their places, as many as leave each other room; how many were drawn. Dots for the others."""
    from matplotlib.collections import LineCollection

    low, high = places.min(0), places.max(0)
    room = np.maximum(high - low, 1e-9)
    size = np.array([0.062, 0.09])
    unit = (places - low) / room
    drawn: list[int] = []
    for i in np.argsort(-np.abs(unit - 0.5).max(1), kind="stable"):
        if len(drawn) < most and all((np.abs(unit[i] - unit[j]) > size).any() for j in drawn):
            drawn.append(int(i))
    axes.scatter(*unit.T, s=5, color="#BBBBBB", linewidths=0, zorder=0)
    for i in drawn:
        pose = keypoints[i] - (keypoints[i].max(0) + keypoints[i].min(0)) / 2
        small = unit[i] + pose / max(float(np.ptp(pose, axis=0).max()), 1.0) * [0.9 * size[0], -0.9 * size[1]]
        axes.add_collection(LineCollection([small[list(limb)] for limb in skeleton.limbs], colors=colours[i], linewidths=1.1))
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.07, 1.07), xticks=[], yticks=[])
    return len(drawn)
