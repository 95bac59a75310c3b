"""Numbers that describe a map of evidence: where its mass lies and how widely. They describe, and say nothing of whether it is faithful.

After PoseIG (He et al., CVPR 2023): diffusion (DI), and the density of the mass on the person (FI), on the keypoint (LI) and on other
keypoints (RI), each against an even map, which has 1. Here the mass is of the signed map's positive part, and the same numbers of a blob at
the keypoint stand beside them, which has a high LI and FI by being where it is.
"""

import numpy as np
from jaxtyping import Bool, Float


def gini(values: Float[np.ndarray, "*any"]) -> float:
    """0 where all are equal, towards 1 where one has everything. Negative values count as 0."""
    ordered = np.sort(np.maximum(np.asarray(values, np.float64).ravel(), 0))
    total, count = ordered.sum(), len(ordered)
    return 0.0 if total <= 0 else float(((2 * np.arange(1, count + 1) - count - 1) * ordered).sum() / (count * total))


def mass(values: Float[np.ndarray, "H W"], region: Bool[np.ndarray, "H W"]) -> float:
    """The share of the evidence, of either sign, that lies in a region."""
    size = np.abs(values)
    return float(size[region].sum() / max(size.sum(), 1e-30))


def density(values: Float[np.ndarray, "H W"], region: Bool[np.ndarray, "H W"]) -> float:
    """The share of the positive evidence in a region over the region's share of the picture: 1 for an even map."""
    area = region.mean()
    return float(mass(np.maximum(values, 0), region) / area) if area > 0 else 0.0


def pointing(values: Float[np.ndarray, "H W"], keypoint: Float[np.ndarray, " 2"], radius: float) -> bool:
    """Whether the strongest place lies within `radius` of the keypoint: plausibility, no proof; a network that uses context should miss."""
    y, x = np.unravel_index(int(np.argmax(values)), values.shape)
    return bool(np.hypot(x - keypoint[0], y - keypoint[1]) <= radius)


def half_radius(values: Float[np.ndarray, "H W"], keypoint: Float[np.ndarray, " 2"]) -> float:
    """The radius around the keypoint that holds half of the positive evidence, in pixels."""
    rows, columns = np.indices(values.shape)
    apart = np.hypot(columns - keypoint[0], rows - keypoint[1]).ravel()
    order = np.argsort(apart, kind="stable")
    held = np.cumsum(np.maximum(values, 0).ravel()[order])
    return float(apart[order][np.searchsorted(held, held[-1] / 2)]) if held[-1] > 0 else 0.0


def disc(size: tuple[int, int], place: Float[np.ndarray, " 2"], radius: float) -> Bool[np.ndarray, "H W"]:
    """The pixels within `radius` of a place."""
    rows, columns = np.indices(size)
    return np.asarray(np.hypot(columns - place[0], rows - place[1]) <= radius)


def around(keypoints: Float[np.ndarray, "K 2"], radius: float, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The box of the predicted keypoints, which stands in for a person without a mask."""
    (left, top), (right, bottom) = keypoints.min(0) - radius, keypoints.max(0) + radius
    rows, columns = np.indices(size)
    return np.asarray((rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right))


def pose_indices(
    values: Float[np.ndarray, "H W"], keypoints: Float[np.ndarray, "K 2"], k: int, radius: float, mask: Bool[np.ndarray, "H W"] | None = None
) -> dict[str, float]:
    """DI, FI, LI and RI of keypoint k's map. The person is `mask`, or else the box of the predicted keypoints; a keypoint is a disc."""
    size = (values.shape[0], values.shape[1])
    person = around(keypoints, radius, size) if mask is None else mask
    own = disc(size, keypoints[k], radius)
    others = [disc(size, place, radius) & ~own for j, place in enumerate(keypoints) if j != k]
    return {
        "DI": 100 * (1 - gini(values)),
        "FI": density(values, person),
        "LI": density(values, own),
        "RI": max((density(values, other) for other in others), default=0.0),
    }
