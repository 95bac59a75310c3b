"""Measures of distance: PCK with any normaliser, PDJ, AUC, end-point error, PCP."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import InputError, UsageError
from glasspose.metrics.scores import Score, score

Keypoints = Float[np.ndarray, "N K 2"]
Distances = Float[np.ndarray, "N K"]
Mask = Bool[np.ndarray, "N K"]
Limbs = Bool[np.ndarray, "N L"]
Lengths = Float[np.ndarray, " N"]
ImageIds = Int[np.ndarray, " N"] | None
"""Which image each person is on; where given, scores come with intervals."""


def distances(predicted: Keypoints, truth: Keypoints) -> Distances:
    """Euclidean distances in pixels, in float64. UsageError where shapes differ, InputError where a coordinate is not finite."""
    if predicted.shape != truth.shape:
        raise UsageError(f"predicted keypoints {predicted.shape} and true ones {truth.shape} differ in shape", "Both are (N, K, 2)")
    offset = np.asarray(predicted, np.float64) - truth
    found: np.ndarray = np.sqrt(np.square(offset[..., 0]) + np.square(offset[..., 1]))
    if not np.isfinite(found).all():
        raise InputError(f"{int((~np.isfinite(found)).sum())} keypoints have coordinates that are not finite", "A mask says what is missing, not NaN")
    return found


def usable(length: Lengths) -> Bool[np.ndarray, " N"]:
    """Who has a reference length."""
    known: np.ndarray = np.isfinite(length) & (length > 0)
    return known


def normalised(distances: Distances, length: Lengths) -> Distances:
    """Distances in units of each person's reference length; infinite for those who are not `usable`."""
    if length.shape != distances.shape[:1]:
        raise UsageError(f"{length.shape} reference lengths for distances {distances.shape}", "Give one for each person")
    known = usable(length)
    return np.where(known[:, None], distances / np.where(known, length, 1.0)[:, None], np.inf)


def pck(distances: Distances, counted: Mask, length: Lengths, threshold: float, *, image_ids: ImageIds = None) -> Score:
    """Percentage of correct keypoints (Yang and Ramanan, PAMI 2013), as a fraction: right is distance / length <= threshold.

    `length` is any reference: torso, head segment, `head_size`, or the same number of pixels for everybody.
    """
    return score(normalised(distances, length) <= threshold, counted, usable(length), image_ids=image_ids)


def pdj(distances: Distances, counted: Mask, torso: Lengths, thresholds: Iterable[float], *, image_ids: ImageIds = None) -> tuple[Score, ...]:
    """Percentage of detected joints (Sapp and Taskar, CVPR 2013): PCK in units of the torso's diameter, one score a threshold."""
    return tuple(pck(distances, counted, torso, threshold, image_ids=image_ids) for threshold in thresholds)


def auc(distances: Distances, counted: Mask, length: Lengths, maximum: float = 0.5, *, steps: int = 50, image_ids: ImageIds = None) -> Score:
    """Area under PCK from threshold 0 to `maximum`, divided by `maximum`: trapezoids between `steps` + 1 evenly spaced thresholds.

    The defaults are MPII's: 0, 0.01, ... 0.5.
    """
    first = np.searchsorted(np.linspace(0.0, maximum, steps + 1), normalised(distances, length))  # where a keypoint becomes right, if ever
    area = (steps + 1 - first - 0.5 * (first == 0) - 0.5 * (first <= steps)) / steps
    return score(area, counted, usable(length), image_ids=image_ids)


def epe(distances: Distances, counted: Mask, *, image_ids: ImageIds = None) -> Score:
    """Mean end-point error in pixels; lower is better."""
    return score(distances, counted, image_ids=image_ids)


def pcp(predicted: Keypoints, truth: Keypoints, labelled: Mask, limbs: Sequence[tuple[int, int]], *, image_ids: ImageIds = None) -> Score:
    """Percentage of correct parts (Ferrari et al., CVPR 2008), strict: both ends lie within half the limb's true length. One entry a limb.

    A limb is counted where both ends are labelled, at different places. UsageError without limbs.
    """
    return score(*pcp_hits(predicted, truth, labelled, limbs), image_ids=image_ids)


def pcp_hits(predicted: Keypoints, truth: Keypoints, labelled: Mask, limbs: Sequence[tuple[int, int]]) -> tuple[Limbs, Limbs]:
    """Which limbs are right, and which are counted; one column a limb. UsageError without limbs."""
    if not limbs:
        raise UsageError("PCP needs limbs, and there are none", "Name the skeleton's limbs, or measure PCK")
    starts, ends = np.asarray(limbs).T
    length = distances(truth[:, starts], truth[:, ends])
    apart = distances(predicted, truth)
    right: Limbs = np.maximum(apart[:, starts], apart[:, ends]) <= 0.5 * length
    counted: Limbs = labelled[:, starts] & labelled[:, ends] & (length > 0)
    return right, counted
