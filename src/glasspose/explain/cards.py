"""Cards of groups of people: who stands in their middle, what sets them apart, how well the network does on them and what it does wrong.

Letters: N people, K keypoints.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from glasspose.explain.attributes import Attribute
from glasspose.explain.explanation import Table
from glasspose.explain.grouping import Grouping
from glasspose.explain.sample import Sample
from glasspose.explain.slices import PERMUTATIONS, excess, permuted
from glasspose.explain.subject import Told, judged
from glasspose.metrics.scores import Interval
from glasspose.metrics.significance import mean_interval

if TYPE_CHECKING:
    from glasspose.explain.clusters import Latent

MEDOIDS = 5
NEAR, FAR = 0.2, 0.5
KINDS = ("good", "twin", "near", "miss")
"""Within 0.2 torso lengths; at the keypoint of the other side; within 0.5; anything else. `errors` looks closer."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One group."""

    number: int
    people: int
    medoids: tuple[int, ...]
    """The nearest to its middle first."""
    pck: float | None
    pck_interval: Interval | None
    mix: dict[str, float]
    sure: frozenset[str]
    lifts: dict[str, tuple[float, Interval | None]]
    """The group's mean of each attribute in standard deviations from everybody's."""
    worse: float
    """p that it is no worse than the others (whole pictures dealt out anew, the most outstanding group each time)."""
    gain: float
    """By how much PCK would rise if its people were as well off as the others."""
    gain_interval: Interval | None

    def numbers(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "group": self.number,
            "people": self.people,
            "pck@0.2": self.pck,
            "pck@0.2_interval": self.pck_interval,
            "p": self.worse,
            "gain": self.gain,
            "gain_interval": self.gain_interval,
            "errors": self.mix,
            "lifts": {name: {"lift": lift, "interval": interval} for name, (lift, interval) in self.lifts.items()},
        }

    def said(self) -> str:
        """The attributes that set it apart most, of those that go with the groups beyond chance."""
        lifts = {name: lift for name, (lift, _) in self.lifts.items() if name in self.sure}
        most = sorted(lifts, key=lambda name: -abs(lifts[name]))[:2]
        return ", ".join(f"{name} {lifts[name]:+.1f} sd" for name in most) or "nothing sets it apart"


def cards(seen: "Latent", grouping: Grouping, attributes: Sequence[Attribute], sure: Collection[str]) -> list[Card]:
    """One for each group. `sure`: the attributes that are known to go with the groups; of others nothing is said."""
    kinds, counted = error_kinds(seen.told, seen.sample), judged(seen.sample)
    known = np.asarray(counted.any(1))
    missed = 1 - (kinds["good"] & counted)[known].sum(1) / np.maximum(counted[known].sum(1), 1)
    inside, groups = grouping.labels[known] == np.arange(grouping.k)[:, None], seen.sample.image_ids[known]
    worse = worse_groups(missed, inside, groups)
    made = [_card(i, seen, grouping, attributes, kinds, counted, frozenset(sure)) for i in range(grouping.k)]
    gains = [excess(missed, mask, groups) if known.any() else (0.0, None) for mask in inside]
    return [replace(card, worse=float(p), gain=gain[0], gain_interval=gain[1]) for card, p, gain in zip(made, worse, gains, strict=True)]


def worse_groups(missed: Float[np.ndarray, " N"], inside: Bool[np.ndarray, "k N"], groups: np.ndarray, seed: int = 0) -> Float[np.ndarray, " k"]:
    """One-sided p of each group, adjusted for all of them (max-T)."""
    if not len(missed):
        return np.ones(len(inside))
    shuffled = missed[permuted(groups, PERMUTATIONS, np.random.default_rng(seed))]
    count = np.maximum(inside.sum(1), 1)
    spread = np.maximum(missed.std(), 1e-12) / np.sqrt(count)
    observed = (inside @ missed / count - missed.mean()) / spread
    largest = ((shuffled @ inside.T / count - missed.mean()) / spread).max(1)
    found: np.ndarray = (1 + (largest[:, None] >= observed - 1e-12).sum(0)) / (PERMUTATIONS + 1)
    return found


def _card(
    i: int,
    seen: "Latent",
    grouping: Grouping,
    attributes: Sequence[Attribute],
    kinds: dict[str, np.ndarray],
    counted: np.ndarray,
    sure: frozenset[str],
) -> Card:
    inside = np.flatnonzero(grouping.labels == i)
    apart = np.linalg.norm(seen.points[inside] - seen.points[inside].mean(0), axis=1)
    asked = inside[counted[inside].any(1)]
    share = [kinds[k][asked].sum() / max(counted[asked].sum(), 1) for k in KINDS]
    hits = (kinds["good"] & counted)[asked].sum(1) / np.maximum(counted[asked].sum(1), 1)
    return Card(
        number=i + 1,
        people=len(inside),
        medoids=tuple(int(inside[j]) for j in np.argsort(apart, kind="stable")[:MEDOIDS]),
        pck=float(hits.mean()) if len(hits) else None,
        pck_interval=mean_interval(hits, groups=seen.sample.image_ids[asked]),
        mix={kind: float(value) for kind, value in zip(KINDS, share, strict=True)},
        sure=sure,
        worse=1.0,
        gain=0.0,
        gain_interval=None,
        lifts={a.name: _lift(a, inside, seen.sample) for a in attributes if a.known[inside].sum() > 1},
    )


def _lift(attribute: Attribute, inside: np.ndarray, sample: Sample) -> tuple[float, Interval | None]:
    known = attribute.values[attribute.known]
    chosen = inside[attribute.known[inside]]
    values = (attribute.values[chosen] - known.mean()) / max(known.std(), 1e-12)
    return float(values.mean()), mean_interval(values, groups=sample.image_ids[chosen])


def error_kinds(told: Told, sample: Sample) -> dict[str, Bool[np.ndarray, "N K"]]:
    """Each counted keypoint is of exactly one kind."""
    unit = np.maximum(sample.torso, 1e-9)[:, None]
    counted = judged(sample)
    own = np.linalg.norm(told.keypoints - sample.keypoints, axis=-1) / unit
    twins = list(sample.skeleton.flip)
    other = np.linalg.norm(told.keypoints - sample.keypoints[:, twins], axis=-1) / unit
    paired = np.array(twins) != np.arange(len(twins))
    good = counted & (own <= NEAR)
    twin = counted & ~good & paired & sample.labelled[:, twins] & (other <= NEAR)
    near = counted & ~good & ~twin & (own <= FAR)
    return {"good": good, "twin": twin, "near": near, "miss": counted & ~good & ~twin & ~near}


def table_of(made: Sequence[Card]) -> Table:
    """For people and CSV."""
    rows: list[Sequence[str | float | int | None]] = []
    for card in made:
        low, high = card.pck_interval or (np.nan, np.nan)
        pck = "-" if card.pck is None else f"{100 * card.pck:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        rows.append((card.number, card.people, pck, *(round(100 * card.mix[kind], 1) for kind in KINDS), card.said()))
    columns = ("group", "people", "PCK@0.2, %", "good, %", "other side, %", "near, %", "miss, %", "what sets it apart")
    return Table(name="groups", caption="Groups of people", columns=columns, rows=rows)
