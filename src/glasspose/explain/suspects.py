"""`explain labels`: which annotations are likely to be wrong.

The network's answer is evidence only about people whom it did not learn from. Six signals speak against a label (suspicion.py); how much each
counts is learnt from errors planted in the same data, half of the pictures teaching the weights for the other half. How well that works is
measured on other planted errors, cut out anew where the error moves the crop. Letters: N people, K keypoints, F signals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from glasspose.configs.data import Data
from glasspose.data import read
from glasspose.data.packing import packable
from glasspose.explain.explanation import Check, Explanation, Provenance, Table
from glasspose.explain.judged_people import Judges, judges_of
from glasspose.explain.planting import PLANTS, plant
from glasspose.explain.standing_out import null_of, standing_out, told
from glasspose.explain.subject import Progress, silent
from glasspose.explain.suspect_page import review_page, review_sheet
from glasspose.explain.suspicion import Claims, Signals, reason, signals, taught_weights
from glasspose.explain.tolerance import agreement, areas
from glasspose.files import write_atomically
from glasspose.geometry import extent, transform
from glasspose.metrics.significance import mean_interval
from glasspose.network import PoseNetwork
from glasspose.structures import Annotation

ROUNDS = 10
TAUGHT_BY = 4
"""Rounds of planting that teach the weights."""
SHOWN = 60
DEPTHS = (1, 2.5, 5)
"""How deep the list is read when recall is measured, in numbers of planted errors."""
BETTER_THAN = 0.8
ELSEWHERE = 0.5
"""Below this agreement a keypoint lies elsewhere."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Suspects:
    """N people, ranked by what speaks against their labels."""

    people: Sequence[Annotation]
    claims: Claims
    found: Signals
    weights: Float[np.ndarray, "2 F"]
    """One row for each half of the pictures, learnt on the other."""
    half: Int[np.ndarray, " N"]
    suspicion: Float[np.ndarray, " N"]
    order: Int[np.ndarray, " N"]
    reasons: Sequence[str]
    to_image: Float[np.ndarray, "N 2 3"]
    """From the pixels of the claims to image pixels."""

    def answers(self, i: int) -> Float[np.ndarray, "K 2"]:
        """What the network says of one of them, in image pixels."""
        return transform(self.claims.keypoints[i], self.to_image[i])


def labels(
    weights: str | Path | PoseNetwork,
    data: Data,
    *,
    n: int = 1000,
    seed: int = 0,
    planted: float = 0.02,
    page: Path | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Rank the labels of n people by what speaks against them, and write a `page` (one HTML file) for reviewing the first of them.

    `weights` is a network that did not learn from these people, or the folder of `train --folds`, whose predictions are out of fold.
    `planted` is the share of labels that get an error, for measuring; 0 leaves the measurement out.
    """
    dataset = read(data)
    judges = judges_of(weights, dataset)
    everyone = packable(judges.fitting(dataset))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(everyone))[:n])
    people = [everyone[i] for i in chosen]
    ranked = rank(people, judges.claims(people, progress), judges.to_image(people), seed)
    measured = measure(ranked, judges, planted, seed) if planted > 0 else {}
    table = _table(ranked)
    provenance = Provenance(
        model=judges.name,
        model_sha256=judges.sha256,
        data=dataset.name,
        data_sha256=judges.data_sha256(people),
        n=len(people),
        seed=seed,
        asked={"planted": planted, "rounds": ROUNDS, "kinds": list(PLANTS), "out of sample": judges.why},
    )
    explanation = Explanation(
        name="labels",
        question=f"Which labels of {dataset.name} are likely to be wrong?",
        answer=_answer(ranked, measured, judges),
        checks=_checks(measured, judges),
        numbers={
            "weights": dict(zip(ranked.found.values, ranked.weights.mean(0), strict=True)),
            "planted": measured,
            "suspected": suspected(ranked, measured["median_suspicion"]) if measured else None,
            "standing_out": standing_out(ranked.suspicion),
        },
        provenance=provenance,
        figures=[review_sheet(ranked, 12)],
        tables=[table],
        limits=(
            "that a label is wrong: the list says where to look first, and a person decides",
            "errors that the network shares: a network that learnt exchanged sides exchanges them too",
            "that those who stand out are labelled wrongly: a network that fails on a few pictures and not on the others looks the same",
            "how often real errors are found: planted ones are of four kinds, and those already in the data rank among them",
        ),
    )
    if page is not None:
        write_atomically(page, review_page(explanation, ranked, SHOWN).encode())
    return explanation


def rank(people: Sequence[Annotation], claims: Claims, to_image: Float[np.ndarray, "N 2 3"], seed: int) -> Suspects:
    """The most suspicious first."""
    found = signals(claims)
    images = np.unique([person.image_id for person in people], return_inverse=True)[1]
    half = (np.random.default_rng([seed, 1]).permutation(int(images.max()) + 1) % 2)[images]
    weights = _taught(claims, found, half, seed)
    suspicion = _weighed(found.matrix(), weights, half)
    order = np.argsort(-suspicion, kind="stable")
    reasons = [reason(found, i) for i in range(len(people))]
    return Suspects(
        people=people,
        claims=claims,
        found=found,
        weights=weights,
        half=half,
        suspicion=suspicion,
        order=order,
        reasons=reasons,
        to_image=to_image,
    )


def _weighed(matrix: Float[np.ndarray, "N F"], weights: Float[np.ndarray, "2 F"], half: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    found: np.ndarray = (matrix * weights[half]).sum(1)
    return found


def _taught(claims: Claims, found: Signals, half: Int[np.ndarray, " N"], seed: int) -> Float[np.ndarray, "2 F"]:
    """Weights for each half, from errors planted in the other."""
    rng, places, rows = np.random.default_rng([seed, 2]), [], []
    for _ in range(TAUGHT_BY):
        who, _, truth, labelled = plant(claims.truth, claims.labelled, claims.skeleton, max(4 * len(claims) // 10, 4), rng)
        places.append(who)
        rows.append(signals(claims.with_labels(who, truth, labelled)).matrix()[who])
    where, planted, clean = np.concatenate(places), np.concatenate(rows), found.matrix()
    return np.stack([_taught_on(clean[half != h], planted[half[where] != h]) for h in (0, 1)])


def _taught_on(clean: Float[np.ndarray, "n F"], planted: Float[np.ndarray, "m F"]) -> Float[np.ndarray, " F"]:
    return taught_weights(clean, planted) if len(clean) and len(planted) else np.ones(clean.shape[1])


def measure(ranked: Suspects, judges: Judges, share: float, seed: int) -> dict[str, Any]:
    """How early planted errors come in the list, over rounds of other errors than those that taught the weights."""
    rows: dict[str, list[float]] = {kind: [] for kind in PLANTS}
    ranks, alone, rounds, levels = [], [], [], []
    count = max(round(share * len(ranked.people)), 4)
    rng = np.random.default_rng([seed, 3])
    for _ in range(ROUNDS):
        who, kinds, people = _planted_people(ranked, count, rng)
        if not len(who):
            return {}
        claims = ranked.claims.with_people(who, judges.claims(people))
        matrix = signals(claims).matrix()
        suspicion = _weighed(matrix, ranked.weights, ranked.half)
        ranks.append(_ranks(suspicion)[who])
        levels.append(suspicion[who])
        alone.append(_ranks(matrix[:, list(ranked.found.values).index("geometry")])[who])
        rounds.append(ranks[-1] < len(who))
        for kind, place in zip(kinds, ranks[-1], strict=True):
            rows[kind].append(float(place))
    together, geometry = np.concatenate(ranks), np.concatenate(alone)
    auc = 1 - together / max(len(ranked.people) - 1, 1)
    return {
        "share": share,
        "count": count,
        "rounds": ROUNDS,
        "precision@k": float(np.concatenate(rounds).mean()),
        "precision@k_interval": mean_interval(np.concatenate(rounds).astype(float)),
        "recall": {f"first {round(depth * count)}": float((together < round(depth * count)).mean()) for depth in DEPTHS},
        "auc": float(auc.mean()),
        "auc_interval": mean_interval(auc),
        "over_geometry": float((geometry - together).mean() / max(len(ranked.people) - 1, 1)),
        "over_geometry_interval": mean_interval((geometry - together) / max(len(ranked.people) - 1, 1)),
        "median_suspicion": float(np.median(np.concatenate(levels))),
        "median_rank": {kind: float(np.median(places)) + 1 for kind, places in rows.items() if places},
    }


def suspected(ranked: Suspects, level: float) -> dict[str, Any]:
    """The labels that are as suspicious as `level`, and the share of all keypoints that would no longer be wrong without their mistakes."""
    claims = ranked.claims
    chosen = ranked.suspicion >= level
    similar = agreement(claims.keypoints, claims.truth, areas(claims.truth, claims.labelled), claims.skeleton)
    wrong = (similar < ELSEWHERE) & claims.labelled & chosen[:, None]
    groups = np.broadcast_to(np.array([person.image_id for person in ranked.people])[:, None], wrong.shape)[claims.labelled]
    lost = wrong[claims.labelled].astype(np.float64)
    null = null_of(ranked.suspicion)
    return {
        "level": level,
        "count": int(chosen.sum()),
        "count_if_none_is_wrong": None if null is None else float(null.beyond(level)),
        "lost": float(lost.mean()),
        "lost_interval": mean_interval(lost, groups=groups),
    }


def _ranks(values: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    found = np.empty(len(values), np.int64)
    found[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return found


def _planted_people(ranked: Suspects, count: int, rng: np.random.Generator) -> tuple[np.ndarray, list[str], list[Annotation]]:
    """People with an error in their labels, in image pixels; the box moves along where it is that of the keypoints."""
    truth = np.stack([person.keypoints for person in ranked.people])
    labelled = np.stack([person.labelled for person in ranked.people])
    who, kinds, points, known = plant(truth, labelled, ranked.claims.skeleton, count, rng)
    people = []
    for i, keypoints, row in zip(who, points, known, strict=True):
        person = ranked.people[i]
        from_keypoints = np.allclose(person.box, extent(person.keypoints, person.labelled), atol=1.0)
        people.append(replace(person, keypoints=keypoints, labelled=row, box=extent(keypoints, row) if from_keypoints else person.box))
    return who, kinds, people


def _checks(measured: dict[str, Any], judges: Judges) -> list[Check]:
    low, high = measured.get("auc_interval") or (None, None)
    more, _ = measured.get("over_geometry_interval") or (None, None)
    return [
        Check(name="the answers are out of sample", passed=judges.out_of_sample, reason=judges.why),
        Check(
            name="planted errors rank above other labels",
            passed=None if low is None else low > BETTER_THAN - 0.1 and measured["auc"] >= BETTER_THAN,
            value=measured.get("auc"),
            bound=f"area under ROC at least {BETTER_THAN}; by chance 0.5",
            reason="" if low is None else f"95 % interval {low:.3f} to {high:.3f}",
        ),
        Check(
            name="the network adds to what limb lengths alone tell",
            passed=None if more is None else more > 0,
            value=measured.get("over_geometry"),
            bound="mean rank gained, as a share of the list, above 0",
            only_local=True,
        ),
    ]


def _answer(ranked: Suspects, measured: dict[str, Any], judges: Judges) -> str:
    first = ranked.order[0]
    person = ranked.people[first]
    start = "" if judges.out_of_sample else "WARNING: the network has learnt from these labels, and so it agrees with their errors. "
    where = f"person {person.person_id} of {Path(person.image).name} ({ranked.reasons[first]})"
    out = told(standing_out(ranked.suspicion), len(ranked.people))
    if not measured:
        return f"{start}Most suspicious of {len(ranked.people)} is {where}; nothing was planted, so nothing is known of how good the list is. {out}"
    low, high = measured["precision@k_interval"] or (0.0, 1.0)
    deep = list(measured["recall"].items())[-1]
    return (
        f"{start}Read the list from the top: {100 * measured['precision@k']:.0f} % ({100 * low:.0f} to {100 * high:.0f}) of planted errors "
        f"({measured['count']} among {len(ranked.people)}) stand among its first {measured['count']}, and {100 * deep[1]:.0f} % among its {deep[0]}. "
        f"Most suspicious is {where}. {out}"
    )


def _table(ranked: Suspects) -> Table:
    names = list(ranked.found.values)
    rows: list[list[str | float | int | None]] = []
    for place, i in enumerate(ranked.order, 1):
        person = ranked.people[i]
        parts: list[str | float | int | None] = [round(float(ranked.found.values[name][i]), 3) for name in names]
        rows.append(
            [place, person.image_id, person.person_id, Path(person.image).name, round(float(ranked.suspicion[i]), 3), ranked.reasons[i], *parts]
        )
    columns = ("rank", "image", "person", "file", "suspicion", "reason", *names)
    return Table(name="suspects", caption="Labels by what speaks against them, most suspicious first", columns=columns, rows=rows)
