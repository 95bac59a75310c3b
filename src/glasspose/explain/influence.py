"""From hidden regions to a matrix of influence: who moves when whose region is hidden, and whether background does the same.

Influence is the agreement that a keypoint loses when a region is hidden, less what it loses when as much background is hidden in the same
picture. Letters: N people, F fills, R regions, K keypoints, M cells of the matrix.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import spearmanr

from glasspose.explain.hiding import Hidden
from glasspose.metrics.significance import mean_intervals, sign_flip_p

LEVEL = 0.05
"""Family-wise: the chance that anything at all is called significant where nothing is."""
HALVES = 20
"""So many ways to cut the pictures in two."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Influence:
    """The matrix, with 95 % intervals over pictures. Rows: whose region was hidden; columns: who is asked."""

    mean: Float[np.ndarray, "R K"]
    bounds: Float[np.ndarray, "R K 2"]
    p: Float[np.ndarray, "R K"]
    """Adjusted for all cells at once; 1 for cells that are left out."""
    counted: Bool[np.ndarray, "N R K"]
    """The keypoint does not lie under the cover, and there was background to compare with."""
    each: Float[np.ndarray, "N R K"]
    """Of each person, 0 where not counted."""

    @property
    def significant(self) -> Bool[np.ndarray, "R K"]:
        """Cells in which the region moves the keypoint further than background does."""
        return (self.p <= LEVEL) & (self.mean > 0)


def influence_of(found: Hidden, groups: np.ndarray, seed: int = 0) -> Influence:
    """The mean over fills of each person, then over people."""
    gained = (found.similar[:, 1] - found.similar[:, 0]).mean(1)
    counted = ~found.covers & found.room[:, :, None]
    return influence(gained, counted, groups, seed)


def influence(gained: Float[np.ndarray, "N R K"], counted: Bool[np.ndarray, "N R K"], groups: np.ndarray, seed: int = 0) -> Influence:
    """The statistics alone: paired differences, of which some are left out."""
    each = np.where(counted, gained, 0.0)
    shape = each.shape[1:]
    mean, bounds = mean_intervals(each.reshape(len(each), -1), counted.reshape(len(each), -1), groups, seed=seed)
    p = sign_flip_p(by_picture(each, groups).reshape(len(np.unique(groups)), -1), seed=seed).reshape(shape)
    return Influence(mean=mean.reshape(shape), bounds=bounds.reshape(*shape, 2), p=np.where(counted.any(0), p, 1.0), counted=counted, each=each)


def by_picture(each: Float[np.ndarray, "N ..."], groups: np.ndarray) -> np.ndarray:
    """Sums over the people of a picture: whole pictures change their signs together."""
    keys = np.unique(groups, return_inverse=True)[1]
    summed = np.zeros((int(keys.max()) + 1, *each.shape[1:]))
    np.add.at(summed, keys, each)
    return summed


def false_findings(found: Influence, groups: np.ndarray, runs: int = 100, seed: int = 0) -> int:
    """In how many of 100 runs something is called significant when region and background change places at random, picture by picture."""
    values = by_picture(found.each, groups).reshape(len(np.unique(groups)), -1)
    rng = np.random.default_rng((seed, 1))
    signs = rng.choice([-1.0, 1.0], size=(runs, len(values), 1))
    return sum(bool((sign_flip_p(sign * values, seed=seed + 1 + run) <= LEVEL).any()) for run, sign in enumerate(signs))


def split_half(found: Influence, groups: np.ndarray, keypoints: int, seed: int = 0) -> float | None:
    """Mean correlation of the keypoint matrices of two halves of the pictures, over cells that both halves count."""
    pictures = np.unique(groups)
    rng = np.random.default_rng((seed, 2))
    correlations = []
    for _ in range(HALVES if len(pictures) >= 4 else 0):
        first = np.isin(groups, rng.permutation(pictures)[: len(pictures) // 2])
        halves = [_mean(found, half)[:keypoints] for half in (first, ~first)]
        both = np.isfinite(halves[0]) & np.isfinite(halves[1])
        if both.sum() > 2 and min(half[both].std() for half in halves) > 0:
            correlations.append(float(np.corrcoef(halves[0][both], halves[1][both])[0, 1]))
    return float(np.mean(correlations)) if correlations else None


def _mean(found: Influence, chosen: np.ndarray) -> Float[np.ndarray, "R K"]:
    counted = found.counted[chosen].sum(0)
    with np.errstate(invalid="ignore"):
        average: np.ndarray = np.where(counted > 0, found.each[chosen].sum(0) / counted, np.nan)
    return average


def fills_agree(found: Hidden) -> float | None:
    """The lowest rank correlation between the matrices of two fills."""
    counted = ~found.covers & found.room[:, :, None]
    gained = np.where(counted[:, None], found.similar[:, 1] - found.similar[:, 0], 0.0)
    cells = counted.sum(0) > 0
    matrices = [gained[:, f].sum(0)[cells] / counted.sum(0)[cells] for f in range(gained.shape[1])]
    if min(len(np.unique(matrix)) for matrix in matrices) < 3:
        return None
    return min(float(spearmanr(one, other).statistic) for one, other in combinations(matrices, 2))


def measure(values: Float[np.ndarray, "N R K"], counted: Bool[np.ndarray, "N R K"], groups: np.ndarray) -> dict[str, Any]:
    """Any matrix of means with its intervals, as numbers for JSON."""
    mean, bounds = mean_intervals(values.reshape(len(values), -1), counted.reshape(len(values), -1), groups)
    return {"mean": mean.reshape(values.shape[1:]), "interval": bounds.reshape(*values.shape[1:], 2)}
