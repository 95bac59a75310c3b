"""Whether confidences mean what they say: calibration error, risk against coverage, monotone maps to probabilities, conformal radii.

Letters: n keypoints (of all people in one row), G pictures, R resamples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.explain.explanation import Check
from glasspose.metrics.scores import RESAMPLES, Interval, interval_of

BINS = 15
KNOTS = 17
COVERAGE = 0.9
KNOWN_WITHIN = 0.02
"""So near the calibration error of made-up confidences must come to the one that is known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """Equally many keypoints in each."""

    confidence: Float[np.ndarray, " B"]
    accuracy: Float[np.ndarray, " B"]
    count: Int[np.ndarray, " B"]


def bins_of(confidence: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"], count: int = BINS) -> Bins:
    """Adaptive bins. Equal confidences always share one."""
    place = _places(confidence, count)
    counts = np.bincount(place, minlength=place.max() + 1)
    return Bins(confidence=np.bincount(place, confidence) / counts, accuracy=np.bincount(place, hit) / counts, count=counts)


def _places(confidence: Float[np.ndarray, " n"], count: int) -> Int[np.ndarray, " n"]:
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, count + 1)[1:-1], method="higher"))
    return np.unique(np.searchsorted(edges, confidence, side="right"), return_inverse=True)[1]


def calibration_error(confidence: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"], count: int = BINS) -> float:
    """ECE with adaptive bins (Nixon et al., CVPRW 2019): the mean gap between confidence and accuracy, bins weighing with their keypoints."""
    bins = bins_of(confidence, hit, count)
    return float((bins.count * np.abs(bins.confidence - bins.accuracy)).sum() / bins.count.sum())


def resampled_error(
    confidence: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"], weights: Float[np.ndarray, "R n"], count: int = BINS
) -> Float[np.ndarray, " R"]:
    """ECE on resamples, given as how often each keypoint is drawn."""
    place = _places(confidence, count)
    within = (place[:, None] == np.arange(place.max() + 1)).astype(np.float64)
    gap: np.ndarray = np.abs(weights @ (within * (confidence - hit)[:, None])).sum(1) / weights.sum(1)
    return gap


def drawn_pictures(groups: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> Float[np.ndarray, "R n"]:
    """How often each keypoint is drawn when pictures are drawn with replacement."""
    keys = np.unique(groups, return_inverse=True)[1]
    count = int(keys.max()) + 1
    drawn: np.ndarray = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)[:, keys].astype(np.float64)
    return drawn


def paired_error(before: np.ndarray, after: np.ndarray, hit: np.ndarray, groups: np.ndarray, seed: int = 0) -> dict[str, float | Interval | None]:
    """ECE before and after, and how far it falls, with intervals over the same resampled pictures."""
    weights = drawn_pictures(groups, seed=seed)
    one, two = resampled_error(before, hit, weights), resampled_error(after, hit, weights)
    found = [calibration_error(before, hit), calibration_error(after, hit)]
    return {
        "before": found[0],
        "before_interval": interval_of(one),
        "after": found[1],
        "after_interval": interval_of(two),
        "fall": found[0] - found[1],
        "fall_interval": interval_of(one - two),
    }


def risk_coverage(confidence: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " n"], float]:
    """The share of misses among the surest 1, 2, ... n keypoints, and its mean (AURC; Geifman et al., ICLR 2019). Ties share their misses."""
    level = np.unique(-confidence, return_inverse=True)[1]
    expected = (np.bincount(level, ~hit) / np.bincount(level))[level]
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(expected[order]) / np.arange(1, len(hit) + 1)
    return risk, float(risk.mean())


def resampled_risk(confidence: np.ndarray, hit: np.ndarray, groups: np.ndarray, seed: int = 0, resamples: int = 200) -> Interval | None:
    """The 95 % interval of AURC over pictures."""
    order = np.argsort(-confidence, kind="stable")
    weights = drawn_pictures(groups, seed=seed, resamples=resamples)[:, order]
    covered = weights.cumsum(1)
    risk = (weights * ~hit[order]).cumsum(1) / np.maximum(covered, 1)
    return interval_of((risk * weights).sum(1) / weights.sum(1))


Knots = tuple[tuple[float, float], ...]
"""(score, probability), rising; between them a line, beyond them the ends."""


def apply(knots: Knots, scores: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Probabilities."""
    places, values = np.array(knots).T
    told: np.ndarray = np.interp(scores, places, values)
    return told


def isotonic(scores: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"]) -> Knots:
    """The best rising steps, between the middles of which lines run, drawn towards the mean by one hit and one miss a step."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, hit.astype(np.float64)).predict(scores)
    values, step = np.unique(fitted, return_inverse=True)
    size = np.bincount(step)
    middle = np.bincount(step, scores) / size
    shrunk = np.maximum.accumulate((values * size + 2 * hit.mean()) / (size + 2))
    return _thinned(middle, shrunk)


def logistic(scores: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"]) -> Knots:
    """Temperature and bias on the logit of the score (Platt scaling), kept as a line through a few points."""
    from sklearn.linear_model import LogisticRegression

    ends = np.quantile(scores, [0.0, 1.0])
    places = np.linspace(ends[0], max(ends[1], ends[0] + 1e-4), KNOTS)
    if hit.all() or not hit.any():
        smoothed = (hit.sum() + 1) / (len(hit) + 2)
        return _thinned(places, np.full(KNOTS, smoothed))
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(_logit(scores)[:, None], hit)
    values = fitted.predict_proba(_logit(places)[:, None])[:, 1]
    return _thinned(places, np.maximum.accumulate(values) if fitted.coef_[0, 0] >= 0 else np.full(KNOTS, hit.mean()))


FITS: Mapping[str, Callable[[np.ndarray, np.ndarray], Knots]] = {"temperature": logistic, "isotonic": isotonic}


def best_fit(scores: Float[np.ndarray, " n"], hit: Bool[np.ndarray, " n"], groups: np.ndarray, seed: int = 0) -> tuple[str, Knots]:
    """The kind of map with the lower log loss in five-fold cross-validation by picture, fitted on everything."""
    keys = np.unique(groups, return_inverse=True)[1]
    fold = (np.random.default_rng(seed).permutation(int(keys.max()) + 1) % 5)[keys]
    losses = {name: sum(_loss(fit, scores, hit, fold == number) for number in range(5)) for name, fit in FITS.items()}
    name = min(losses, key=lambda key: losses[key])
    return name, FITS[name](scores, hit)


def _loss(fit: Callable[[np.ndarray, np.ndarray], Knots], scores: np.ndarray, hit: np.ndarray, held: np.ndarray) -> float:
    if not held.any() or held.all():
        return 0.0
    told = np.clip(apply(fit(scores[~held], hit[~held]), scores[held]), 1e-4, 1 - 1e-4)
    return float(-np.where(hit[held], np.log(told), np.log(1 - told)).sum())


def _logit(scores: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    kept = np.clip(scores, 1e-3, 1 - 1e-3)
    found: np.ndarray = np.log(kept / (1 - kept))
    return found


def _thinned(places: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]) -> Knots:
    """At most `KNOTS`, rising in both, rounded as a card keeps them."""
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), KNOTS)).round().astype(int))
    kept = {round(float(places[i]), 4): round(float(np.clip(values[i], 0, 1)), 4) for i in chosen}
    return tuple(sorted(kept.items()))


def conformal_radius(errors: Float[np.ndarray, " n"], coverage: float = COVERAGE) -> float | None:
    """The radius that holds a new keypoint with at least this chance (split conformal; Vovk et al. 2005). None from too few to tell."""
    rank = int(np.ceil((len(errors) + 1) * coverage))
    return float(np.sort(errors)[rank - 1]) if rank <= len(errors) else None


def grouped_radii(
    errors: Float[np.ndarray, "N K"], counted: Bool[np.ndarray, "N K"], group: Int[np.ndarray, "N K"], groups: int
) -> Float[np.ndarray, "K G"]:
    """One for each keypoint and group (Mondrian). Where a keypoint has too few in a group, the larger of its own and of the group's radius."""
    everything = conformal_radius(errors[counted]) or float(errors[counted].max(initial=0.0))
    pooled = [conformal_radius(errors[counted & (group == g)]) or everything for g in range(groups)]
    radii = np.empty((errors.shape[1], groups))
    for k in range(errors.shape[1]):
        own = counted[:, k]
        wider = conformal_radius(errors[own, k])
        for g in range(groups):
            chosen = own & (group[:, k] == g)
            found = conformal_radius(errors[chosen, k])
            radii[k, g] = found if found is not None else max(wider or everything, pooled[g])
    return radii


def covered(errors: Float[np.ndarray, "N K"], group: Int[np.ndarray, "N K"], radii: Float[np.ndarray, "K G"]) -> Bool[np.ndarray, "N K"]:
    """Which keypoints lie within their radius."""
    within: np.ndarray = errors <= radii[np.arange(errors.shape[1]), group]
    return within


def halves(groups: np.ndarray, rng: np.random.Generator) -> Bool[np.ndarray, " N"]:
    """One half of the pictures by chance."""
    keys = np.unique(groups, return_inverse=True)[1]
    return np.asarray(rng.permutation(int(keys.max()) + 1) % 2 == 0)[keys]


def selftest_trust(seed: int = 0) -> Sequence[Check]:
    """Fixtures whose calibration error is known: what `calibration_error` finds of them is within `KNOWN_WITHIN` of it."""
    rng = np.random.default_rng([seed, 5])
    hit = rng.random(4000) < 0.7
    honest = rng.uniform(0, 1, 40000)
    fixtures = (
        ("perfect oracle", calibration_error(hit.astype(float), hit), 0.0),
        ("constant confidence 0.9", calibration_error(np.full(4000, 0.9), hit), 0.9 - float(hit.mean())),
        ("honest confidence", calibration_error(honest, rng.random(40000) < honest), 0.0),
    )
    return [
        Check(
            name=f"calibration error of {what}",
            passed=abs(found - expected) <= KNOWN_WITHIN,
            value=found,
            bound=f"{expected:.3f}, within {KNOWN_WITHIN}",
        )
        for what, found, expected in fixtures
    ]
