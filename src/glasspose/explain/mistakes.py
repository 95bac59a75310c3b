"""`explain errors`: what kinds of mistakes, on which keypoints, under which conditions, and what mending each kind would gain.

The one question (with `labels` and `trust`) that needs labels. Letters: N people, K keypoints.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.configs.data import Data
from glasspose.data import as_skeleton, read
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table
from glasspose.explain.injected import selftest_errors
from glasspose.explain.mistake_figures import figures
from glasspose.explain.opinions import Opinions, opinions
from glasspose.explain.sample import Sample, draw_sample
from glasspose.explain.slices import Slice, attributes, search, size_cuts
from glasspose.explain.subject import Progress, Told, judged, silent, subject
from glasspose.explain.suspicion import Claims, reason, signals
from glasspose.explain.taxonomy import FEWEST, GOOD_FROM, NAMES, NEAR_FROM, Kind, areas_of, classifiable, classify, gains, others_in
from glasspose.explain.tolerance import agreement, named
from glasspose.metrics.significance import mean_interval
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton

QUEUE = 20
SHUFFLES = 20


def errors(weights: str | Path | PoseNetwork, data: Data, *, n: int = 200, seed: int = 0, progress: Progress = silent) -> Explanation:
    """Sort every keypoint of n people into good, jitter, inversion, swap and miss; find the conditions under which mistakes are more frequent.

    Judged is the flip test's answer, as `predict` gives it. NotApplicableError where nobody has three labelled keypoints.
    """
    asked = subject(weights)
    sample = draw_sample(data, asked.skeleton, asked.size, n, seed)
    counted = classifiable(sample)
    if not counted.any():
        raise NotApplicableError(f"nobody in {sample.name} has {FEWEST} labelled keypoints", "Choose data with whole people")
    told = opinions(asked, sample, progress)
    others = others_in(sample, as_skeleton(read(data), asked.skeleton).annotations)
    area = areas_of(sample)
    kinds = classify(told.both.keypoints, sample.keypoints, counted, area, asked.skeleton, others)
    known = np.asarray(counted.any(1))
    slices = search(attributes(_of(sample, known)), _error_share(kinds)[known], sample.image_ids[known], seed=seed)
    measures = _measures(told.both, sample, counted, area)
    mended = {name: _gains(kinds, values, chosen, sample) for name, (values, chosen) in measures.items()}
    numbers = {
        "people": int(counted.any(1).sum()),
        "keypoints": int(counted.sum()),
        "beside others": len(np.unique(others.beside)),
        "kinds": _kinds(kinds, counted, sample),
        "per keypoint": {name: _shares(kinds[:, k : k + 1]) for k, name in enumerate(asked.skeleton.keypoints)},
        "gains": mended,
        "slices": [vars(found) for found in slices[:30]],
        "size cuts": size_cuts(_of(sample, known)),
    }
    queue = _queue(told, sample, counted, asked.size)
    return Explanation(
        name="errors",
        question="What kinds of mistakes does it make, where, and what would mending them gain?",
        answer=_answer(numbers, slices, len(others.beside)),
        checks=[*_checks(mended, slices, kinds, sample, counted, seed), *selftest_errors(seed)],
        numbers=numbers,
        provenance=asked.provenance(sample, seed, good_from=GOOD_FROM, near_from=NEAR_FROM, tolerance=named(asked.skeleton), answer="flip test"),
        figures=figures(kinds, counted, told.both, sample, slices, mended),
        tables=[_slice_table(slices), _keypoint_table(kinds, asked.skeleton), queue],
        limits=(
            "why a mistake happens: the kinds say what it looks like, and slices are associations",
            "mistakes apart from wrong labels: a share of what looks like inversion is an exchanged label (the review queue, and `explain labels`)",
            "swaps with people whom nobody has annotated: they look like misses",
        ),
    )


def _of(sample: Sample, chosen: Bool[np.ndarray, " N"]) -> Sample:
    """Some of the people."""
    arrays = {name: getattr(sample, name)[chosen] for name in ("pixels", "keypoints", "labelled", "occluded", "torso", "image_to_input")}
    people = [person for person, kept in zip(sample.people, chosen, strict=True) if kept]
    return Sample(name=sample.name, sha256=sample.sha256, skeleton=sample.skeleton, people=people, **arrays)


def _error_share(kinds: Int[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    """Of each person's keypoints, those that are worse than jitter."""
    found: np.ndarray = (kinds >= Kind.INVERSION).sum(1) / np.maximum((kinds >= 0).sum(1), 1)
    return found


def _measures(
    told: Told, sample: Sample, counted: Bool[np.ndarray, "N K"], area: Float[np.ndarray, " N"]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Measures that are means over keypoints: each with its values and whom it counts."""
    found = {"agreement": (agreement(told.keypoints, sample.keypoints, area, sample.skeleton), counted)}
    with_torso = counted & judged(sample)
    return found | ({"pck@0.2": (told.hits(sample).astype(np.float64), with_torso)} if with_torso.any() else {})


def _gains(kinds: Int[np.ndarray, "N K"], values: Float[np.ndarray, "N K"], counted: Bool[np.ndarray, "N K"], sample: Sample) -> dict[str, Any]:
    """Where the measure stands, and what each kind would add, with intervals over pictures."""
    groups = np.broadcast_to(sample.image_ids[:, None], counted.shape)[counted]
    now = values[counted]
    added = {
        NAMES[gain.kind]: {
            "share": gain.share,
            "added": gain.added,
            "interval": mean_interval(np.where(kinds[counted] == gain.kind, 1.0 - now, 0.0), groups=groups),
        }
        for gain in gains(kinds, values, counted)
    }
    return {"now": float(now.mean()), "interval": mean_interval(now, groups=groups), "keypoints": int(counted.sum()), "kinds": added}


def _kinds(kinds: Int[np.ndarray, "N K"], counted: Bool[np.ndarray, "N K"], sample: Sample) -> dict[str, Any]:
    groups = np.broadcast_to(sample.image_ids[:, None], counted.shape)[counted]
    own = kinds[counted]
    return {NAMES[k]: {"share": float((own == k).mean()), "interval": mean_interval((own == k).astype(float), groups=groups)} for k in Kind}


def _shares(kinds: Int[np.ndarray, "N n"]) -> dict[str, float | int | None]:
    known = kinds[kinds >= 0]
    return {"labels": len(known), **{NAMES[k]: float((known == k).mean()) if len(known) else None for k in Kind}}


def _queue(told: Opinions, sample: Sample, counted: Bool[np.ndarray, "N K"], size: tuple[int, int]) -> Table:
    """Labels that the network contradicts surely, in both mirror images, or whose limbs are odd: to be looked at by a person."""
    claims = Claims(
        skeleton=sample.skeleton,
        keypoints=told.both.keypoints,
        scores=told.both.scores,
        truth=sample.keypoints,
        labelled=counted,
        maps=told.maps,
        stride=size[1] / told.maps.shape[3],
    )
    found = signals(claims)
    consistent = np.exp(-((told.apart / 0.2) ** 2) * counted).mean(1)
    suspicion = np.sqrt(found.values["loss"]) * consistent + 0.2 * found.values["geometry"]
    rows = [
        (
            place,
            sample.people[i].image_id,
            sample.people[i].person_id,
            Path(sample.people[i].image).name,
            round(float(suspicion[i]), 3),
            reason(found, i),
        )
        for place, i in enumerate(np.argsort(-suspicion, kind="stable")[:QUEUE], 1)
    ]
    columns = ("rank", "image", "person", "file", "suspicion", "reason")
    return Table(name="review", caption="Suspected label errors, to be reviewed (`explain labels` ranks a whole dataset)", columns=columns, rows=rows)


def _checks(
    mended: dict[str, Any], slices: Sequence[Slice], kinds: Int[np.ndarray, "N K"], sample: Sample, counted: Bool[np.ndarray, "N K"], seed: int
) -> list[Check]:
    """Gains must lead to exactly 1; slices must vanish when the attributes are dealt to other people."""
    far = max(abs(one["now"] + sum(kind["added"] for kind in one["kinds"].values()) - 1) for one in mended.values())
    known = np.asarray(counted.any(1))
    named_, errors_, groups = attributes(_of(sample, known)), _error_share(kinds)[known], sample.image_ids[known]
    rng, false = np.random.default_rng([seed, 1]), 0
    for round_ in range(SHUFFLES if slices else 0):
        order = rng.permutation(len(errors_))
        dealt = {name: [values[i] for i in order] for name, values in named_.items()}
        false += any(found.finding for found in search(dealt, errors_, groups, seed=seed + round_, intervals=False))
    return [
        Check(name="what mending all kinds gains leads to a perfect score", passed=far < 1e-9, value=far, bound="off by less than 1e-9"),
        Check(
            name="attributes dealt to other people show no slice",
            passed=None if not slices else false <= 3,
            value=false / SHUFFLES,
            bound=f"at most 3 of {SHUFFLES} shuffles with any finding (0.05 expected)",
        ),
    ]


def _answer(numbers: dict[str, Any], slices: Sequence[Slice], others: int) -> str:
    shares = {name: found["share"] for name, found in numbers["kinds"].items()}
    wrong = {name: share for name, share in shares.items() if name != "good" and (name != "swap" or others)}
    parts = ", ".join(f"{100 * share:.1f} % {name}" for name, share in wrong.items())
    low, high = numbers["kinds"]["good"]["interval"] or (np.nan, np.nan)
    measure = "pck@0.2" if "pck@0.2" in numbers["gains"] else "agreement"
    mended = numbers["gains"][measure]["kinds"]
    best = max((name for name in mended if name != "good"), key=lambda name: mended[name]["added"])
    bounds = mended[best]["interval"] or (np.nan, np.nan)
    first = (
        f"{100 * shares['good']:.1f} % ({100 * low:.1f} to {100 * high:.1f}) of {numbers['keypoints']} keypoints are good; the others are {parts}. "
    )
    gained = f"{100 * mended[best]['added']:.1f} points ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}) of {measure}"
    second = f"Most would be gained by mending {_plural(best)}: {gained}. "
    worst = next((found for found in slices if found.finding), None)
    third = (
        f"Worst is the condition {worst.condition}: {100 * worst.error:.0f} % of keypoints wrong, against {100 * worst.elsewhere:.0f} % elsewhere."
        if worst
        else "No condition has significantly more of them."
    )
    return first + second + third


def _plural(kind: str) -> str:
    return {"jitter": "jitter", "miss": "misses"}.get(kind, f"{kind}s")


def _slice_table(slices: Sequence[Slice]) -> Table:
    def row(found: Slice) -> list[str | float | int | None]:
        bounds = "" if found.interval is None else f" ({100 * found.interval[0]:.0f} to {100 * found.interval[1]:.0f})"
        share = f"{100 * found.error:.1f}{bounds}"
        return [found.condition, found.people, share, f"{100 * found.elsewhere:.1f}", round(found.p, 4), "yes" if found.finding else "no"]

    columns = ("condition", "people", "wrong keypoints, %", "elsewhere, %", "p (adjusted)", "finding")
    return Table(
        name="slices", caption="Conditions under which keypoints are inverted, swapped or missed", columns=columns, rows=[row(s) for s in slices]
    )


def _keypoint_table(kinds: Int[np.ndarray, "N K"], skeleton: Skeleton) -> Table:
    rows: list[list[str | float | int | None]] = []
    for k, name in enumerate(skeleton.keypoints):
        shares = _shares(kinds[:, k : k + 1])
        rows.append([name, shares["labels"], *(None if shares[kind] is None else f"{100 * float(shares[kind] or 0):.1f}" for kind in NAMES)])
    return Table(name="keypoints", caption="Kinds of mistakes, % of each keypoint's labels", columns=("keypoint", "labels", *NAMES), rows=rows)
