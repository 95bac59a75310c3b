"""How far a keypoint may move before an explanation calls it moved, also for skeletons without official OKS constants.

Where nobody has measured a skeleton's constants, those of COCO's keypoints of the same name stand in, and their median for the others. The
scale is that of the pose itself. So these are working tolerances: agreement by them is never called OKS AP.
"""

import numpy as np
from jaxtyping import Float

from glasspose.skeletons import COCO, Skeleton

SHARE_OF_BOX = 0.53
"""COCO's people fill about so much of their boxes, so that this is area from extent."""


def tolerances(skeleton: Skeleton) -> Float[np.ndarray, " K"]:
    """The constant of each keypoint."""
    if skeleton.sigmas is not None:
        return np.array(skeleton.sigmas, np.float64)
    official = dict(zip(COCO.keypoints, COCO.sigmas or (), strict=True))
    median = float(np.median(list(official.values())))
    return np.array([official.get(name, median) for name in skeleton.keypoints])


def named(skeleton: Skeleton) -> str:
    """What to print of it."""
    return "the skeleton's OKS sigmas" if skeleton.sigmas is not None else "working tolerances (COCO's sigmas by name, else their median)"


def areas(keypoints: Float[np.ndarray, "N K 2"], chosen: np.ndarray | None = None) -> Float[np.ndarray, " N"]:
    """An area for each pose from the extent of its (chosen) keypoints, in square pixels."""
    known = keypoints if chosen is None else np.where(chosen[..., None], keypoints, np.nan)
    with np.errstate(invalid="ignore"):
        extents = np.nanmax(known, axis=1) - np.nanmin(known, axis=1)
    found: np.ndarray = SHARE_OF_BOX * np.maximum(extents.max(1), 1.0) * np.maximum(extents.min(1), 0.25 * extents.max(1))
    return found


def agreement(
    one: Float[np.ndarray, "*any K 2"], other: Float[np.ndarray, "*any K 2"], area: Float[np.ndarray, "*any"], skeleton: Skeleton
) -> Float[np.ndarray, "*any K"]:
    """Each keypoint's similarity, 1 where nothing moved: exp(-d^2 / (8 s^2 sigma^2)), s^2 the area, as in OKS."""
    apart = ((one - other) ** 2).sum(-1)
    found: np.ndarray = np.exp(-apart / (8 * tolerances(skeleton) ** 2 * np.maximum(area, 1.0)[..., None]))
    return found
