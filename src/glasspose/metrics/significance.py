"""Whether a difference is more than chance: paired bootstraps, permutation tests, and corrections for asking often.

Letters: N pictures or people, M questions asked at once, R resamples.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import t as student

from glasspose.metrics.scores import CONFIDENCE, RESAMPLES, Interval, interval_of


def mean_interval(values: Float[np.ndarray, " N"], *, groups: np.ndarray | None = None, seed: int = 0, resamples: int = RESAMPLES) -> Interval | None:
    """The 95 % interval of a mean. Values of one group (a picture's people, say) are drawn together. None for fewer than two groups."""
    keys = np.arange(len(values)) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(keys.max()) + 1 if len(keys) else 0
    if count < 2:
        return None
    totals, sizes = np.bincount(keys, values, count), np.bincount(keys, minlength=count)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return interval_of((weights @ totals) / np.maximum(weights @ sizes, 1))


def mean_intervals(
    values: Float[np.ndarray, "N M"], counted: Bool[np.ndarray, "N M"], groups: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, "M 2"]]:
    """M means at once, each over the rows that it counts, with 95 % intervals; the same groups are drawn for all. NaN for fewer than two groups."""
    keys = np.unique(groups, return_inverse=True)[1]
    count = int(keys.max()) + 1
    totals, sizes = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(totals, keys, np.where(counted, values, 0.0))
    np.add.at(sizes, keys, counted)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws, means = (weights @ totals) / (weights @ sizes), totals.sum(0) / sizes.sum(0)
    known = (sizes > 0).sum(0) >= 2
    bounds = np.full((values.shape[1], 2), np.nan)
    if known.any():
        bounds[known] = np.nanquantile(draws[:, known], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0).T
    return means, bounds


def sign_flip_p(differences: Float[np.ndarray, "N M"], *, seed: int = 0, resamples: int = RESAMPLES) -> Float[np.ndarray, " M"]:
    """Two-sided p that paired differences have mean 0, adjusted for M questions (max-T; Westfall and Young 1993): whole rows change sign."""
    spread = np.sqrt((differences**2).sum(0))
    scaled = differences / np.where(spread > 0, spread, 1.0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(resamples, len(differences)))
    largest = np.abs(signs @ scaled).max(1)
    observed = np.abs(scaled.sum(0))
    found: np.ndarray = (1 + (largest[:, None] >= observed - 1e-12).sum(0)) / (resamples + 1)
    return found


def holm(p: Float[np.ndarray, " M"]) -> Float[np.ndarray, " M"]:
    """P values adjusted so that the chance of any false finding keeps its level (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: Float[np.ndarray, " M"]) -> Float[np.ndarray, " M"]:
    """P values adjusted for the share of false findings among all findings (Benjamini and Hochberg 1995)."""
    order = np.argsort(p, kind="stable")[::-1]
    stepped = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def permutation_p(observed: float, null: Float[np.ndarray, " R"]) -> float:
    """The share of the null at or above what was observed, never 0."""
    return float((1 + (null >= observed - 1e-12).sum()) / (len(null) + 1))


def significant(p: Float[np.ndarray, " M"], level: float = 0.05) -> Bool[np.ndarray, " M"]:
    """Which of the adjusted p values are findings."""
    found: np.ndarray = p <= level
    return found


def welch_p(one: Float[np.ndarray, " S"], other: Float[np.ndarray, " T"]) -> float:
    """Two-sided p that two samples (of at least two numbers each) have the same mean, whatever their spread (Welch 1947)."""
    errors = np.array([one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)])
    if not errors.sum():
        return float(one.mean() == other.mean())
    t = abs(one.mean() - other.mean()) / np.sqrt(errors.sum())
    freedom = errors.sum() ** 2 / (errors**2 / [len(one) - 1, len(other) - 1]).sum()
    return float(2 * student.sf(t, freedom))
