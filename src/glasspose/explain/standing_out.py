"""Which labels are more suspicious than they would be if none were wrong.

A network's own mistakes make labels suspicious too, and nobody knows which labels are right. So the null is taken from the list itself, as in
Efron (JASA 2004): no label is wrong, and what the network's mistakes cost thins out beyond the median at least as fast as an exponential
does. Its scale is that of the people from the median to the ninetieth percentile; the tenth above may be wrong and is only counted. The
prediction beyond them is exact for an exponential (r people with a total of T: P(more than x) = (1 + x / T)^-r), and so cautious for thinner
tails. Bonferroni's correction makes it family-wise. Letters: N people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

ALPHA = 0.05
"""Of naming anybody at all where no label is wrong."""
KNOWN = (0.5, 0.9)
"""The part of the list, by suspicion from below, that sets the scale."""
FEWEST = 50
"""Of fewer people nothing is said."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Null:
    """How suspicion falls off where no label is wrong."""

    n: int
    median: float
    total: float
    """What the people who set the scale are above the median, together; those beyond them count as the last of them."""
    counted: int
    """How many people set the scale."""

    def beyond(self, suspicion: float | Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """How many of N people are expected to be as suspicious, at most; half of them where that is not above the median."""
        above = np.maximum(np.asarray(suspicion, np.float64) - self.median, 0.0)
        return np.asarray(self.n / 2 * (1 + above / self.total) ** -self.counted)

    def level(self, alpha: float = ALPHA) -> float:
        """Whoever is as suspicious stands out."""
        return float(self.median + self.total * ((self.n / 2 / alpha) ** (1 / self.counted) - 1))


def null_of(suspicion: Float[np.ndarray, " N"]) -> Null | None:
    """None where there are too few people, or all who set the scale are the same."""
    if len(suspicion) < FEWEST:
        return None
    median, last = (float(value) for value in np.quantile(suspicion, KNOWN))
    inner = suspicion[(suspicion > median) & (suspicion <= last)] - median
    total = float(inner.sum() + (suspicion > last).sum() * (last - median))
    return Null(n=len(suspicion), median=median, total=total, counted=len(inner)) if total > 0 and len(inner) else None


def standing_out(suspicion: Float[np.ndarray, " N"]) -> dict[str, Any] | None:
    """How many labels are more suspicious than the null of no wrong label allows; None where there are too few people."""
    null = null_of(suspicion)
    if null is None:
        return None
    level = null.level()
    first = min(1.0, float(null.beyond(suspicion.max())))
    return {"alpha": ALPHA, "level": level, "count": int((suspicion >= level).sum()), "p_of_first": first}


def told(out: Mapping[str, Any] | None, n: int) -> str:
    """The same in a sentence."""
    if out is None:
        return f"{n} people are too few to say whether any label stands out."
    p = f"p {out['p_of_first']:.2g} over the whole list"
    if not out["count"]:
        return f"No label stands out from what the network's own mistakes would cost ({p}): the list is an order to look in, and no finding."
    return f"{out['count']} of {n} stand out from what the network's own mistakes would cost ({p})."
