"""How alike two places speak of the same people: debiased linear centred kernel alignment (CKA).

Kornblith et al., ICML 2019, with the unbiased estimator of Song et al., JMLR 2012, without which two places of many numbers look alike for
few people. 1: the same up to rotation and scale; about 0: nothing in common. Alike is not the same: what is alike may be used otherwise.
Letters: N people, D numbers a person, L places.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from glasspose.explain.explanation import Check
from glasspose.explain.principal import centred, halves

Gram = Float[np.ndarray, "N N"]


def cka(one: Gram, other: Gram) -> float:
    """From inner products of rows (any centring). Needs four people."""
    return _ratio(_hollow(one), _hollow(other))


def matrix(grams: Sequence[Gram], seed: int = 0) -> tuple[Float[np.ndarray, "L L"], Float[np.ndarray, "L L 2"]]:
    """All pairs, and 95 % intervals from halves of the people (drawn without replacement: repeated people would look like likeness)."""
    whole = _all(grams)
    parts = halves(len(grams[0]), seed, 40)
    if not parts:
        return whole, np.stack([whole, whole], -1)
    drawn = np.stack([_all([gram[np.ix_(half, half)] for gram in grams]) for half in parts])
    spread = np.quantile(drawn - drawn.mean(0), [0.025, 0.975], axis=0)
    return whole, np.moveaxis(whole + spread, 0, -1)


def _all(grams: Sequence[Gram]) -> np.ndarray:
    """The estimator is an inner product of centred matrices, so that all pairs are one product."""
    flat = np.stack([_hollow(gram).ravel() for gram in grams])
    products = flat @ flat.T
    own = np.sqrt(np.maximum(np.diag(products), 1e-30))
    found: np.ndarray = products / own[:, None] / own
    return found


def _ratio(one: Gram, other: Gram) -> float:
    return float((one * other).sum() / max(np.sqrt((one**2).sum() * (other**2).sum()), 1e-30))


def _hollow(gram: Gram) -> Gram:
    """U-centred: no diagonal, rows and columns without mean (Szekely and Rizzo 2014), whose inner products are the unbiased estimator."""
    count = len(gram)
    rows = gram.sum(0) - np.diag(gram)
    total = rows.sum()
    found: np.ndarray = gram - rows / (count - 2) - rows[:, None] / (count - 2) + total / ((count - 1) * (count - 2))
    np.fill_diagonal(found, 0.0)
    return found


def selftest_alignment(seed: int = 0) -> list[Check]:
    """The laws that hold for any cloud: CKA with itself, with its rotation, and with another cloud that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(200, 40)) * np.linspace(3, 0.2, 40)
    return laws(rows, seed)


def laws(rows: Float[np.ndarray, "N D"], seed: int = 0) -> list[Check]:
    """The same for rows at hand: a rotated and scaled copy, and Gaussians of their covariance, must come out right."""
    rng = np.random.default_rng(seed)
    gram = centred(rows)
    own = cka(gram, gram)
    used = rows[:, : min(rows.shape[1], 256)].astype(np.float64)
    turn = np.linalg.qr(rng.normal(size=(used.shape[1], used.shape[1])))[0]
    other = rng.normal(size=(len(rows), 64))
    moved = abs(cka(centred(2.5 * used @ turn), gram) - cka(centred(used), gram))
    chance = max(abs(cka(centred(other @ np.diag(rng.uniform(0.5, 2, 64))), gram)) for _ in range(3))
    return [
        Check(name="CKA of a place with itself", passed=abs(own - 1) < 1e-9, value=own, bound="1"),
        Check(name="CKA does not change under rotation and scale", passed=moved <= 1e-6, value=moved, bound="by at most 1e-06"),
        Check(name="CKA with random Gaussians", passed=chance <= 0.1, value=chance, bound="at most 0.1"),
    ]
