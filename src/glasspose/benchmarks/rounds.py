"""Several ways to do one piece of work, in turns, so that whatever else the machine does falls upon all of them alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

Clock = Callable[[], float]
Seconds = Mapping[str, Sequence[float]]
"""For each way, one number a round."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times faster than the baseline: the median of the rounds' ratios, and their quartiles."""

    median: float
    quartiles: tuple[float, float]
    rounds: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    baseline: str
    """What is compared with, in words."""
    ratio: Ratio | None
    """None where it is not measured yet."""
    goal: float | None = None
    at_most: bool = False
    """The goal is an upper limit: the ratio is then ours to the baseline's."""
    same: str = ""
    """How far the results of both agree, in words."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else belongs to it; plain data."""

    @property
    def reached(self) -> bool | None:
        """Whether the median is on the right side of the goal; None without either."""
        if self.goal is None or self.ratio is None:
            return None
        return self.ratio.median <= self.goal if self.at_most else self.ratio.median >= self.goal

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"reached": self.reached}


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = time.process_time) -> dict[str, list[float]]:
    """Do everything once unmeasured, then `rounds` times in turns, beginning with another way in every round."""
    names = list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = clock()
            ways[name]()
            if number >= 0:
                seconds[name].append(clock() - start)
    return seconds


def told_in_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The same for ways that say themselves what they cost: processes, say. Nothing is done unmeasured."""
    names = list(ways)
    told: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            told[name].append(ways[name]())
    return told


def ratio(seconds: Seconds, baseline: str, name: str) -> Ratio:
    """How many times less `name` costs than the baseline."""
    per_round = np.array(seconds[baseline]) / np.array(seconds[name])
    low, middle, high = (float(f"{value:.4g}") for value in np.percentile(per_round, (25, 50, 75)))
    return Ratio(median=middle, quartiles=(low, high), rounds=len(per_round))
