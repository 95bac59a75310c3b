"""Maps of a cloud of points on the plane, each with how far it can be trusted.

Trustworthiness: are neighbours on the map neighbours in truth? Continuity: the other way round (Venna and Kaski 2001). Both say little
about distances between groups, so that clusters are never read off a map here. Reliability: how many of a person's neighbours on the map
are the same when the map is made again. Letters: N people.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import procrustes
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from glasspose.explain.principal import principal

NEIGHBOURS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Map:
    """Where everybody stands."""

    name: str
    places: Float[np.ndarray, "N 2"]
    reliability: Float[np.ndarray, " N"]
    """The share of each person's nearest neighbours that stay when the map is made with another seed (t-SNE) or other people (PCA)."""
    trustworthiness: float
    continuity: float
    procrustes: float
    """What is left between both maps after shift, rotation and scale: 0 the same, 1 nothing in common."""


def maps(points: Float[np.ndarray, "N P"], seed: int = 0) -> list[Map]:
    """Both maps; for fewer than 12 people that of PCA alone."""
    made = [_map("PCA", points, lambda draw: _by_halves(points, seed, draw))]
    if len(points) >= 12:
        made.append(_map("t-SNE", points, lambda draw: tsne(points, seed + draw)))
    return made


def tsne(points: Float[np.ndarray, "N P"], seed: int) -> Float[np.ndarray, "N 2"]:
    """From a random start, so that another seed shows what the map owes to it."""
    from openTSNE import TSNE

    perplexity = min(30, (len(points) - 1) // 3)
    made = TSNE(perplexity=perplexity, initialization="random", neighbors="exact", negative_gradient_method="bh", n_jobs=1, random_state=seed)
    return np.asarray(made.fit(points), np.float64)


def _by_halves(points: np.ndarray, seed: int, draw: int) -> np.ndarray:
    """Everybody on the first two axes of all people, or of one half of them."""
    if draw == 0:
        return np.asarray(points[:, :2] if points.shape[1] > 1 else np.column_stack([points[:, 0], 0 * points[:, 0]]))
    half = np.random.default_rng([seed, draw]).permutation(len(points))[: max(len(points) // 2, 3)]
    projected = principal(points[half]).project(points)[:, :2]
    return projected if projected.shape[1] == 2 else np.column_stack([projected, np.zeros(len(points))])


def _map(name: str, points: np.ndarray, make: Callable[[int], np.ndarray]) -> Map:
    one, other = make(0), make(1)
    count = min(NEIGHBOURS, (len(points) - 1) // 2)
    same = [len(set(a) & set(b)) / count for a, b in zip(_nearest(one, count), _nearest(other, count), strict=True)]
    return Map(
        name=name,
        places=one,
        reliability=np.array(same),
        trustworthiness=float(trustworthiness(points, one, n_neighbors=count)),
        continuity=float(trustworthiness(one, points, n_neighbors=count)),
        procrustes=float(procrustes(one, other)[2]),
    )


def _nearest(places: np.ndarray, count: int) -> np.ndarray:
    found: np.ndarray = NearestNeighbors(n_neighbors=count).fit(places).kneighbors(return_distance=False)
    return found
