"""Are there clusters? k-means with k by stability, held against two shapes that have none.

A split counts only where it comes back on other people (adjusted Rand index of bootstraps at least 0.8) and stands out more than the best
split of a cloud with one hump: a Gaussian with the same covariance, and a box with the same variances along the principal axes, the
reference of the gap statistic (Tibshirani, Walther and Hastie, 2001), under which even k-means of a plain square looks orderly.
Letters: N people, P components, R repetitions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score

from glasspose.explain.explanation import Check
from glasspose.explain.principal import principal

KS = tuple(range(2, 11))
STABLE = 0.8
FITS = 20
NULLS = 120
LEVEL = 0.01
MOST_COMPONENTS = 20
MOST_APART = 1000
"""People among whom silhouettes are measured, evenly spread over all: every pair of them is looked at."""
Labels = Int[np.ndarray, " N"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """What k-means makes of a cloud of points, for each k."""

    ks: Sequence[int]
    silhouettes: Float[np.ndarray, " k"]
    stability: Float[np.ndarray, " k"]
    """Mean adjusted Rand index between fits on different bootstraps."""
    spread: Float[np.ndarray, "k 2"]
    """The middle 95 % of those pairs."""
    null_silhouettes: Float[np.ndarray, "2 k"]
    """Means over the Gaussian's and the box's repetitions."""
    p: dict[str, float]
    """Of the most outstanding k against the most outstanding k of each shape."""
    k: int
    """The most stable; between equals the one that stands out more."""
    labels: Labels

    @property
    def stable(self) -> bool:
        """Whether the split comes back."""
        return float(self.stability[self.ks.index(self.k)]) >= STABLE

    @property
    def clusters(self) -> bool:
        """Whether there are any."""
        return self.stable and max(self.p.values()) < LEVEL


def grouped(
    points: Float[np.ndarray, "N P"], seed: int = 0, *, ks: Sequence[int] = KS, fits: int | None = None, groups: np.ndarray | None = None
) -> Grouping:
    """Points in the space of their principal components (unscaled). `groups`: the pictures, which bootstraps draw whole."""
    ks = [k for k in ks if k < len(points) / 4]
    rng = np.random.default_rng(seed)
    labels = {k: _fit(points, k, seed)[0] for k in ks}
    apart = _Apart(points)
    silhouettes = np.array([apart.silhouette(labels[k]) for k in ks])
    agreeing = [_pairs(points, k, rng, fits or FITS, groups) for k in ks]
    stability, spread = np.array([a.mean() for a in agreeing]), np.array([np.quantile(a, [0.025, 0.975]) for a in agreeing])
    draws = {name: np.array([_curve(draw(points, rng), ks, seed) for _ in range(NULLS)]) for name, draw in SHAPES.items()}
    outstanding, p = _against(silhouettes, draws)
    best = max(range(len(ks)), key=lambda i: (round(float(stability[i]), 2), outstanding[i]))
    means = np.array([draw.mean(0) for draw in draws.values()])
    return Grouping(
        ks=ks,
        silhouettes=silhouettes,
        stability=stability,
        spread=spread,
        null_silhouettes=means,
        p=p,
        k=ks[best],
        labels=ordered(labels[ks[best]], points),
    )


def by_silhouette(points: Float[np.ndarray, "N P"], seed: int = 0, ks: Sequence[int] = KS) -> dict[int, float]:
    """The thesis's way: 10 starts, at most 1000 rounds, k where the silhouette is largest, and nothing that it is compared with."""
    fitted = {k: KMeans(k, n_init=10, max_iter=1000, random_state=seed).fit_predict(points) for k in ks if k < len(points) / 2}
    apart = _Apart(points)
    return {k: apart.silhouette(found) for k, found in fitted.items()}


def silhouettes_of(points: Float[np.ndarray, "N P"], k: int, seed: int = 0) -> Float[np.ndarray, " N"]:
    """Each person's silhouette when k groups are cut, less the mean of Gaussians with the same covariance."""
    rng = np.random.default_rng(seed)
    chance = np.mean([_curve(_gaussian(points, rng), [k], seed)[0] for _ in range(20)])
    found: np.ndarray = silhouette_samples(points, _fit(points, k, seed)[0]) - chance
    return found


def ordered(labels: Labels, points: Float[np.ndarray, "N P"]) -> Labels:
    """Numbered along the first component, so that names do not depend on the start."""
    order = np.argsort([points[labels == i, 0].mean() for i in range(labels.max() + 1)], kind="stable")
    found: np.ndarray = np.argsort(order)[labels]
    return found


def _fit(points: np.ndarray, k: int, seed: int, starts: int = 5) -> tuple[Labels, KMeans]:
    model = KMeans(k, n_init=starts, random_state=seed).fit(points)
    return model.labels_, model


class _Apart:
    """How far apart the points are, or `MOST_APART` of them."""

    def __init__(self, points: np.ndarray) -> None:
        self.chosen = np.linspace(0, len(points) - 1, min(MOST_APART, len(points))).round().astype(int)
        self.distances: np.ndarray = squareform(pdist(points[self.chosen]))

    def silhouette(self, labels: Labels) -> float:
        """The mean over the chosen ones; -1 where they are in one group."""
        own = labels[self.chosen]
        return float(silhouette_score(self.distances, own, metric="precomputed")) if len(set(own.tolist())) > 1 else -1.0


def _pairs(points: np.ndarray, k: int, rng: np.random.Generator, fits: int, groups: np.ndarray | None) -> np.ndarray:
    """The adjusted Rand index of every two fits, each on a bootstrap of its own and then asked about everybody."""
    keys = np.arange(len(points)) if groups is None else np.unique(groups, return_inverse=True)[1]
    said = []
    for i in range(fits):
        drawn = np.bincount(rng.integers(keys.max() + 1, size=keys.max() + 1), minlength=keys.max() + 1)[keys]
        chosen = np.repeat(np.arange(len(points)), drawn)
        if len(np.unique(chosen)) >= k:
            said.append(_fit(points[chosen], k, i, starts=2)[1].predict(points))
    return np.array([adjusted_rand_score(said[a], said[b]) for a in range(len(said)) for b in range(a)] or [0.0])


def _curve(points: np.ndarray, ks: Sequence[int], seed: int) -> np.ndarray:
    apart = _Apart(points)
    return np.array([apart.silhouette(_fit(points, k, seed, starts=1)[0]) for k in ks])


def _against(observed: np.ndarray, draws: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, float]]:
    """How far each k stands out of both shapes (in their standard deviations), and the p of the one that stands out most."""
    standing, p = np.full(len(observed), np.inf), {}
    for name, draw in draws.items():
        middle, spread = draw.mean(0), draw.std(0) + 1e-9
        z, null = (observed - middle) / spread, ((draw - middle) / spread).max(1)
        standing = np.minimum(standing, z)
        p[name] = float((1 + (null >= z.max()).sum()) / (len(null) + 1))
    return standing, p


def _gaussian(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Along principal axes the covariance is diagonal."""
    found: np.ndarray = rng.normal(size=points.shape) * points.std(0, ddof=1)
    return found


def _box(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    found: np.ndarray = rng.uniform(-1, 1, points.shape) * points.std(0, ddof=1) * np.sqrt(3)
    return found


SHAPES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {"Gaussian": _gaussian, "box": _box}


def selftest_clusters(seed: int = 0) -> list[Check]:
    """Six clusters are found as they were made, and a box without any has none. About half a minute on one core."""
    rng = np.random.default_rng(seed)
    truth, six = six_clusters(rng)
    found = grouped(principal(six).scores, seed, ks=(2, 4, 5, 6, 7), fits=10)
    agreement = float(adjusted_rand_score(truth, found.labels)) if found.clusters else 0.0
    plain = grouped(principal(rng.uniform(size=(200, 6))).scores, seed, ks=(2, 3, 4), fits=10)
    return [
        Check(name="six clusters are found as they were made", passed=agreement >= 0.95, value=agreement, bound="adjusted Rand index at least 0.95"),
        Check(
            name="a uniform cloud has no clusters", passed=not plain.clusters, value=max(plain.p.values()), bound=f"p at least {LEVEL}, or unstable"
        ),
    ]


def six_clusters(rng: np.random.Generator, count: int = 200) -> tuple[Labels, Float[np.ndarray, "N 8"]]:
    """Gaussians around six corners of a simplex, 8.5 standard deviations apart."""
    labels = rng.integers(6, size=count)
    return labels, 6.0 * np.eye(6, 8)[labels] + rng.normal(size=(count, 8))
