"""Linear probes: how well a ridge regression reads something off what a place says, on pictures that it has not seen.

Dual (kernel) ridge, because places say more numbers than there are people; the penalty is chosen inside each training part by
leaving each person out in turn (in closed form). What can be read off need not be used: a probe says nothing of causes.
Letters: N people, D numbers a person, T targets, F folds.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from glasspose.explain.principal import centred
from glasspose.metrics.scores import RESAMPLES, Interval, interval_of

FOLDS = 5
PENALTIES = tuple(10.0**power for power in range(-3, 5))
"""In units of the mean eigenvalue of the inner products."""
FEWEST = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What is asked of a place: one thing in T numbers, each known of some people."""

    name: str
    values: Float[np.ndarray, "N T"]
    known: Bool[np.ndarray, "N T"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Squared errors of the probe and of the mean, summed for each person over targets (each in units of its own variance)."""

    wrong: Float[np.ndarray, " N"]
    spread: Float[np.ndarray, " N"]

    @property
    def r2(self) -> float:
        """1: read off exactly; 0: no better than the mean; below 0: worse."""
        return float(1 - self.wrong.sum() / max(self.spread.sum(), 1e-30))


def folds(groups: np.ndarray, seed: int) -> np.ndarray:
    """The fold of each person: those of one picture in one fold."""
    _, keys = np.unique(groups, return_inverse=True)
    count = int(keys.max()) + 1
    found: np.ndarray = (np.random.default_rng(seed).permutation(count) % FOLDS)[keys]
    return found


def read(gram: Float[np.ndarray, "N N"], target: Target, fold: np.ndarray) -> Reading:
    """Cross-validated. `gram`: inner products of the place's rows (`centred`)."""
    return read_both(gram, target, fold)[0]


def read_both(gram: Float[np.ndarray, "N N"], target: Target, fold: np.ndarray, seed: int = 0) -> tuple[Reading, Reading]:
    """The same, and the control task: the same values of other people (Hewitt and Liang 2019), which only a memory could tell."""
    wrong, spread = np.zeros((2, len(gram))), np.zeros((2, len(gram)))
    rng = np.random.default_rng(seed)
    for known, columns in _by_pattern(target):
        own = target.values[np.ix_(known, columns)]
        values = np.hstack([own, own[rng.permutation(len(own))]]) / np.tile(np.maximum(own.std(0), 1e-9), 2)
        for f in range(FOLDS):
            train, test = np.flatnonzero(fold[known] != f), np.flatnonzero(fold[known] == f)
            if len(train) < FEWEST // 2 or not len(test):
                continue
            said, middle = _ridge(gram, known[train], known[test], values[train])
            for i, part in enumerate((slice(0, len(columns)), slice(len(columns), None))):
                wrong[i, known[test]] += ((values[test] - said) ** 2)[:, part].sum(1)
                spread[i, known[test]] += ((values[test] - middle) ** 2)[:, part].sum(1)
    return Reading(wrong=wrong[0], spread=spread[0]), Reading(wrong=wrong[1], spread=spread[1])


def _by_pattern(target: Target) -> list[tuple[np.ndarray, np.ndarray]]:
    """Targets that are known of the same people share their decompositions."""
    patterns: dict[bytes, list[int]] = {}
    for t in range(target.values.shape[1]):
        patterns.setdefault(target.known[:, t].tobytes(), []).append(t)
    groups = [(np.flatnonzero(target.known[:, columns[0]]), np.array(columns)) for columns in patterns.values()]
    return [(known, columns) for known, columns in groups if len(known) >= FEWEST]


def _ridge(gram: np.ndarray, train: np.ndarray, test: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the probe says of the test people, and the training mean."""
    inner = gram[np.ix_(train, train)]
    rows, middle = inner.mean(0), values.mean(0)
    sizes, basis = np.linalg.eigh(inner - rows - rows[:, None] + inner.mean())
    sizes = np.clip(sizes, 0, None)
    weights = basis.T @ (values - middle)
    penalty = _penalty(sizes, basis, weights)
    outer = gram[np.ix_(test, train)]
    outer = outer - outer.mean(1, keepdims=True) - rows + inner.mean()
    said: np.ndarray = outer @ basis @ (weights / (sizes[:, None] + penalty)) + middle
    return said, middle


def _penalty(sizes: np.ndarray, basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For each target the penalty of least error on people left out one by one; the mean counts as fitted."""
    unit = max(float(sizes.mean()), 1e-30)
    squares, truth = basis**2, basis @ weights
    errors = []
    for penalty in PENALTIES:
        kept = sizes / (sizes + penalty * unit)
        leverage = squares @ kept + 1 / len(sizes)
        left = truth - basis @ (kept[:, None] * weights)
        errors.append(((left / np.maximum(1 - leverage, 1e-6)[:, None]) ** 2).sum(0))
    found: np.ndarray = np.array(PENALTIES)[np.argmin(errors, axis=0)] * unit
    return found


def directions(rows: Float[np.ndarray, "N D"], values: Float[np.ndarray, "N T"]) -> Float[np.ndarray, "T D"]:
    """The unit directions along which ridge probes look, all people used; towards larger values."""
    gram, apart = centred(rows), values - values.mean(0)
    sizes, basis = np.linalg.eigh(gram)
    sizes = np.clip(sizes, 0, None)
    weights = basis.T @ apart
    dual = basis @ (weights / (sizes[:, None] + _penalty(sizes, basis, weights)))
    drawn = dual.T @ (rows - rows.mean(0)).astype(np.float64)
    found: np.ndarray = drawn / np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-30)
    return found


def interval(one: Reading, groups: np.ndarray, other: Reading | None = None, seed: int = 0) -> Interval | None:
    """Of R^2, or of the difference of two places' R^2, over pictures."""
    _, keys = np.unique(groups, return_inverse=True)
    count = int(keys.max()) + 1
    if count < 2:
        return None
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    drawn = _resampled(one, weights, keys, count)
    return interval_of(drawn - _resampled(other, weights, keys, count) if other is not None else drawn)


def _resampled(reading: Reading, weights: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
    wrong, spread = (weights @ np.bincount(keys, values, count) for values in (reading.wrong, reading.spread))
    found: np.ndarray = 1 - wrong / np.maximum(spread, 1e-30)
    return found
