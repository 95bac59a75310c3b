"""`explain stress`: which cue breaks the network when it is changed.

One thing is changed at a time, at growing doses, and the answer is compared with the network's own answer for the picture as it is; labels
serve PCK alone. Letters: N people, V variants of a picture, K keypoints, H W input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import spearmanr

from glasspose.attribution.fills import partners
from glasspose.configs.data import Data
from glasspose.data.loading import normalise
from glasspose.explain.cues import CUES, GROWN, Scene, Variant, scene, variants, varied
from glasspose.explain.explanation import Check, Explanation, Table
from glasspose.explain.robustness_figures import figures
from glasspose.explain.sample import Sample, draw_sample, whose
from glasspose.explain.subject import Progress, Subject, Told, judged, silent, subject
from glasspose.explain.tolerance import agreement, areas, named
from glasspose.geometry import inside, invert, transform
from glasspose.metrics.significance import mean_interval, mean_intervals
from glasspose.network import PoseNetwork

MONOTONE = 0.8
"""Rank correlation of dose and loss, over the cues with more than one dose."""
HOLDS = 0.8
"""So many labelled keypoints must lie where the person is held to be, or "background" means something else."""
ELSEWHERE = 0.5
"""Below this agreement a keypoint lies elsewhere."""
HULL = f"the hull of the predicted pose, grown by {GROWN} of its scale"
TRIED = 4
"""On so many people all doses of 0 are tried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stressed:
    """What became of N people in V variants each."""

    whole: Told
    names: Sequence[tuple[str, float]]
    """Cue and dose of the V variants."""
    places: Float[np.ndarray, "N V K 2"]
    """Mapped back to the unchanged picture, left and right swapped back."""
    similar: Float[np.ndarray, "N V K"]
    counted: Bool[np.ndarray, "N V K"]
    """The keypoint's own place is still in the picture."""
    inverted: Bool[np.ndarray, "N V K"]
    """It lies where its twin was, and not where it was itself."""
    untouched: float
    """By how many pixels keypoints, or by how many levels pixels, change at dose 0."""
    holds: float | None
    """The share of labelled keypoints that lie where the person is held to be; of people with a mask, the visible ones."""
    masked: int
    """How many people were told from the background by a labelled mask."""

    @property
    def person(self) -> str:
        """By what people were told from the background."""
        return whose(self.masked, len(self.places), HULL)

    @property
    def untold(self) -> list[str]:
        """What it does not show for lack of masks."""
        hulls = len(self.places) - self.masked
        told = f"what masks would show of {hulls} people: there the person is the grown hull of the predicted pose, with some background in it"
        return [told] if hulls else []

    def per_person(self, values: np.ndarray) -> Float[np.ndarray, "N V"]:
        """Means over a person's keypoints that count."""
        found: np.ndarray = (values * self.counted).sum(-1) / np.maximum(self.counted.sum(-1), 1)
        return found


def stress(weights: str | Path | PoseNetwork, data: Data, *, n: int = 200, seed: int = 0, progress: Progress = silent) -> Explanation:
    """Change background, colour, texture, framing and quality of the pictures, one at a time, and see what breaks. 48 forward passes a person."""
    asked = subject(weights)
    return explained(asked, draw_sample(data, asked.skeleton, asked.size, n, seed, masks=True), seed, progress)


def explained(asked: Subject, sample: Sample, seed: int = 0, progress: Progress = silent) -> Explanation:
    """The same of a sample at hand."""
    found = stressed(asked, sample, seed, progress)
    rows = effects(found, sample)
    ranked = reliance(rows)
    ahead = first(ranked, found, sample)
    numbers = {
        "reliance": [{"cue": row["cue"], "family": row["family"], **{k: row[k] for k in row if k.startswith("lost_agreement")}} for row in ranked],
        "first": ahead,
        "effects": rows,
        "people_by": {"mask": found.masked, "hull": len(sample) - found.masked},
        "left_right_inversion_when_mirrored": next((r["inverted"] for r in rows if r["cue"] == "flip"), None),
    }
    return Explanation(
        name="stress",
        question="Which cue, when it is changed, breaks the network?",
        answer=f"{_answer(ranked, ahead, rows)} The person is {found.person}.",
        checks=_checks(found, rows),
        numbers=numbers,
        provenance=asked.provenance(sample, seed, cues=list(CUES), person=found.person, tolerance=named(asked.skeleton)),
        figures=figures(found, rows, ranked, sample, asked, seed),
        tables=[_reliance_table(ranked), _effects_table(rows)],
        limits=(
            "how much the network relies on a cue in general: doses of different cues are not equally strong, and the ranking is of these doses",
            *found.untold,
            "whether an answer is right: agreement is with the network's own answer; only the PCK columns look at labels",
            "scores comparable with ImageNet-C or PoseBench: kinds and order of the corruptions are theirs, the constants are not",
        ),
    )


def stressed(asked: Subject, sample: Sample, seed: int, progress: Progress) -> Stressed:
    """Every person with all variants in one batch, of which the picture itself is the first and the picture at dose 0 the second."""
    others = partners(len(sample), seed)
    first_answers = asked.ask_all(sample)
    people, untouched, holding = [], 0.0, []
    for i in range(len(sample)):
        seen = scene(sample, i, int(others[i]), first_answers.keypoints[i], seed)
        made = [varied(seen, "crop shift", 0.0), *variants(seen)]
        told = asked.ask(normalise(torch.from_numpy(np.stack([seen.pixels, *(variant.pixels for variant in made)]))))
        untouched = max(untouched, float(np.abs(told.keypoints[1] - told.keypoints[0]).max()), _touched(seen) if i < TRIED else 0.0)
        holding.append(_held(seen, sample, i))
        people.append((told.keypoints[0], told.scores[0], *_back(asked, made[1:], told, sample.size)))
        progress(i + 1, len(sample))
    keypoints, scores, places, similar, counted, inverted = (np.stack([person[j] for person in people]) for j in range(6))
    held = np.concatenate(holding)
    return Stressed(
        whole=Told(keypoints=keypoints, scores=scores),
        names=[(name, dose) for name, cue in CUES.items() for dose in cue.doses],
        places=places,
        similar=similar,
        counted=counted,
        inverted=inverted,
        untouched=untouched,
        holds=float(held.mean()) if len(held) else None,
        masked=sum(sample.mask(i) is not None for i in range(len(sample))),
    )


def _touched(seen: Scene) -> float:
    """By how many levels any cue at dose 0 changes any pixel."""
    return float(max(np.abs(varied(seen, name, 0.0).pixels.astype(int) - seen.pixels).max() for name in CUES))


def _held(seen: Scene, sample: Sample, i: int) -> Bool[np.ndarray, " M"]:
    asked = sample.labelled[i] & inside(sample.keypoints[i], sample.size)
    if sample.mask(i) is not None:
        asked = asked & ~sample.occluded[i]
    points = sample.keypoints[i][asked]
    x, y = points.round().astype(int).clip(0, [sample.size[1] - 1, sample.size[0] - 1]).T
    found: np.ndarray = seen.person[y, x, 0] > 0.5
    return found


def _back(asked: Subject, made: Sequence[Variant], told: Told, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Places in the unchanged picture, agreement, which keypoints count, and which have changed sides."""
    own, flip = told.keypoints[0], list(asked.skeleton.flip)
    places = np.stack([transform(points[flip] if v.mirrored else points, v.back) for v, points in zip(made, told.keypoints[2:], strict=True)])
    area, skeleton = areas(own[None]), asked.skeleton
    similar, twin = agreement(places, own, area, skeleton), agreement(places, own[flip], area, skeleton)
    counted = np.stack([inside(transform(own, invert(v.back)), size) for v in made])
    paired = np.array(flip) != np.arange(len(flip))
    return places, similar, counted, (twin >= ELSEWHERE) & (similar < ELSEWHERE) & paired


def effects(found: Stressed, sample: Sample) -> list[dict[str, Any]]:
    """One row for each cue and dose, with 95 % intervals over pictures; PCK where there are labels."""
    groups = sample.image_ids
    lost = 1 - found.per_person(found.similar)
    paired = np.array(sample.skeleton.flip) != np.arange(len(sample.skeleton))
    sides = found.counted[..., paired]
    inverted = found.inverted[..., paired].sum(-1) / np.maximum(sides.sum(-1), 1)
    hits = np.linalg.norm(found.places - sample.keypoints[:, None], axis=-1) <= 0.2 * sample.torso[:, None, None]
    before = found.whole.hits(sample)[:, None]
    asked: np.ndarray = judged(sample)[:, None] & found.counted
    fewer = ((before.astype(float) - hits) * asked).sum(-1) / np.maximum(asked.sum(-1), 1)
    parts = {
        "lost_agreement": mean_intervals(lost, np.asarray(found.counted.any(-1)), groups),
        "lost_pck@0.2": mean_intervals(fewer, np.asarray(asked.any(-1)), groups),
        "inverted": mean_intervals(inverted, np.asarray(sides.any(-1)), groups),
    }
    rows = []
    for v, (name, dose) in enumerate(found.names):
        row: dict[str, Any] = {"cue": name, "family": CUES[name].family, "dose": dose, "unit": CUES[name].unit}
        for key, (mean, bounds) in parts.items():
            known = bool(np.isfinite(mean[v]))
            row |= {key: float(mean[v]) if known else None, f"{key}_interval": tuple(bounds[v].tolist()) if np.isfinite(bounds[v]).all() else None}
        rows.append(row)
    return rows


def reliance(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each cue at its strongest dose, the one that costs most agreement first."""
    strongest = {row["cue"]: row for row in rows}
    return sorted(strongest.values(), key=lambda row: -row["lost_agreement"])


def first(ranked: Sequence[Mapping[str, Any]], found: Stressed, sample: Sample) -> dict[str, Any]:
    """The first of the cues, and how far it is ahead of the second in the same pictures."""
    one, two = [row for row in ranked if row["family"] == "cue"][:2]
    lost = 1 - found.per_person(found.similar)
    place = {name: v for v, (name, _) in enumerate(found.names)}
    ahead = lost[:, place[one["cue"]]] - lost[:, place[two["cue"]]]
    bounds = mean_interval(ahead, groups=sample.image_ids)
    clear = bounds is not None and bounds[0] > 0
    return {"cue": one["cue"], "second": two["cue"], "ahead": float(ahead.mean()), "ahead_interval": bounds, "clear": clear}


def _checks(found: Stressed, rows: Sequence[Mapping[str, Any]]) -> list[Check]:
    order = monotone(rows)
    return [
        Check(name="doses of 0 change neither pixel nor keypoint", passed=found.untouched == 0.0, value=found.untouched, bound="exactly 0"),
        Check(
            name="more of a cue costs more, rank correlation of dose and loss",
            passed=None if order is None else order >= MONOTONE,
            value=order,
            bound=f"at least {MONOTONE} in the mean of all cues",
            reason="nothing that was changed cost anything" if order is None else "",
        ),
        Check(
            name="labelled keypoints that lie where the person is held to be",
            passed=None if found.holds is None else found.holds >= HOLDS,
            value=found.holds,
            bound=f"at least {HOLDS}",
            reason="no labels" if found.holds is None else "",
        ),
    ]


def monotone(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The mean over cues with several doses; at dose 0 nothing is lost. Cues that cost nothing at any dose are left out."""
    found = []
    for name, cue in CUES.items():
        lost = [0.0, *(row["lost_agreement"] for row in rows if row["cue"] == name)]
        if len(cue.doses) > 1 and max(lost) > 0:
            found.append(float(spearmanr(range(len(lost)), lost).statistic))
    return float(np.mean(found)) if found else None


def _answer(ranked: Sequence[Mapping[str, Any]], ahead: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    cues = [row for row in ranked if row["family"] == "cue"]
    worst = next(row for row in ranked if row["family"] == "corruption")
    last = f" The cue it needs least is {cues[-1]['cue']} ({_points(cues[-1], 'lost_agreement')});"
    last += f" the worst corruption is {worst['cue']} ({_points(worst, 'lost_agreement')})."
    mirrored = next(row for row in rows if row["cue"] == "flip")["inverted"]
    swapped = "" if mirrored is None else f" Mirrored, {100 * mirrored:.1f} % of paired keypoints change sides."
    return f"{_first_sentence(cues[0], ahead)}{last}{swapped}"


def _first_sentence(row: Mapping[str, Any], ahead: Mapping[str, Any]) -> str:
    if row["lost_agreement"] == 0:
        return "No change of background, colour, texture or edges moves any keypoint."
    told = "" if ahead["clear"] else f" (not told apart from {ahead['second']})"
    pck = f" and {_points(row, 'lost_pck@0.2')} of PCK@0.2" if row["lost_pck@0.2_interval"] else ""
    return f"Changing {row['cue']} breaks it first{told}: at the full dose it loses {_points(row, 'lost_agreement')} of agreement{pck}."


def _points(row: Mapping[str, Any], key: str) -> str:
    bounds = row[f"{key}_interval"]
    return f"{100 * row[key]:.1f} points" + (f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else "")


def _shown(row: Mapping[str, Any], key: str) -> str:
    return "-" if row[key] is None else _points(row, key).replace(" points", "")


def _reliance_table(ranked: Sequence[Mapping[str, Any]]) -> Table:
    body = [(row["cue"], row["family"], _shown(row, "lost_agreement"), _shown(row, "lost_pck@0.2"), _shown(row, "inverted")) for row in ranked]
    columns = ("changed", "family", "agreement lost, %", "PCK@0.2 lost, points", "left/right changed, %")
    return Table(name="reliance", caption="Every cue at its strongest dose, the costliest first", columns=columns, rows=body)


def _effects_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    keys = {"lost_agreement": "agreement lost, %", "lost_pck@0.2": "PCK@0.2 lost, points", "inverted": "left/right changed, %"}
    body = [(row["cue"], row["dose"], row["unit"], *(_shown(row, key) for key in keys)) for row in rows]
    return Table(name="doses", caption="Every cue at every dose", columns=("changed", "dose", "unit", *keys.values()), rows=body)


def selftest_stress(seed: int = 0) -> Sequence[Check]:
    """Networks whose left and right are decided by the background, by a watermark and by nothing: which cue is ranked first."""
    from glasspose.explain.hand_wired import Decider, placer, sided

    deciders: Sequence[Decider] = ("background", "watermark", "nothing")
    made = {decider: explained(subject(placer(decider)), sided(10, decider, seed), seed) for decider in deciders}
    cues = {decider: [row for row in made[decider].numbers["reliance"] if row["family"] == "cue"] for decider in deciders}
    checks = [
        Check(
            name=f"stress: where the {decider} decides left and right, background is ranked first",
            passed=rows[0]["cue"].startswith("background") and rows[0]["lost_agreement"] > 0.2,
            value=rows[0]["lost_agreement"],
            bound="agreement lost above 0.2",
        )
        for decider, rows in cues.items()
        if decider != "nothing"
    ]
    lost = float(cues["nothing"][0]["lost_agreement"])
    swapped = float(made["nothing"].numbers["left_right_inversion_when_mirrored"])
    return [
        *checks,
        Check(name="stress: where nothing decides, no cue costs anything", passed=lost <= 1e-6, value=lost, bound="at most 1e-6"),
        Check(name="stress: a network that mirrors with the picture changes no sides", passed=swapped == 0.0, value=swapped, bound="exactly 0"),
    ]
