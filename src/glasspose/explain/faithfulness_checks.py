"""The tests that an answer of `explain why` must pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glasspose.explain.explanation import Check
from glasspose.explain.studying import Asked, Studied
from glasspose.explain.verdicts import FEWEST

SAME_AS_SHUFFLED = 0.3
"""A mean rank correlation with the shuffled network's map from here on: the map does not depend on what was learned."""
GAP = 0.02


def verdict_of(against: Mapping[str, Mapping[str, Any]]) -> str:
    """By deletion alone: better than the blob and chance, as good as the blob and better than chance, or neither. Of one picture, nothing."""
    if against["random"]["interval"] is None:
        return "too few to say"
    if _sign(against["random"]) <= 0 or _sign(against["centre blob"]) < 0:
        return "neither"
    return "beats the blob" if _sign(against["centre blob"]) > 0 else "ties the blob"


def checks_of(studied: Sequence[Studied], numbers: Mapping[str, Any], methods: Sequence[str], asked: Asked, *, of_network: bool) -> list[Check]:
    """On many people: curves against rivals, completeness, the shuffled network. On one photograph: the last two."""
    checks = []
    if of_network:
        n = len({pair.i for pair in studied})
        checks.append(Check(name="people looked at", passed=n >= FEWEST, value=float(n), bound=f"at least {FEWEST}"))
        checks += [_beats(methods[0], rival, numbers["deletion_won_against"][methods[0]][rival]) for rival in ("random", "centre blob")]
    checks.append(_complete(numbers["completeness"], asked.kind))
    return [*checks, *_shuffled(studied, methods[0])]


def _sign(won: Mapping[str, Any]) -> int:
    """1 where the interval lies above 0, -1 below, else 0: also where one picture has no interval."""
    low, high = won["interval"] or (-1.0, 1.0)
    return 1 if low > 0 else -1 if high < 0 else 0


def _beats(method: str, rival: str, won: Mapping[str, Any]) -> Check:
    sign = _sign(won)
    low, high = won["interval"] or (won["mean"], won["mean"])
    word = {1: "", 0: "a tie, within chance", -1: f"the {rival} does better"}[sign]
    return Check(
        name=f"deletion by {method} beats the {rival}" + (" at equal blur" if rival == "centre blob" else ""),
        passed=sign > 0,
        value=won["mean"],
        bound=f"area won, 95 % interval {low:.4f} to {high:.4f} above 0",
        reason=word,
        only_local=rival == "centre blob" and sign == 0,
    )


def _complete(found: Mapping[str, Any] | None, kind: str) -> Check:
    name = "integrated gradients are complete"
    if found is None:
        return Check(name=name, passed=None, reason="no integrated gradients asked for")
    extra = " or 0.1 px" if kind == "location" else ""
    return Check(
        name=name,
        passed=found["within"] >= 0.95,
        value=found["within"],
        bound=f"gap at most {GAP}{extra} for at least 95 % of {found['count']} paths",
    )


def _shuffled(studied: Sequence[Studied], method: str) -> list[Check]:
    return against_shuffled([pair.against_shuffled() for pair in studied if pair.shuffled is not None], method)


def against_shuffled(compared: Sequence[tuple[float, float]], method: str) -> list[Check]:
    """A map must depend on what was learned: (rank correlation with the shuffled network's map, how much more complex that is) of each pair."""
    names = (f"{method} changes when the weights are shuffled", "maps of the shuffled network are more complex (Efficient MPRT)")
    if not compared:
        return [Check(name=name, passed=None, reason="an exported file has no weights to shuffle") for name in names]
    alike, more = np.mean(np.array(compared), 0)
    return [
        Check(name=names[0], passed=bool(alike < SAME_AS_SHUFFLED), value=float(alike), bound=f"rank correlation below {SAME_AS_SHUFFLED}"),
        Check(name=names[1], passed=bool(more > 0), value=float(more), bound="above 0"),
    ]
