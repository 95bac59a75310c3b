"""Errors planted in labels, to measure whether they are found again: of the kinds that people and tools really make.

Letters: n people, K keypoints.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float

from glasspose.skeletons import Skeleton

Points = Float[np.ndarray, "K 2"]
Known = Bool[np.ndarray, " K"]


def flipped(points: Points, labelled: Known, skeleton: Skeleton, rng: np.random.Generator) -> tuple[Points, Known]:
    """Left and right of the whole person exchanged."""
    order = list(skeleton.flip)
    return points[order], labelled[order]


def shifted(points: Points, labelled: Known, skeleton: Skeleton, rng: np.random.Generator) -> tuple[Points, Known]:
    """Everything a quarter to a half of the person's size to one side."""
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.5) * _size(points, labelled)
    return points + far * np.array([np.cos(angle), np.sin(angle)]), labelled


def swapped(points: Points, labelled: Known, skeleton: Skeleton, rng: np.random.Generator) -> tuple[Points, Known]:
    """Two labelled keypoints that lie at least a fifth of the person's size apart change places."""
    known = np.flatnonzero(labelled)
    pairs = [(a, b) for a in known for b in known if a < b and np.linalg.norm(points[a] - points[b]) > 0.2 * _size(points, labelled)]
    changed = points.copy()
    if pairs:
        a, b = pairs[rng.integers(len(pairs))]
        changed[[a, b]] = changed[[b, a]]
    return changed, labelled


def jittered(points: Points, labelled: Known, skeleton: Skeleton, rng: np.random.Generator) -> tuple[Points, Known]:
    """Every keypoint off by about an eighth of the person's size."""
    return points + rng.normal(0, 0.125 * _size(points, labelled), points.shape), labelled


PLANTS: Mapping[str, Callable[[Points, Known, Skeleton, np.random.Generator], tuple[Points, Known]]] = {
    "flip": flipped,
    "shift": shifted,
    "swap": swapped,
    "jitter": jittered,
}


def plantable(labelled: Bool[np.ndarray, "N K"], skeleton: Skeleton) -> Bool[np.ndarray, " N"]:
    """Who has enough labelled keypoints for every kind: six, and two left/right pairs."""
    pairs = np.array(skeleton.pairs, int).reshape(-1, 2)
    found: np.ndarray = (labelled.sum(1) >= 6) & (labelled[:, pairs].all(2).sum(1) >= 2)
    return found


def plant(
    truth: Float[np.ndarray, "N K 2"], labelled: Bool[np.ndarray, "N K"], skeleton: Skeleton, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[str], Float[np.ndarray, "n K 2"], Bool[np.ndarray, "n K"]]:
    """Who gets an error (the four kinds in turn), of which kind, and the labels with it. Fewer than `count` where few can have one."""
    able = np.flatnonzero(plantable(labelled, skeleton))
    chosen = rng.permutation(able)[:count]
    kinds = [list(PLANTS)[i % len(PLANTS)] for i in range(len(chosen))]
    made = [PLANTS[kind](truth[i], labelled[i], skeleton, rng) for i, kind in zip(chosen, kinds, strict=True)]
    points = np.array([points for points, _ in made]).reshape(-1, *truth.shape[1:])
    return chosen, kinds, points, np.array([known for _, known in made], bool).reshape(-1, labelled.shape[1])


def _size(points: Points, labelled: Known) -> float:
    return float(max(np.ptp(points[labelled], axis=0).max(), 1.0)) if labelled.any() else 1.0
