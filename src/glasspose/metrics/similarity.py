"""Object keypoint similarity (OKS), and the removal of duplicate people by it."""

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import UsageError
from glasspose.metrics.distance import distances
from glasspose.skeletons import Skeleton


def oks_sigmas(skeleton: Skeleton) -> Float[np.ndarray, " K"]:
    """A skeleton's OKS constants. UsageError where it has none."""
    if skeleton.sigmas is None:
        remedy = "Give the skeleton `sigmas`, one a keypoint and measured on repeated annotations, or measure PCK, which needs none"
        raise UsageError(f"OKS is not defined for skeleton {skeleton.name}: nobody has measured its sigmas", remedy)
    return np.asarray(skeleton.sigmas, np.float64)


def oks(
    predicted: Float[np.ndarray, "N K 2"],
    truth: Float[np.ndarray, "N K 2"],
    labelled: Bool[np.ndarray, "N K"],
    area: Float[np.ndarray, " N"],
    sigmas: Float[np.ndarray, " K"],
) -> Float[np.ndarray, " N"]:
    """The similarity of each prediction to its own person, 0 to 1; 0 where nothing is labelled. `area` in square pixels."""
    similar = np.where(labelled, _similarity(distances(predicted, truth), area, sigmas), 0.0)
    found: np.ndarray = similar.sum(1) / np.maximum(labelled.sum(1), 1)
    return found


def oks_nms(
    keypoints: Float[np.ndarray, "N K 2"],
    scores: Float[np.ndarray, " N"],
    areas: Float[np.ndarray, " N"],
    sigmas: Float[np.ndarray, " K"],
    threshold: float = 0.9,
) -> Int[np.ndarray, " kept"]:
    """Which people of one image to keep, best first: each one kept removes the worse ones whose OKS with it is above the threshold.

    Of two people, the area is the mean of both.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        apart = distances(keypoints[order], np.broadcast_to(keypoints[best], keypoints[order].shape))
        order = order[_similarity(apart, (areas[order] + areas[best]) / 2, sigmas).mean(1) <= threshold]
    return np.array(kept, np.int64)


def _similarity(apart: Float[np.ndarray, "N K"], area: Float[np.ndarray, " N"], sigmas: Float[np.ndarray, " K"]) -> Float[np.ndarray, "N K"]:
    """exp(-d^2 / (2 s^2 k^2)) with s^2 the area and k = 2 sigma, as COCO defines it."""
    similar: np.ndarray = np.exp(-(apart**2) / (8 * sigmas**2 * (area[:, None] + np.spacing(1))))
    return similar
