"""`explain trust`: whether one can act on the confidences, and what to use instead: probabilities, radii, an order of people.

Scores are fitted on one half of the pictures and judged on the other. Letters: N people, K keypoints, n keypoints of everybody in one row.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm, spearmanr

from glasspose.calibration import SEEN_GROUPS, SIZE_GROUPS, Trust, person_scores, pose_sizes, trust_groups
from glasspose.checkpoint import update_card
from glasspose.configs.data import Data
from glasspose.errors import UsageError
from glasspose.explain.confidence_figures import figures
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table
from glasspose.explain.opinions import Opinions, opinions
from glasspose.explain.reliability import (
    COVERAGE,
    best_fit,
    covered,
    drawn_pictures,
    grouped_radii,
    halves,
    paired_error,
    resampled_risk,
    risk_coverage,
    selftest_trust,
)
from glasspose.explain.sample import Sample, draw_sample
from glasspose.explain.subject import Progress, Subject, judged, silent, subject
from glasspose.explain.taxonomy import areas_of, classifiable
from glasspose.explain.tolerance import agreement, named
from glasspose.geometry import scale_of
from glasspose.metrics.scores import interval_of
from glasspose.metrics.significance import mean_interval
from glasspose.network import PoseNetwork

SPLITS = 100
FEWEST_HITS = 40
"""A keypoint with fewer labels in the fitting half shares the map of all keypoints."""


class _Looked:
    """A sample with what a network says of it; everything in the order N, K."""

    def __init__(self, asked: Subject, sample: Sample, progress: Progress = silent) -> None:
        told: Opinions = opinions(asked, sample, progress)
        self.sample, self.told = sample, told
        self.scores, self.keypoints = told.both.scores, told.both.keypoints
        self.counted = classifiable(sample)
        self.asked = judged(sample)
        self.hit = told.both.hits(sample)
        scales = np.array([scale_of(matrix) for matrix in sample.image_to_input])
        self.size = pose_sizes(self.keypoints / scales[:, None, None])
        self.error = np.linalg.norm(self.keypoints - sample.keypoints, axis=-1) / scales[:, None] / self.size[:, None]
        self.seen = self.scores >= np.array(asked.calibration.seen)
        self.similar = agreement(self.keypoints, sample.keypoints, areas_of(sample), sample.skeleton)
        self.images = sample.image_ids

    def groups(self, chosen: Bool[np.ndarray, "N K"]) -> np.ndarray:
        """The picture of each chosen keypoint."""
        found: np.ndarray = np.broadcast_to(self.images[:, None], chosen.shape)[chosen]
        return found


def trust(
    weights: str | Path | PoseNetwork,
    data: Data,
    *,
    n: int = 500,
    seed: int = 0,
    other: Data | None = None,
    write: bool = False,
    progress: Progress = silent,
) -> Explanation:
    """Hold the scores of n people against what is right, calibrate them on half of the pictures, and test that on the other half.

    `other` names data of another kind, on which the same calibration is held against its labels: the shift. `write` keeps the calibration in
    the card of the weights, for `predict`; UsageError where the test does not bear it out.
    """
    asked = subject(weights)
    looked = _Looked(asked, draw_sample(data, asked.skeleton, asked.size, n, seed), progress)
    fitting = halves(looked.images, np.random.default_rng([seed, 1]))
    if (looked.asked[fitting].sum() < 100) or (looked.asked[~fitting].sum() < 100):
        raise NotApplicableError("fewer than 100 keypoints with a torso length in each half", "Give more people with --n, or whole ones")
    made, fits = fitted(looked, fitting, seed)
    test = looked.asked & ~fitting[:, None]
    error = paired_error(looked.scores[test], made.probabilities(looked.scores)[test], looked.hit[test], looked.groups(test), seed)
    numbers: dict[str, Any] = {
        "people": len(looked.sample),
        "tested keypoints": int(test.sum()),
        "accuracy": float(looked.hit[test].mean()),
        "calibration error": error,
        "null": _null(made.probabilities(looked.scores)[test], looked.groups(test), seed),
        "maps": fits,
        "orders": _orders(looked, made, test, seed),
        "people's scores": _people(looked, made, ~fitting),
        "conformal": _coverage(looked, seed),
        "calibration": made.to_json(),
        "other": None if other is None else _elsewhere(asked, other, made, n, seed),
    }
    checks = _checks(numbers, seed)
    if write:
        _write(weights, asked, made, numbers, checks[0])
    return Explanation(
        name="trust",
        question="Can one act on its confidences?",
        answer=_answer(numbers),
        checks=checks,
        numbers=numbers,
        provenance=asked.provenance(
            looked.sample, seed, hit="PCK@0.2 of the flip test", coverage=COVERAGE, tolerance=named(asked.skeleton), splits=SPLITS
        ),
        figures=figures(looked.scores[test], made.probabilities(looked.scores)[test], looked.hit[test], numbers, _example(looked, made, ~fitting)),
        tables=[_table(numbers)],
        limits=(
            "whether a keypoint is in the picture at all: probabilities hold for keypoints that are (`seen` says the other thing)",
            "the framing of `predict` without boxes: people were cut out by their labels",
            "other pictures: coverage is promised only for people like those it was fitted on (give --other to see a shift)",
            "wrong labels: they count as misses of the network",
        ),
    )


def fitted(looked: _Looked, fitting: Bool[np.ndarray, " N"], seed: int) -> tuple[Trust, dict[str, str]]:
    """Probabilities and radii from some of the people, and the kind of map that each keypoint got."""
    names = looked.sample.skeleton.keypoints
    chosen = looked.asked & fitting[:, None]
    kind, shared = best_fit(looked.scores[chosen], looked.hit[chosen], looked.groups(chosen), seed)
    maps, kinds = [], {}
    for k, name in enumerate(names):
        own = chosen[:, k]
        kinds[name], found = (
            best_fit(looked.scores[own, k], looked.hit[own, k], looked.images[own], seed) if own.sum() >= FEWEST_HITS else (f"shared {kind}", shared)
        )
        maps.append(found)
    counted = looked.counted & fitting[:, None]
    large = round(float(np.median(looked.size[counted.any(1)])), 2)
    radii = grouped_radii(looked.error, counted, trust_groups(looked.size, looked.seen, large), SEEN_GROUPS * SIZE_GROUPS)
    note = f"fitted on {int(fitting.sum())} people of {looked.sample.name}"
    radius = tuple(tuple(float(v) for v in row) for row in np.ceil(radii * 1e4) / 1e4)
    return Trust(probability=tuple(maps), radius=radius, large=large, coverage=COVERAGE, note=note), kinds


def _null(probability: Float[np.ndarray, " n"], groups: np.ndarray, seed: int) -> float:
    """The calibration error that even true probabilities would show on so many keypoints."""
    from glasspose.explain.reliability import calibration_error

    rng = np.random.default_rng([seed, 4])
    return float(np.mean([calibration_error(probability, rng.random(len(probability)) < probability) for _ in range(100)]))


def _orders(looked: _Looked, made: Trust, test: Bool[np.ndarray, "N K"], seed: int) -> dict[str, Any]:
    """By what to sort keypoints: the less risk the better."""
    hit, groups = looked.hit[test], looked.groups(test)
    ways = {"score": looked.scores, "probability": made.probabilities(looked.scores), "entropy": -looked.told.entropy, "flip": -looked.told.apart}
    found: dict[str, Any] = {}
    for name, values in ways.items():
        risk, area = risk_coverage(values[test], hit)
        shown = {f"risk at {share} %": float(risk[max(len(risk) * share // 100 - 1, 0)]) for share in (50, 80, 100)}
        found[name] = {"aurc": area, "interval": resampled_risk(values[test], hit, groups, seed), **shown}
    return found


def _people(looked: _Looked, made: Trust, test: Bool[np.ndarray, " N"]) -> dict[str, Any]:
    """How well a person's score orders people by their agreement with the labels (the OKS of Gu et al., ICML 2024), and how far it lies off."""
    chosen = test & looked.counted.any(1)
    counted = looked.counted[chosen]
    truth = (looked.similar[chosen] * counted).sum(1) / counted.sum(1)
    scores, probability = looked.scores[chosen], made.probabilities(looked.scores)[chosen]
    seen = np.where(np.asarray(looked.seen[chosen].any(1))[:, None], looked.seen[chosen], True)
    ways = {
        "predict's score (strongest keypoints)": person_scores(scores),
        "mean score": scores.mean(1),
        "mean probability of seen keypoints": (probability * seen).sum(1) / seen.sum(1),
    }
    weights = drawn_pictures(np.arange(len(truth)), resamples=200).astype(int)
    found = {}
    for name, value in ways.items():
        draws = [_order(np.repeat(value, row), np.repeat(truth, row)) for row in weights]
        found[name] = {
            "rank correlation": _order(value, truth),
            "interval": interval_of(np.array(draws)),
            "off by": float(np.abs(value - truth).mean()),
        }
    return found


def _order(value: Float[np.ndarray, " n"], truth: Float[np.ndarray, " n"]) -> float:
    """Spearman's rank correlation; 0 where one of them is the same for everybody."""
    return 0.0 if min(np.ptp(value), np.ptp(truth)) == 0 else float(spearmanr(value, truth).statistic)


def _coverage(looked: _Looked, seed: int) -> dict[str, Any]:
    """Of radii fitted on one half and tested on the other, over many splits; by size and visibility too."""
    rng, shares, radii = np.random.default_rng([seed, 2]), [], []
    large = looked.size >= np.median(looked.size[looked.counted.any(1)])
    named_groups = {
        "small people": ~large[:, None],
        "large people": large[:, None],
        "seen keypoints": looked.seen,
        "unseen keypoints": ~looked.seen,
        **({"occluded keypoints": looked.sample.occluded} if looked.sample.occluded.any() else {}),
    }
    parts: dict[str, list[float]] = {name: [] for name in named_groups}
    for _ in range(SPLITS):
        half = halves(looked.images, rng)
        counted = looked.counted & half[:, None]
        edge = float(np.median(looked.size[counted.any(1)]))
        group = trust_groups(looked.size, looked.seen, edge)
        found = grouped_radii(looked.error, counted, group, SEEN_GROUPS * SIZE_GROUPS)
        test = looked.counted & ~half[:, None]
        inside = covered(looked.error, group, found)
        shares.append(float(inside[test].mean()))
        radii.append(float(np.median(found[np.arange(found.shape[0]), group][test])))
        for name, mask in named_groups.items():
            chosen = test & np.broadcast_to(mask, test.shape)
            if chosen.any():
                parts[name].append(float(inside[chosen].mean()))
    return {
        "asked": COVERAGE,
        "mean": float(np.mean(shares)),
        "splits": [float(v) for v in np.quantile(shares, [0.0, 0.025, 0.975, 1.0])],
        "tested people": int((looked.counted.any(1)).sum() // 2),
        "median radius": float(np.mean(radii)),
        "groups": {name: float(np.mean(values)) for name, values in parts.items() if values},
    }


def _elsewhere(asked: Subject, other: Data, made: Trust, n: int, seed: int) -> dict[str, Any]:
    """The same calibration on other data."""
    looked = _Looked(asked, draw_sample(other, asked.skeleton, asked.size, n, seed))
    inside = covered(looked.error, trust_groups(looked.size, looked.seen, made.large), np.array(made.radius))
    chosen = looked.counted
    found: dict[str, Any] = {
        "data": looked.sample.name,
        "people": len(looked.sample),
        "coverage": float(inside[chosen].mean()),
        "coverage_interval": mean_interval(inside[chosen].astype(float), groups=looked.groups(chosen)),
    }
    test = looked.asked
    if test.sum() >= 100:
        found["calibration error"] = paired_error(
            looked.scores[test], made.probabilities(looked.scores)[test], looked.hit[test], looked.groups(test), seed
        )
    high = (found["coverage_interval"] or (0.0, 1.0))[1]
    return {**found, "shifted": bool(high < COVERAGE)}


def _checks(numbers: dict[str, Any], seed: int) -> list[Check]:
    error, conformal = numbers["calibration error"], numbers["conformal"]
    low = (error["fall_interval"] or (0.0, 0.0))[0]
    slack = float(norm.ppf(0.975)) * (COVERAGE * (1 - COVERAGE) / max(conformal["tested people"], 1)) ** 0.5
    return [
        Check(
            name="calibration lowers the error on pictures that it was not fitted on",
            passed=low > 0,
            value=error["fall"],
            bound="95 % interval above 0",
            reason=f"from {error['before']:.3f} to {error['after']:.3f}",
        ),
        Check(
            name=f"radii hold {100 * COVERAGE:.0f} % of keypoints over {SPLITS} random splits",
            passed=abs(conformal["mean"] - COVERAGE) <= slack,
            value=conformal["mean"],
            bound=f"within {slack:.3f} of {COVERAGE}",
        ),
        *selftest_trust(seed),
    ]


def _write(weights: str | Path | PoseNetwork, asked: Subject, made: Trust, numbers: dict[str, Any], check: Check) -> None:
    if not check.passed:
        raise UsageError(f"the calibration is not written: {check.line()}", "Fit it on more people with --n, or leave the scores as they are")
    if isinstance(weights, PoseNetwork):
        raise UsageError("a network at hand has no card to write to", "Save it with `save_weights` first")
    if asked.exported:
        raise UsageError("the card of an exported file is not written", "Calibrate the .safetensors file, and export it again")
    error = numbers["calibration error"]
    note = f"{made.note}; held-out calibration error {error['before']:.3f} before, {error['after']:.3f} after"
    calibration = replace(asked.calibration, trust=replace(made, note=note))
    update_card(weights, "calibration", calibration.to_json())


def _answer(numbers: dict[str, Any]) -> str:
    error, conformal, other = numbers["calibration error"], numbers["conformal"], numbers["other"]
    before, after = (100 * error[key] for key in ("before", "after"))
    (a, b), (c, d) = ([100 * v for v in error[f"{key}_interval"]] for key in ("before", "after"))
    low = (error["fall_interval"] or (0.0, 0.0))[0]
    first = f"{'Not on the raw scores' if low > 0 and before > 5 else 'Hardly better than on the raw scores' if low <= 0 else 'Nearly'}: they lie "
    text = (
        f"{first}{before:.1f} points ({a:.1f} to {b:.1f}) from the true rate of hits; calibrated on other pictures {after:.1f} "
        f"({c:.1f} to {d:.1f}), where {100 * numbers['null']:.1f} would be chance alone. "
        f"Radii for {100 * COVERAGE:.0f} % hold {100 * conformal['mean']:.1f} % of keypoints."
    )
    if other is None:
        return text
    low, high = other["coverage_interval"] or (np.nan, np.nan)
    loses = "SHIFT: they hold only" if other["shifted"] else "They hold"
    return f"{text} {loses} {100 * other['coverage']:.1f} % ({100 * low:.1f} to {100 * high:.1f}) on {other['data']}."


def _table(numbers: dict[str, Any]) -> Table:
    rows: list[list[str | float | int | None]] = []
    for name, found in numbers["orders"].items():
        rows.append([f"keypoints by {name}", "AURC (less is better)", found["aurc"], _bounds(found["interval"])])
    for name, found in numbers["people's scores"].items():
        rows.append([f"people by {name}", "rank correlation with agreement", found["rank correlation"], _bounds(found["interval"])])
    for name, value in numbers["conformal"]["groups"].items():
        rows.append([name, "coverage of 90 % radii", value, ""])
    return Table(name="orders", caption="What to sort by, and whom the radii hold", columns=("what", "measure", "value", "95 % interval"), rows=rows)


def _bounds(interval: Any) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _example(looked: _Looked, made: Trust, test: Bool[np.ndarray, " N"]) -> list[dict[str, Any]]:
    """Six of the tested people with their radii in input pixels, from sure to unsure."""
    chosen = np.flatnonzero(test & looked.counted.all(1))
    chosen = chosen if len(chosen) >= 6 else np.flatnonzero(test & looked.counted.any(1))
    order = chosen[np.argsort(-made.probabilities(looked.scores)[chosen].mean(1), kind="stable")]
    shown = order[np.linspace(0, len(order) - 1, min(6, len(order))).round().astype(int)]
    group = trust_groups(looked.size, looked.seen, made.large)
    radii = np.array(made.radius)[np.arange(group.shape[1]), group] * looked.size[:, None]
    scales = np.array([scale_of(matrix) for matrix in looked.sample.image_to_input])
    probability = made.probabilities(looked.scores)
    return [
        {
            "pixels": looked.sample.pixels[i],
            "keypoints": looked.keypoints[i],
            "radii": radii[i] * scales[i],
            "probability": probability[i],
            "truth": looked.sample.keypoints[i],
            "labelled": looked.counted[i],
        }
        for i in shown
    ]
