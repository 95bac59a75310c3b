"""`explain why`: which pixels made a keypoint be where it is.

On a sample of a dataset it is a question about the network: one seen keypoint a person, each keypoint of the skeleton in its turn, and the
verdict rests on all of them. On one photograph it is a question about that picture, and the network's verdict is quoted from its card.
The first method gives the answer; the others stand beside it, each with its own numbers. Letters: N pairs of person and keypoint.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.attribution.faithfulness import FRACTIONS, rank_correlation, shuffled
from glasspose.attribution.fills import FILLS
from glasspose.attribution.indices import half_radius, pointing, pose_indices
from glasspose.attribution.rivals import centre_blob
from glasspose.attribution.targets import KINDS, Kind
from glasspose.configs.config import Config
from glasspose.errors import UsageError
from glasspose.explain.evidence import METHODS, TOLERANCES
from glasspose.explain.explanation import Check, Explanation, Table, Verdict
from glasspose.explain.faithfulness_checks import checks_of, verdict_of
from glasspose.explain.saliency_figures import figures
from glasspose.explain.sample import Sample, draw_sample, sample_of_picture, whose
from glasspose.explain.studying import RIVALS, Asked, Studied, ask, chosen, study
from glasspose.explain.subject import Progress, silent
from glasspose.explain.verdicts import kept_verdict
from glasspose.explain.witness import Witness, witness
from glasspose.geometry import fit_aspect
from glasspose.images import load_image
from glasspose.metrics.significance import mean_interval
from glasspose.network import PoseNetwork

DEFAULT_METHODS = ("occlusion", "integrated_gradients")
FEWER = 6
"""So many pairs are asked about by the methods after the first, which may be dear, and by the first of the network with shuffled weights."""
RADIUS = 0.06
"""Of a keypoint, in shares of the input's height, where the mass of evidence is described."""

BOX = "the box of the predicted keypoints"


def why(
    weights: str | Path | PoseNetwork,
    data: Any,
    *,
    keypoints: Sequence[str] = (),
    methods: Sequence[str] = (),
    target: Kind = "confidence",
    direction: tuple[float, float] = (1.0, 0.0),
    n: int = 50,
    seed: int = 0,
    box: Sequence[float] | None = None,
    skeleton: str | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Find the evidence for keypoints, and test whether it is the network's.

    `data` is a dataset, a `Sample`, or the path of one photograph (in `box`, or where `predict` finds the person). `weights` may be a file
    of `glasspose export`, or an .onnx file of others with `skeleton`, for methods that hide parts of the picture. UsageError, NotApplicableError.
    """
    asked_of = witness(weights, skeleton)
    methods = tuple(methods) or (DEFAULT_METHODS if asked_of.has_weights else ("occlusion",))
    unknown = [name for name in methods if name not in METHODS] + ([target] if target not in KINDS else [])
    if unknown:
        raise UsageError(f"no method or target {unknown[0]!r}", f"Methods are {', '.join(METHODS)}; targets {', '.join(KINDS)}")
    sample = _sample(asked_of, data, n, seed, box)
    asked = ask(asked_of, sample, target, direction, seed)
    pairs = chosen(asked, keypoints)
    other = shuffled(asked_of.network, sample.inputs(slice(0, 32)), seed) if asked_of.network and asked_of.has_weights else None
    studied = []
    for done, (i, k) in enumerate(pairs, 1):
        studied.append(study(asked, i, k, methods, other) if done <= FEWER else study(asked, i, k, methods[:1]))
        progress(done, len(pairs))
    numbers = _numbers(asked, studied, methods)
    one = len(sample) == 1 and not sample.people
    person = whose(*_masked(asked, studied), BOX)
    checks = checks_of(studied, numbers, methods, asked, of_network=not one)
    if one:
        checks.append(card_check(asked_of))
    return Explanation(
        name="why",
        question=f"Which pixels made {'these keypoints' if one else 'a keypoint'} be where {'they are' if one else 'it is'}?",
        answer=_answer(asked, studied, numbers, methods, one=one),
        checks=checks,
        numbers=numbers,
        provenance=asked_of.provenance(
            *(sample, seed),
            target=target,
            methods=list(methods),
            fills=list(FILLS),
            starts=["blur", "grey", "others"],
            fractions=list(FRACTIONS),
            person=person,
        ),
        figures=figures(asked, studied, methods),
        tables=[_table(numbers, methods), _indices_table(numbers, person)],
        limits=(
            "what the network would do with pictures like those that it was trained on: every fill is something that no photograph shows",
            "reasons that are in several places at once: hiding one of them changes nothing (ask with --methods rise)",
            "whether the keypoint is right",
        ),
    )


def _sample(asked: Witness, data: Any, n: int, seed: int, box: Sequence[float] | None) -> Sample:
    if isinstance(data, Sample):
        return data
    if isinstance(data, Config):
        return draw_sample(data, asked.skeleton, asked.size, n, seed, masks=True)  # type: ignore[arg-type]
    if not isinstance(data, str | Path):
        raise UsageError("nothing to look at", "Name a photograph, or a dataset with --data.kind")
    return sample_of_picture(str(data), asked.skeleton, _framed(asked, str(data), box), asked.size)


def _framed(asked: Witness, photo: str, box: Sequence[float] | None) -> Float[np.ndarray, " 4"]:
    """The crop that `predict` would end with; for files of other networks the whole picture, unless a box is given."""
    from glasspose.calibration import calibration_from_card
    from glasspose.configs.framing import MARGIN
    from glasspose.prediction import Predictor

    image = load_image(photo)
    if asked.network is not None:
        predictor = Predictor(asked.network, calibration_from_card(asked.card, len(asked.skeleton)), device="cpu", flip_test=False)
        return predictor.heatmaps(image, None if box is None else np.asarray(box, np.float64))[1].box
    if box is None:
        return fit_aspect((0, 0, image.shape[1], image.shape[0]), asked.size)
    return fit_aspect(box, asked.size, MARGIN)


def card_check(asked: Witness) -> Check:
    """What many people have shown, which one picture cannot: the verdict that the network's card keeps."""
    kept = (asked.card.get("explanations") or {}).get("why")
    verdict = kept.get("verdict") if isinstance(kept, dict) else None
    none = "files without weights keep no verdict: only the card of weights does"
    return Check(
        name="the network's own verdict, from its card",
        passed=verdict == Verdict.FAITHFUL,
        reason=kept_verdict({"name": asked.name, **asked.card}, "why") if asked.has_weights else none,
        only_local=verdict == Verdict.LOCAL_ONLY,
    )


def _numbers(asked: Asked, studied: Sequence[Studied], methods: Sequence[str]) -> dict[str, Any]:
    def mean(values: Sequence[float] | np.ndarray, over: Sequence[Studied] = studied) -> dict[str, Any]:
        each = np.asarray(values, np.float64)
        people = np.array([pair.i if not asked.sample.people else asked.sample.people[pair.i].image_id for pair in over])
        return {"mean": float(each.mean()), "interval": mean_interval(each, groups=people), "n": len(each)}

    def areas(part: str, name: str, over: Sequence[Studied]) -> np.ndarray:
        return np.array([getattr(pair.curves, f"{part}_area")[pair.names.index(name)] for pair in over])

    having = {name: [pair for pair in studied if name in pair.names] for name in (*methods, *RIVALS)}
    curves = {name: {part: mean(areas(part, name, over), over) for part in ("deletion", "insertion")} for name, over in having.items()}
    against = {
        name: {rival: mean(areas("deletion", rival, having[name]) - areas("deletion", name, having[name]), having[name]) for rival in RIVALS}
        for name in methods
    }
    numbers: dict[str, Any] = {"curves": curves, "deletion_won_against": against, "pairs": len(studied)}
    numbers["verdicts"] = {name: verdict_of(against[name]) for name in methods}
    numbers["half_of_evidence_within_person_heights"] = mean([half_radius(pair.main, pair.keypoints[pair.k]) / _height(pair) for pair in studied])
    numbers["half_of_evidence_within_px"] = mean([half_radius(pair.main, pair.keypoints[pair.k]) for pair in studied])
    numbers["confidence_left_after_hiding"] = {
        str(share): mean([pair.curves.deletion[0, t] for pair in studied]) for t, share in enumerate(FRACTIONS)
    }
    numbers["pointing"] = mean([float(pointing(pair.main, pair.keypoints[pair.k], RADIUS * asked.sample.size[0])) for pair in studied])
    numbers["indices"] = _indices(asked, studied, mean)
    masked, people = _masked(asked, studied)
    numbers["people_by"] = {"mask": masked, "box": people - masked}
    numbers["agreement_of_methods"] = _agreement(studied, methods, mean)
    numbers["agreement_of_fills"] = {
        name: mean([float(pair.evidence[name].agreement_of_fills or 0.0) for pair in over], over)
        for name, over in having.items()
        if name in methods and over[0].evidence[name].agreement_of_fills is not None
    }
    numbers["completeness"] = _completeness(studied, TOLERANCES.get(asked.kind, 0.0))
    return numbers


def _height(pair: Studied) -> float:
    return float(max(np.ptp(pair.keypoints, axis=0).max(), 1.0))


def _indices(asked: Asked, studied: Sequence[Studied], mean: Any) -> dict[str, Any]:
    """PoseIG's four, and what a blob at the keypoint has of them."""
    radius, size = RADIUS * asked.sample.size[0], asked.sample.size

    def indices(pair: Studied, values: Float[np.ndarray, "H W"]) -> dict[str, float]:
        return pose_indices(values, pair.keypoints, pair.k, radius, asked.sample.mask(pair.i))

    own = [indices(pair, pair.main) for pair in studied]
    blob = [indices(pair, centre_blob(size, pair.keypoints[pair.k]).numpy()) for pair in studied]
    return {
        name: {**mean([found[name] for found in own]), "of_centre_blob": float(np.mean([found[name] for found in blob]))}
        for name in ("DI", "FI", "LI", "RI")
    }


def _masked(asked: Asked, studied: Sequence[Studied]) -> tuple[int, int]:
    """How many people have a mask, by which FI goes, of how many."""
    people = {pair.i for pair in studied}
    return sum(asked.sample.mask(i) is not None for i in people), len(people)


def _agreement(studied: Sequence[Studied], methods: Sequence[str], mean: Any) -> dict[str, Any]:
    both = [(a, b, [pair for pair in studied if {a, b} <= set(pair.evidence)]) for j, b in enumerate(methods) for a in methods[:j]]
    return {f"{a} and {b}": mean([rank_correlation(pair.evidence[a].map, pair.evidence[b].map) for pair in over], over) for a, b, over in both}


def _completeness(studied: Sequence[Studied], absolute: float) -> dict[str, Any] | None:
    """Over all pairs and starts: the median and the largest gap as shares of the change, those within the tolerance counted."""
    starts = [found for pair in studied for evidence in pair.evidence.values() for found in (evidence.starts or {}).values()]
    if not starts:
        return None
    gaps = np.array([0.0 if found.gap <= absolute else found.relative_gap for found in starts])
    return {"median": float(np.median(gaps)), "largest": float(gaps.max()), "within": float((gaps <= 0.02).mean()), "count": len(gaps)}


def _answer(asked: Asked, studied: Sequence[Studied], numbers: Mapping[str, Any], methods: Sequence[str], *, one: bool) -> str:
    names = asked.witness.skeleton.keypoints
    near = numbers["half_of_evidence_within_person_heights"]
    low, high = near["interval"] or (near["mean"], near["mean"])
    curve = numbers["curves"]
    told = ", ".join(f"{name} {curve[name]['deletion']['mean']:.2f}" for name in (methods[0], "centre blob", "random"))
    areas = f"Area under the deletion curve (less is better): {told}."
    if one:
        each = [f"{half_radius(pair.main, pair.keypoints[pair.k]):.0f} px of {names[pair.k]}" for pair in studied]
        return f"Half of the evidence lies within {', '.join(each)} (input pixels, by {methods[0]}). {areas}"
    return (
        f"Half of the evidence for a keypoint lies within {100 * near['mean']:.0f} % of the person's height of it "
        f"({100 * low:.0f} to {100 * high:.0f} %; {len(studied)} keypoints, by {methods[0]}). {areas}"
    )


def _table(numbers: Mapping[str, Any], methods: Sequence[str]) -> Table:
    rows = []
    for name, found in numbers["curves"].items():
        cells = []
        for part in ("deletion", "insertion"):
            bounds = found[part]["interval"]
            cells.append(f"{found[part]['mean']:.3f}" + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""))
        rows.append((name, found["deletion"]["n"], *cells, str(numbers["verdicts"].get(name, "-"))))
    caption = "Area under the curves of deletion (less is better) and insertion (more is better), all maps at equal blur"
    return Table(name="methods", caption=caption, columns=("map", "n", "deletion", "insertion", "deletion says"), rows=rows)


def _indices_table(numbers: Mapping[str, Any], person: str) -> Table:
    rows = [(name, f"{found['mean']:.2f}", f"{found['of_centre_blob']:.2f}") for name, found in numbers["indices"].items()]
    caption = f"PoseIG's indices of the first method's maps, and those of a blob at the keypoint. The person, in FI, is {person}."
    return Table(name="indices", caption=caption, columns=("index", "mean", "centre blob"), rows=rows)
