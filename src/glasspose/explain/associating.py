"""Whether groups of people go with an attribute of their poses, beyond chance and beyond how large the people are in the picture.

Adjusted mutual information (0: as chance would have it, 1: the same), with permutations; p values hold over all attributes together (max-T) and all
families of questions in a run.
Letters: N people, R permutations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from glasspose.explain.attributes import Attribute
from glasspose.explain.grouping import Labels
from glasspose.metrics.significance import permutation_p

PERMUTATIONS = 1000
FAMILIES = 3
"""Groups with attributes, the same within a scale, components with attributes: p values of a run hold over all three (Bonferroni)."""
STRATA = 5
FEWEST_KNOWN = 20


@dataclass(frozen=True, kw_only=True)
class Association:
    """How one attribute goes with the groups."""

    name: str
    ami: float
    ari: float
    p: float
    partial_ami: float | None
    """Within people of a similar scale; None for the scale itself."""
    partial_p: float | None
    known: int


def associations(labels: Labels, attributes: Sequence[Attribute], scale: Float[np.ndarray, " N"], seed: int = 0) -> list[Association]:
    """For every attribute, over the people of whom it is known."""
    strata = np.searchsorted(np.quantile(scale, np.linspace(0, 1, STRATA + 1)[1:-1]), scale, side="right")
    usable = [attribute for attribute in attributes if attribute.known.sum() >= FEWEST_KNOWN]
    whole = _tested(labels, usable, np.zeros_like(strata), seed)
    within = _tested(labels, usable, strata, seed + 1, skipped="size")
    return [
        Association(
            name=attribute.name,
            ami=whole[attribute.name][0],
            ari=float(adjusted_rand_score(attribute.binned()[attribute.known], labels[attribute.known])),
            p=whole[attribute.name][1],
            partial_ami=within.get(attribute.name, (None, None))[0],
            partial_p=within.get(attribute.name, (None, None))[1],
            known=int(attribute.known.sum()),
        )
        for attribute in usable
    ]


def _tested(labels: Labels, attributes: Sequence[Attribute], strata: np.ndarray, seed: int, skipped: str = "") -> dict[str, tuple[float, float]]:
    """The AMI averaged over strata, and p from labels exchanged within strata, against the largest of all attributes each time."""
    rng = np.random.default_rng(seed)
    asked = [attribute for attribute in attributes if attribute.name != skipped]
    if not asked:
        return {}
    tables = [_Table(labels, attribute.binned(), attribute.known, strata) for attribute in asked]
    observed = [table.of(labels) for table in tables]
    largest = []
    for _ in range(PERMUTATIONS):
        mixed = _exchanged(labels, strata, rng)
        largest.append(max(table.of(mixed) for table in tables))
    return {a.name: (value, min(1.0, FAMILIES * permutation_p(value, np.array(largest)))) for a, value in zip(asked, observed, strict=True)}


class _Table:
    """AMI averaged over strata, quick to ask again: what chance gives is worked out once, for the labels as they are."""

    def __init__(self, labels: Labels, bins: np.ndarray, known: np.ndarray, strata: np.ndarray) -> None:
        self.groups = int(labels.max()) + 1
        self.parts: list[tuple[np.ndarray, np.ndarray, float, float]] = []
        for stratum in np.unique(strata[known]):
            part = np.flatnonzero(known & (strata == stratum))
            codes = np.unique(bins[part], return_inverse=True)[1]
            information, entropy = _information(labels[part], codes, self.groups)
            adjusted = float(adjusted_mutual_info_score(codes, labels[part]))
            chance = (information - adjusted * entropy) / (1 - adjusted) if adjusted < 1 - 1e-9 else 0.0
            self.parts.append((part, codes, chance, entropy))

    def of(self, labels: Labels) -> float:
        """For these labels of the same people."""
        values = []
        for part, codes, chance, entropy in self.parts:
            information, _ = _information(labels[part], codes, self.groups)
            values.append((information - chance) / (entropy - chance) if abs(entropy - chance) > 1e-12 else 0.0)
        return float(np.average(values, weights=[len(part) for part, *_ in self.parts]))


def _information(labels: Labels, codes: np.ndarray, groups: int) -> tuple[float, float]:
    """Mutual information, and the mean of both entropies, in nats."""
    table = np.bincount(codes * groups + labels, minlength=groups * (int(codes.max()) + 1)).reshape(-1, groups) / len(labels)
    rows, columns, whole = (-(p[p > 0] * np.log(p[p > 0])).sum() for p in (table.sum(1), table.sum(0), table))
    return float(rows + columns - whole), float(rows + columns) / 2


def _exchanged(labels: Labels, strata: np.ndarray, rng: np.random.Generator) -> Labels:
    mixed = labels.copy()
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        mixed[inside] = labels[rng.permutation(inside)]
    return mixed


def correlations(
    scores: Float[np.ndarray, "N P"], attributes: Sequence[Attribute], seed: int = 0, permutations: int = 1000
) -> tuple[Float[np.ndarray, "P A"], Float[np.ndarray, "P A"]]:
    """Spearman's rank correlation of every component with every attribute, and its p over all findings of a run (max-T)."""
    rng = np.random.default_rng(seed)
    found = np.array([_rank_correlation(scores[a.known], a.values[a.known]) for a in attributes]).T
    largest = np.zeros(permutations)
    for i in range(permutations):
        order = rng.permutation(len(scores))
        mixed = scores[order]
        largest[i] = max(np.abs(_rank_correlation(mixed[a.known], a.values[a.known])).max() for a in attributes)
    p = (1 + (largest[:, None, None] >= np.abs(found) - 1e-12).sum(0)) / (permutations + 1)
    return found, np.minimum(FAMILIES * p, 1.0)


def _rank_correlation(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    one, other = rankdata(columns, axis=0), rankdata(values)
    one, other = one - one.mean(0), other - other.mean()
    found: np.ndarray = (one * other[:, None]).sum(0) / np.maximum(np.sqrt((one**2).sum(0) * (other**2).sum()), 1e-12)
    return found
