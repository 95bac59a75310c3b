"""`explain skips`: whether precision comes from the bottleneck, or from the skip at a level of a stack.

Branches of a trained network are switched off after the fact ("post hoc": what this network relies on). What the architecture needs is
another question, which only a network retrained without skips answers; the two are never mixed.
Letters: N people, K keypoints, M branches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor

from glasspose.attribution.ablation import MODES, Branches, answers_without, branches, optimal_constant
from glasspose.attribution.fills import partners
from glasspose.configs.data import Data
from glasspose.explain.branch_figures import figures
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table
from glasspose.explain.sample import Sample, draw_sample
from glasspose.explain.subject import Progress, Subject, Told, judged, silent, subject
from glasspose.explain.tolerance import agreement, areas, named
from glasspose.metrics.significance import mean_interval
from glasspose.network import PoseNetwork

AGREEMENT_OF_MODES = 0.7
"""Below this rank correlation between zero and resample, the ranking of branches depends on how they are switched off."""
FIT_ON = 32
"""The optimal constants are fitted on so many people at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Effect:
    """What became of N people's keypoints with some branches switched off."""

    names: tuple[str, ...]
    mode: str
    told: Told
    similar: Float[np.ndarray, " N"]
    """Mean agreement with the network's own unchanged keypoints, 1 where nothing moved. Needs no labels."""

    def numbers(self, sample: Sample, whole: Told) -> dict[str, Any]:
        """With 95 % intervals over pictures; PCK needs labels, the loss of agreement none."""
        kept: dict[str, Any] = {"branches": list(self.names), "mode": self.mode, **_mean("lost_agreement", 1 - self.similar, sample)}
        asked = judged(sample).any(1)
        for threshold in (0.2, 0.1):
            lost = pck_of_people(whole, sample, threshold) - pck_of_people(self.told, sample, threshold)
            kept |= _mean(f"lost_pck@{threshold}", lost[asked], sample, asked)
        return kept


def skips(
    weights: str | Path | PoseNetwork,
    data: Data,
    *,
    n: int = 200,
    seed: int = 0,
    retrained: str | Path | PoseNetwork | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Switch off every skip branch (level x stack) of an hourglass or U-Net in four ways, alone and by levels, and measure what is lost.

    `retrained` names weights trained without skips; they are measured on the same people and reported apart. NotApplicableError for
    networks without skips.
    """
    asked = subject(weights)
    places = asked.taps(".skip")
    sample = draw_sample(data, asked.skeleton, asked.size, n, seed)
    known = branches(asked.network, places, sample.inputs())
    whole = _decoded(asked, torch.cat([asked.network.answers(images)[:, -1].detach() for _, images in sample.batches()]))
    effects = _effects(asked, known, whole, seed, progress)
    everything = next(e for e in effects if len(e.names) == len(places) and e.mode == "zero")
    checks = _checks(asked, known, effects, sample, whole)
    other = None if retrained is None else _retrained(retrained, sample)
    rows = [effect.numbers(sample, whole) for effect in effects]
    numbers = {
        "pck@0.2": float(np.mean(pck_of_people(whole, sample, 0.2)[judged(sample).any(1)])),
        "effects": rows,
        "retrained": other,
        "mode_agreement": checks[-1].value,
    }
    return Explanation(
        name="skips",
        question="Does precision come from the bottleneck, or from the skips?",
        answer=_answer(everything.numbers(sample, whole), rows, numbers, len(places)),
        checks=checks,
        numbers=numbers,
        provenance=asked.provenance(sample, seed, modes=list(MODES), tolerance=named(asked.skeleton), kind="post hoc"),
        figures=figures(effects, rows, sample, whole, asked.skeleton),
        tables=[_table(rows)],
        limits=(
            "what the architecture needs: a network trained without skips may do well (measured apart with --retrained)",
            "the branch's part alone: the rest of the network meets inputs that it never saw in training, most of all under `zero`",
        ),
    )


def pck_of_people(told: Told, sample: Sample, threshold: float) -> Float[np.ndarray, " N"]:
    """Each person's share of hits among the keypoints that PCK counts; 0 for people without any."""
    counted = judged(sample)
    found: np.ndarray = (told.hits(sample, threshold) & counted).sum(1) / np.maximum(counted.sum(1), 1)
    return found


def _effects(asked: Subject, known: Branches, whole: Told, seed: int, progress: Progress) -> list[Effect]:
    """Every branch alone in every mode; then all subsets of levels, over all stacks at once, by zero and by mean."""
    names = list(known.places)
    others = torch.from_numpy(partners(len(known.images), seed))
    fit = np.random.default_rng(seed).permutation(len(known.images))[:FIT_ON].tolist()
    jobs = [((name,), mode) for name in names for mode in MODES] + [(subset, mode) for subset in level_subsets(names) for mode in ("zero", "mean")]
    scale = areas(whole.keypoints)
    effects = []
    for done, (subset, mode) in enumerate(jobs):
        constants = {name: optimal_constant(known, name, fit, seed=seed) for name in subset} if mode == "constant" else None
        told = _decoded(asked, answers_without(known, subset, mode, others=others, constants=constants))
        similar = agreement(told.keypoints, whole.keypoints, scale, asked.skeleton).mean(1)
        effects.append(Effect(names=subset, mode=mode, told=told, similar=similar))
        progress(done + 1, len(jobs))
    return effects


def level_subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """For every set of levels (skip0, skip1, ...), the branches of these levels in all stacks; single branches, which stand alone, left out."""
    levels = sorted({name.split(".")[-1] for name in names})
    chosen = [set(some) for count in range(1, len(levels) + 1) for some in combinations(levels, count)]
    subsets = [tuple(name for name in names if name.split(".")[-1] in some) for some in chosen]
    return [subset for subset in subsets if len(subset) > 1 or len(names) == 1]


def _decoded(asked: Subject, answers: Float[Tensor, "N ..."]) -> Told:
    with torch.inference_mode():
        keypoints, scores = asked.network.codec.decode(answers)
    return Told(keypoints=keypoints.double().numpy(), scores=scores.double().numpy())


def _mean(name: str, values: np.ndarray, sample: Sample, chosen: Any = slice(None)) -> dict[str, Any]:
    groups = sample.image_ids[chosen]
    return {name: float(values.mean()) if len(values) else None, f"{name}_interval": mean_interval(values, groups=groups)}


def _checks(asked: Subject, known: Branches, effects: Sequence[Effect], sample: Sample, whole: Told) -> list[Check]:
    themselves = torch.arange(len(known.images))
    same = _decoded(asked, answers_without(known, list(known.places), "resample", others=themselves))
    moved = float(np.abs(same.keypoints - whole.keypoints).max())
    alone = {mode: [1 - e.similar.mean() for e in effects if len(e.names) == 1 and e.mode == mode] for mode in MODES}
    order = float(spearmanr(alone["zero"], alone["resample"]).statistic) if len(known.places) > 2 else None
    kinder = float(np.mean(np.array(alone["constant"]) <= np.array(alone["mean"]) + 0.02))
    return [
        Check(name="branches replaced by what they said themselves move no keypoint", passed=moved == 0.0, value=moved, bound="exactly 0 px"),
        Check(name="the optimal constant loses no more than the mean", passed=kinder >= 0.8, value=kinder, bound="for at least 80 % of branches"),
        Check(
            name="zero and resample rank the branches alike",
            passed=None if order is None else order >= AGREEMENT_OF_MODES,
            value=order,
            bound=f"rank correlation at least {AGREEMENT_OF_MODES}",
            reason="mode-dependent: read each mode for itself" if order is not None and order < AGREEMENT_OF_MODES else "",
        ),
    ]


def _retrained(weights: str | Path | PoseNetwork, sample: Sample) -> dict[str, Any]:
    other = subject(weights)
    if other.skeleton != sample.skeleton or other.size != sample.size:
        raise NotApplicableError("the retrained weights have other keypoints or another input size", "Train them by the same recipe")
    told = other.ask_all(sample)
    asked = judged(sample).any(1)
    return {"model": other.card["name"], **_mean("pck@0.2", pck_of_people(told, sample, 0.2)[asked], sample, asked)}


def _answer(everything: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], numbers: Mapping[str, Any], count: int) -> str:
    lost, (low, high) = everything["lost_pck@0.2"], everything["lost_pck@0.2_interval"] or (np.nan, np.nan)
    first = (
        f"With all {count} skips switched off (zero), this network loses {100 * lost:.1f} points of PCK@0.2 ({100 * low:.1f} to {100 * high:.1f}) "
        f"of its {100 * numbers['pck@0.2']:.1f} %: "
    )
    share = lost / max(numbers["pck@0.2"], 1e-9)
    said = "it lives on its skips" if share > 0.5 else "the bottleneck alone carries most of it" if share < 0.2 else "it needs both paths"
    retrained = numbers["retrained"]
    apart = f" Retrained without skips: {100 * retrained['pck@0.2']:.1f} %, another question." if retrained else ""
    return f"{first}{said}. {_most(rows, numbers['mode_agreement'])}{apart}"


def _most(rows: Sequence[Mapping[str, Any]], order: float | None) -> str:
    """The single branch that matters most, if the ways of switching off agree on it."""
    if order is not None and order < AGREEMENT_OF_MODES:
        return f"Which single branch matters most depends on how it is switched off (rank correlation of zero and resample {order:.2f})."
    alone = [row for row in rows if len(row["branches"]) == 1 and row["mode"] == "resample"]
    worst = max(alone, key=lambda row: row["lost_agreement"])
    return f"The branch it relies on most, given another picture's instead, is {worst['branches'][0]}."


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    def shown(row: Mapping[str, Any], key: str) -> str:
        bounds = row[f"{key}_interval"]
        return "-" if row[key] is None else f"{100 * row[key]:.1f}" + (f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else "")

    keys = {"lost_agreement": "agreement lost, %", "lost_pck@0.2": "PCK@0.2 lost, points", "lost_pck@0.1": "PCK@0.1 lost, points"}
    body = [(" + ".join(row["branches"]), row["mode"], *(shown(row, key) for key in keys)) for row in rows]
    return Table(
        name="effects", caption="What is lost with branches switched off (post hoc)", columns=("branches", "mode", *keys.values()), rows=body
    )
