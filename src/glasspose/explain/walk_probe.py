"""A walk along the direction in which a probe reads one attribute of the pose, held against random directions.

The bottleneck alone (`frozen`) and everything together (`moved`) are two claims, each with its own test. Letters: N people, M sources,
T steps, K keypoints, D numbers of the bottleneck, R random directions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from glasspose.explain.attributes import of_pose
from glasspose.explain.explanation import Check
from glasspose.explain.probing import Target, directions, folds, read
from glasspose.explain.sample import Sample
from glasspose.explain.steering import Decoder, frames, moves_of_skips, spread_directions
from glasspose.explain.subject import Told
from glasspose.explain.walks import STEPS, Walk, scaled, walked
from glasspose.metrics.scores import Interval, interval_of
from glasspose.metrics.significance import permutation_p
from glasspose.skeletons import Skeleton

RANDOM = 60
CLAIMS = {"frozen": "the bottleneck alone", "moved": "the bottleneck with its skips"}
STEADY, LEVEL = 0.9, 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """What a ridge regression reads best off the bottleneck."""

    attribute: str
    unit: str
    r2: float
    direction: Float[np.ndarray, " D"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Effect:
    """What walking along the probe's direction does to its attribute under one regime."""

    curve: Float[np.ndarray, " T"]
    """Of the decoded poses, mean over sources."""
    interval: Interval | None
    """Of the change from the first to the last step."""
    spearman: float
    random: Float[np.ndarray, " R"]
    """How much random directions of equal norm change it."""
    p: float

    @property
    def slope(self) -> float:
        """The change from the first to the last step."""
        return float(self.curve[-1] - self.curve[0])

    @property
    def follows(self) -> bool:
        """Whether the attribute goes with the direction."""
        return self.spearman >= STEADY and self.p < LEVEL


@dataclass(frozen=True, kw_only=True, eq=False)
class Probed:
    """A probe and its walk."""

    probe: Probe
    walk: Walk
    effects: dict[str, Effect]

    def numbers(self) -> dict[str, Any]:
        """Plain data."""
        keys = ("curve", "interval", "spearman", "p")
        told = {
            regime: {key: getattr(effect, key) for key in keys}
            | {"change": effect.slope, "random_change_95th": np.quantile(np.abs(effect.random), 0.95)}
            for regime, effect in self.effects.items()
        }
        return {"attribute": self.probe.attribute, "unit": self.probe.unit, "r2": self.probe.r2, **told}

    def said(self) -> str:
        """Both claims in a sentence."""
        parts = []
        for regime, effect in self.effects.items():
            low, high = effect.interval or (effect.slope, effect.slope)
            parts.append(f"{CLAIMS[regime]} changes it by {effect.slope:.0f} ({low:.0f} to {high:.0f}; p = {effect.p:.3f} against random directions)")
        return f"Along the direction that tells `{self.probe.attribute}` ({self.probe.unit}) best (R2 {self.probe.r2:.2f}), {', '.join(parts)}."


def probe(known: Decoder, sample: Sample, told: Told, seed: int) -> Probe | None:
    """For the attribute of the network's own poses that the bottleneck tells best, chosen before any walk. None where the skeleton has none."""
    attributes = of_pose(told.keypoints, np.ones(told.keypoints.shape[:2], bool), sample.skeleton)
    if not attributes:
        return None
    gram = known.found.scores @ known.found.scores.T
    fold = folds(sample.image_ids, seed)
    scores = [read(gram, Target(name=a.name, values=a.values[:, None], known=a.known[:, None]), fold).r2 for a in attributes]
    best = attributes[int(np.argmax(scores))]
    return Probe(attribute=best.name, unit=best.unit, r2=max(scores), direction=directions(known.rows, best.values[:, None])[0])


def probed(known: Decoder, sources: Sample, asked: Probe, seed: int) -> Probed:
    """Along the probe's direction by three standard deviations of the first component, and along random directions as far."""
    step = float(np.sqrt(known.found.variances[0]))
    one = walked(known, sources, asked.direction, "probe", step, tuple(CLAIMS))
    random = _random(known, sources, asked, step, seed)
    effects = {regime: _effect(measured(one.by_regime[regime].told, sources.skeleton, asked.attribute), random[regime]) for regime in CLAIMS}
    return Probed(probe=asked, walk=one, effects=effects)


def _random(known: Decoder, sources: Sample, asked: Probe, step: float, seed: int) -> dict[str, np.ndarray]:
    ends, images = STEPS[[0, -1]] * step, sources.inputs()
    found: dict[str, list[float]] = {regime: [] for regime in CLAIMS}
    for along in spread_directions(known, RANDOM, seed + 3):
        skips = scaled(moves_of_skips(known, along), ends)
        for regime, changes in found.items():
            values = measured(frames(known, images, ends[:, None] * along, regime, skips).told, sources.skeleton, asked.attribute)
            changes.append(float((values[:, 1] - values[:, 0]).mean()))
    return {regime: np.array(changes) for regime, changes in found.items()}


def _effect(values: Float[np.ndarray, "M T"], random: Float[np.ndarray, " R"]) -> Effect:
    slopes, mean = values[:, -1] - values[:, 0], values.mean(0)
    drawn = np.random.default_rng(0).integers(len(slopes), size=(1000, len(slopes)))
    return Effect(
        curve=mean,
        interval=interval_of(slopes[drawn].mean(1)) if len(slopes) > 1 else None,
        spearman=0.0 if np.ptp(mean) == 0 else float(spearmanr(STEPS, mean).statistic),
        random=random,
        p=permutation_p(float(slopes.mean()), np.abs(random)),
    )


def measured(told: Float[np.ndarray, "M T K 2"], skeleton: Skeleton, name: str) -> Float[np.ndarray, "M T"]:
    """One attribute of decoded poses."""
    flat = told.reshape(-1, *told.shape[2:])
    found = next(a for a in of_pose(flat, np.ones(flat.shape[:2], bool), skeleton) if a.name == name)
    return found.values.reshape(told.shape[:2])


def probe_checks(found: Probed | None) -> list[Check]:
    """Two for each claim."""
    made = []
    for regime, claim in CLAIMS.items():
        effect = None if found is None else found.effects[regime]
        names = (
            f"{claim}: along a probe's direction its attribute grows steadily",
            f"{claim}: and by more than along random directions of equal norm",
        )
        if found is None or effect is None:
            made += [Check(name=name, passed=None, reason="the skeleton has no attribute that is measured here") for name in names]
            continue
        what, bound = found.probe.attribute, f"rank correlation at least {STEADY}"
        made.append(Check(name=names[0], passed=effect.spearman >= STEADY, value=effect.spearman, bound=bound, reason=what))
        made.append(Check(name=names[1], passed=effect.p < LEVEL, value=effect.p, bound=f"p below {LEVEL}", reason=what))
    return made
