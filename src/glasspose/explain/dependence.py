"""`explain context`: if the elbow is hidden, where does the wrist go? Which keypoints a network places by the sight of others.

Regions follow the network's own answer; no label is used. Letters: N people, R regions (K keypoints, then limbs), K keypoints, P parts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glasspose.attribution.fills import FILLS
from glasspose.configs.data import Data
from glasspose.explain.covering import REACH, region_names
from glasspose.explain.dependence_figures import figures
from glasspose.explain.explanation import Check, Explanation, Table
from glasspose.explain.hiding import Hidden, hide, nothing_hidden
from glasspose.explain.influence import LEVEL, Influence, false_findings, fills_agree, influence_of, measure, split_half
from glasspose.explain.sample import Sample, draw_sample
from glasspose.explain.shapley import players, shapley_values
from glasspose.explain.subject import Askable, Progress, silent, subject
from glasspose.explain.tolerance import named
from glasspose.explain.witness import questioned
from glasspose.metrics.significance import mean_interval, mean_intervals
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton

ELSEWHERE = 0.5
"""Below this agreement a keypoint lies elsewhere."""
UNFITTED = "whether keypoints that went elsewhere stayed confident: nobody has fitted thresholds for this file"
STABLE = 0.9
"""Two halves of the pictures must give matrices that correlate so well."""


def context(
    weights: str | Path | PoseNetwork, data: Data, *, n: int = 50, seed: int = 0, skeleton: str | None = None, progress: Progress = silent
) -> Explanation:
    """Hide every keypoint's region and every limb with three fills, and every coalition of body parts, and see what moves.

    About 6 (K + limbs) + 2^P forward passes a person, for P body parts with the background (LSP: 297).
    `weights` may be a file of `glasspose export`, or an .onnx file of others with the name of its `skeleton`.
    """
    asked = questioned(weights, skeleton)
    return explained(asked, draw_sample(data, asked.skeleton, asked.size, n, seed), seed, progress)


def explained(asked: Askable, sample: Sample, seed: int = 0, progress: Progress = silent) -> Explanation:
    """The same of a sample at hand."""
    found = hide(asked, sample, seed, progress)
    groups = sample.image_ids
    matrix = influence_of(found, groups, seed)
    shares = np.stack([shapley_values(values) for values in found.coalitions])
    invented, confident = hallucinated(found, asked.thresholds)
    numbers = _numbers(found, matrix, shares, groups, asked.skeleton) | {
        "hallucination": _rates(invented, confident, groups, asked.skeleton),
        "split_half": split_half(matrix, groups, len(asked.skeleton), seed),
        "fills_agree": fills_agree(found),
    }
    return Explanation(
        name="context",
        question="Which keypoints does the network place by the sight of others?",
        answer=_answer(numbers, matrix, asked.skeleton),
        checks=_checks(asked, sample, found, matrix, shares, numbers, seed),
        numbers=numbers,
        provenance=asked.provenance(sample, seed, fills=list(FILLS), reach=REACH, tolerance=named(asked.skeleton), level=LEVEL),
        figures=figures(found, matrix, shares, sample, asked.skeleton),
        tables=[_pairs_table(matrix, asked.skeleton), _rate_table(numbers["hallucination"])],
        limits=(
            "what a keypoint does when its own region is hidden as well: such cells are left out, only the diagonal shows them",
            "what the network would do without that part of a body: every fill is a picture that it was not trained for, and the fills differ",
            "influence of what no region holds, and of regions together beyond the Shapley values, for which each person had one fill in turn",
            "cells that are not marked: too few pictures to tell them from chance, which is not the same as no influence",
            *([UNFITTED] if asked.thresholds is None else []),
        ),
    )


def hallucinated(found: Hidden, thresholds: Float[np.ndarray, " K"] | None) -> tuple[Float[np.ndarray, "N K"], Bool[np.ndarray, "N K"]]:
    """With its own region hidden: the share of fills under which a keypoint stays confident and lies elsewhere; and who was confident before.

    Without thresholds nobody knows who is confident.
    """
    if thresholds is None:
        return np.zeros(found.whole.scores.shape), np.zeros(found.whole.scores.shape, bool)
    own = np.arange(found.similar.shape[-1])
    similar, scores = found.similar[:, 0][..., own, own], found.scores[:, 0][..., own, own]
    return ((scores >= thresholds) & (similar < ELSEWHERE)).mean(1), found.whole.scores >= thresholds


def _rates(invented: Float[np.ndarray, "N K"], confident: Bool[np.ndarray, "N K"], groups: np.ndarray, skeleton: Skeleton) -> dict[str, Any]:
    means, bounds = mean_intervals(invented, confident, groups)
    rows = {name: _told(means[k], bounds[k], int(confident[:, k].sum())) for k, name in enumerate(skeleton.keypoints)}
    keypoints = np.broadcast_to(groups[:, None], invented.shape)[confident]
    whole = mean_interval(invented[confident], groups=keypoints)
    rate = float(invented[confident].mean()) if confident.any() else None
    return {"rate": rate, "interval": whole, "n": int(confident.sum()), "per_keypoint": rows}


def _told(mean: float, bounds: np.ndarray, n: int) -> dict[str, Any]:
    return {"rate": mean, "interval": bounds, "n": n}


def _numbers(found: Hidden, matrix: Influence, shares: Float[np.ndarray, "N P K"], groups: np.ndarray, skeleton: Skeleton) -> dict[str, Any]:
    apart = ~found.covers
    own = found.covers & np.eye(len(found.covers[0]), len(skeleton), dtype=bool)
    shown = apart | own
    lost_score = found.whole.scores[:, None] - found.scores[:, 0].mean(1)
    shapley = measure(shares, np.ones_like(shares, bool), groups)
    return {
        "regions": region_names(skeleton),
        "keypoints": list(skeleton.keypoints),
        "influence": {"mean": matrix.mean, "interval": matrix.bounds, "p_adjusted": matrix.p, "n": matrix.counted.sum(0)},
        "lost_agreement": measure(1 - found.similar[:, 0].mean(1), shown, groups),
        "lost_agreement_background": measure(1 - found.similar[:, 1].mean(1), np.broadcast_to(found.room[:, :, None], apart.shape), groups),
        "lost_score": measure(lost_score, shown, groups),
        "moved_px": measure(found.apart[:, 0].mean(1), shown, groups),
        "left_out": {"under_the_cover": 1 - apart.mean(0), "no_background_as_large": 1 - found.room.mean(0)},
        "shapley": {"parts": players(skeleton), **shapley},
    }


def _checks(
    asked: Askable,
    sample: Sample,
    found: Hidden,
    matrix: Influence,
    shares: Float[np.ndarray, "N P K"],
    numbers: Mapping[str, Any],
    seed: int,
) -> list[Check]:
    moved = nothing_hidden(asked, sample, found.whole)
    off = np.abs(shares.sum(1) - (found.coalitions[:, -1] - found.coalitions[:, 0])).max()
    seen = float(np.abs(found.coalitions[:, -1] - 1).max())
    several = len(np.unique(sample.image_ids)) >= 2 and matrix.counted.any()
    wrong = false_findings(matrix, sample.image_ids, seed=seed) if several else None
    return [
        Check(name="an empty cover moves no keypoint", passed=moved == 0.0, value=moved, bound="exactly 0 px"),
        Check(name="Shapley values sum to what all parts are worth together", passed=bool(off <= 1e-5), value=float(off), bound="at most 1e-5"),
        Check(name="all parts to be seen give the answer itself", passed=seen <= 1e-4, value=seen, bound="at most 1e-4 of agreement"),
        Check(
            name="runs of 100 that find something where region and background change places at random",
            passed=None if wrong is None else wrong <= 10,
            value=wrong,
            bound="at most 10",
            reason="" if several else "it takes two pictures with background to hide",
        ),
        _stable(numbers["split_half"], len(sample), bool(matrix.significant.any())),
    ]


def _stable(correlation: float | None, n: int, claimed: bool) -> Check:
    """A matrix in which nothing is claimed has nothing to repeat."""
    name, bound = "the matrices of two halves of the pictures correlate", f"at least {STABLE}"
    if correlation is None or not claimed:
        why = "no cell differs from background" if correlation is not None else "it takes four pictures, and influence that varies"
        return Check(name=name, passed=None, value=correlation, bound=bound, reason=why)
    if correlation >= STABLE:
        return Check(name=name, passed=True, value=correlation, bound=bound)
    needed = f", about {_needed(correlation, n)} would do" if correlation > 0 else ""
    return Check(
        name=name,
        passed=False,
        value=correlation,
        bound=bound,
        reason=f"{n} people are too few for the matrix as a whole{needed}; read the marked cells alone",
    )


def _needed(correlation: float, n: int) -> int:
    """By Spearman and Brown's formula, rounded up to tens."""
    return int(np.ceil(n * STABLE / (1 - STABLE) * (1 - correlation) / correlation / 10)) * 10


def strongest(matrix: Influence, skeleton: Skeleton) -> list[tuple[int, int]]:
    """(row, keypoint) of the significant cells between keypoints, the strongest first."""
    chosen = matrix.significant[: len(skeleton)]
    cells = [(int(j), int(k)) for j, k in zip(*np.nonzero(chosen), strict=True)]
    return sorted(cells, key=lambda cell: -matrix.mean[cell])


def _answer(numbers: Mapping[str, Any], matrix: Influence, skeleton: Skeleton) -> str:
    cells, names = strongest(matrix, skeleton), region_names(skeleton)
    known = matrix.mean[: len(skeleton)][np.isfinite(matrix.mean[: len(skeleton)])]
    rate = numbers["hallucination"]
    invented = ""
    if rate["rate"] is not None:
        between = f" ({100 * rate['interval'][0]:.0f} to {100 * rate['interval'][1]:.0f})" if rate["interval"] else ""
        invented = f" With its own region hidden, a keypoint stays confident and lies elsewhere in {100 * rate['rate']:.0f} % of cases{between}."
    if not cells:
        most = f" (largest excess {100 * known.max():.1f} points)" if len(known) else ""
        return f"None of {len(known)} pairs: hiding a keypoint moves no other more than hiding as much background does{most}.{invented}"
    j, k = cells[0]
    low, high = 100 * matrix.bounds[j, k]
    first = f"Hiding the {names[j]} moves the {names[k]} most: it loses {100 * matrix.mean[j, k]:.1f} points of agreement ({low:.1f} to {high:.1f})"
    return f"{first} more than for as much background; {len(cells)} of {len(known)} pairs differ from background (family-wise 5 %).{invented}"


def _pairs_table(matrix: Influence, skeleton: Skeleton) -> Table:
    names = region_names(skeleton)
    order = np.argsort(-np.where(np.isfinite(matrix.mean), matrix.mean, -np.inf), axis=None, kind="stable")
    cells = [np.unravel_index(cell, matrix.mean.shape) for cell in order[: np.isfinite(matrix.mean).sum()]]
    rows = [
        (
            names[int(r)],
            names[int(k)],
            f"{100 * matrix.mean[r, k]:.1f} ({100 * matrix.bounds[r, k, 0]:.1f} to {100 * matrix.bounds[r, k, 1]:.1f})",
            float(matrix.p[r, k]),
            int(matrix.counted[:, r, k].sum()),
        )
        for r, k in cells
    ]
    columns = ("hidden", "keypoint", "agreement lost beyond background, points", "p (adjusted)", "people")
    return Table(name="influence", caption="Who moves when a region is hidden, the strongest first", columns=columns, rows=rows)


def _rate_table(rates: Mapping[str, Any]) -> Table:
    def row(name: str, told: Mapping[str, Any]) -> Sequence[str | int]:
        known = told["rate"] is not None and np.isfinite(told["rate"]) and told["interval"] is not None
        shown = f"{100 * told['rate']:.0f} ({100 * told['interval'][0]:.0f} to {100 * told['interval'][1]:.0f})" if known else "-"
        return (name.replace("_", " "), shown, told["n"])

    rows = [row(name, told) for name, told in rates["per_keypoint"].items()] + [row("all", rates)]
    columns = ("keypoint", "confident and elsewhere, %", "cases")
    return Table(name="hallucination", caption="With its own region hidden, of keypoints that were confident before", columns=columns, rows=rows)


def selftest_context(seed: int = 0) -> Sequence[Check]:
    """A network of independent keypoints, in which nothing may be found; and one that places a keypoint by another's dot, which must be."""
    from glasspose.explain.hand_wired import dotted, finder

    sample = dotted(16, seed)
    alone = explained(subject(finder()), sample, seed)
    copied = explained(subject(finder(copied=True)), sample, seed)
    excess = float(np.nanmax(np.abs(alone.numbers["influence"]["mean"])))
    found = float(np.nanmax(copied.numbers["influence"]["mean"][0]))
    named_first = copied.answer.startswith("Hiding the red moves the magenta most")
    return [
        Check(name="context: independent keypoints, largest influence", passed=excess <= 0.02, value=excess, bound="at most 0.02"),
        Check(name="context: independent keypoints, nothing is claimed", passed=alone.answer.startswith("None of")),
        Check(name="context: a keypoint placed by another's dot is found", passed=named_first, value=found, bound="named first"),
    ]
