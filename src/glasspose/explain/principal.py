"""Principal components of what a place says, and how many of them carry most of its variance.

Variances are found on the sample, so that no more than N - 1 components can be seen at all: every count stands beside what half of the
people give, and two networks are compared on the same people. Letters: N people, D numbers a person, P components.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glasspose.metrics.scores import Interval, interval_of

SHARE = 0.95
HALVES = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Principal:
    """Axes of largest variance."""

    mean: Float[np.ndarray, " D"]
    axes: Float[np.ndarray, "P D"]
    variances: Float[np.ndarray, " P"]
    scores: Float[np.ndarray, "N P"]
    """Of the people it was found on: their Euclidean distances are those of the rows themselves."""

    @property
    def shares(self) -> Float[np.ndarray, " P"]:
        """Of all variance, summed up."""
        found: np.ndarray = np.cumsum(self.variances) / max(self.variances.sum(), 1e-30)
        return found

    def project(self, rows: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "M P"]:
        """Other people's scores."""
        found: np.ndarray = (rows - self.mean) @ self.axes.T
        return found


def principal(rows: Float[np.ndarray, "N D"]) -> Principal:
    """All components, unscaled, signs made definite (the largest entry of each axis is positive)."""
    rows = rows.astype(np.float64)
    mean = rows.mean(0)
    left, sizes, axes = np.linalg.svd(rows - mean, full_matrices=False)
    kept = sizes > 1e-9 * max(sizes[0], 1e-30)
    left, sizes, axes = left[:, kept], sizes[kept], axes[kept]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    return Principal(mean=mean, axes=axes * signs[:, None], variances=sizes**2 / max(len(rows) - 1, 1), scores=left * sizes * signs)


def components_for(variances: Float[np.ndarray, " P"], share: float = SHARE) -> int:
    """How many components together reach this share of the variance (a count: 1 where the first one does)."""
    reached = np.cumsum(variances) >= share * variances.sum() - 1e-12
    return int(reached.argmax()) + 1 if len(variances) else 0


def participation(variances: Float[np.ndarray, " P"]) -> float:
    """(sum of variances)^2 / sum of their squares: D where all are equal, 1 where there is but one."""
    return float(variances.sum() ** 2 / max((variances**2).sum(), 1e-30))


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """How many dimensions a place uses, with 95 % intervals from halves of the sample."""

    numbers: int
    """D: how many it could use."""
    components: int
    components_interval: Interval | None
    components_of_half: float
    """With half of the people: where this is much less, the count is bounded by n."""
    participation: float
    participation_interval: Interval | None


def dimension(rows: Float[np.ndarray, "N D"], seed: int = 0) -> Dimension:
    """The count of components for 95 % and the participation ratio."""
    whole = _variances(rows)
    drawn = [_variances(rows[half]) for half in halves(len(rows), seed)]
    counts, ratios = np.array([components_for(v) for v in drawn], float), np.array([participation(v) for v in drawn])
    components, ratio = components_for(whole), participation(whole)
    return Dimension(
        numbers=rows.shape[1],
        components=components,
        components_interval=around(components, counts),
        components_of_half=float(np.median(counts)) if len(counts) else float(components),
        participation=ratio,
        participation_interval=around(ratio, ratios),
    )


def halves(count: int, seed: int = 0, draws: int = HALVES) -> list[np.ndarray]:
    """Random halves. The spread between halves drawn without replacement is that of the whole sample's estimate (delete-half jackknife);
    a bootstrap's repeated people would look like a smaller dimension.
    """
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(count)[: count // 2]) for _ in range(draws)] if count >= 8 else []


def around(estimate: float, drawn: Float[np.ndarray, " R"]) -> Interval | None:
    """The estimate with the spread of the halves around their own mean."""
    return interval_of(estimate + drawn - drawn.mean()) if len(drawn) else None


def centred(rows: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N N"]:
    """The inner products of rows around their mean."""
    apart = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    found: np.ndarray = apart @ apart.T
    return found


def _variances(rows: Float[np.ndarray, "N D"]) -> np.ndarray:
    """Along the principal axes, largest first, up to a factor; from the products of people or of numbers, whichever are fewer."""
    apart = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    products = apart @ apart.T if rows.shape[0] <= rows.shape[1] else apart.T @ apart
    return np.clip(np.linalg.eigvalsh(products)[::-1], 0.0, None)
