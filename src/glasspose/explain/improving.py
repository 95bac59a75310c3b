"""`explain improve`: what is worth trying, from what the other questions have found.

Every proposal names the evidence, the commands that try it with a control and three seeds, and how to judge it. Where the evidence does
not reach, it says why nothing is proposed. Letters: N people, K keypoints.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.configs.data import Data
from glasspose.data import as_skeleton, read
from glasspose.data.lists import Listed
from glasspose.data.packing import packable
from glasspose.errors import GlassposeError
from glasspose.explain import findings, proposals
from glasspose.explain.activations import gathered, latent_place
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table, Verdict
from glasspose.explain.findings import Found, LabelsFound, PlantedFound
from glasspose.explain.judged_people import learnt_from
from glasspose.explain.narrowing import narrowed
from glasspose.explain.principal import components_for, principal
from glasspose.explain.proposals import LEVEL, WEIGHT, Declined, Proposal, Ruling
from glasspose.explain.sample import Sample, draw_sample, labels_of, sample_of
from glasspose.explain.slices import attributes, everything, matching, search
from glasspose.explain.subject import Progress, Subject, Told, judged, silent, subject
from glasspose.explain.trying import Workshop, workshop
from glasspose.metrics.significance import mean_interval
from glasspose.network import PoseNetwork
from glasspose.structures import Annotation

LEARNT = 0.05
"""Its own answers must be right this much more often than those that it gives for other people."""
SHUFFLES = 20


def improve(
    weights: str | Path | PoseNetwork,
    data: Data,
    *,
    n: int = 200,
    seed: int = 0,
    found: Path | Mapping[str, Found] | None = None,
    recipe: Path | None = None,
    out: Path = Path("glasspose-out/explain"),
    progress: Progress = silent,
) -> Explanation:
    """Propose what to try, ranked, for a network judged on `data`, which it should not have learnt from.

    `found`: the folder of earlier answers, or answers at hand; without it the questions are asked now, of about n people. `recipe`: what the
    weights were trained with. `out`: where the caller saves the explanation, because commands name its files. InputError for files that are
    none of other questions' answers, NotApplicableError where the people that judge are those that would teach.
    """
    asked = subject(weights)
    if asked.exported:
        raise NotApplicableError("an exported file cannot be trained", "Ask about the .safetensors file that it was exported from")
    name = "WEIGHTS" if isinstance(weights, PoseNetwork) else str(weights)
    shop = workshop(name, asked.network, data, recipe, out)
    sample = draw_sample(data, asked.skeleton, asked.size, n, seed)
    told = asked.ask_all(sample)
    learnt = _learnt(told, sample, seed)
    known, missing = (dict[str, Found](), list[tuple[str, str]]())
    if learnt.passed:
        known, missing = _answers(weights, data, n, seed, found, str(asked.card["sha256"]), progress)
    rulings = _rulings(asked, sample, known, shop, seed) if learnt.passed else []
    chosen, declined = proposals.ranked(rulings)
    declined += [Declined(what=f"anything from `{question}`", because=reason) for question, reason in missing]
    out_of_sample, why = learnt_from(asked.trained_on, sample.name)
    used = [one for one in known.values() if one.verdict != Verdict.NOT_FAITHFUL]
    return Explanation(
        name="improve",
        question="What to try?",
        answer=_answer(chosen, declined, learnt, sample),
        checks=[
            Check(name="the people are none that it learnt from", passed=out_of_sample, reason=why),
            learnt,
            _grounds(known, used, asked_any=bool(learnt.passed)),
            _dealt(told, sample, seed) if learnt.passed else Check(name=DEALT, passed=None, reason="nothing is proposed of such a network"),
        ],
        numbers={
            "proposals": [_numbers(one) for one in chosen],
            "declined": [vars(one) for one in declined],
            "built on": {one.name: {"verdict": str(one.verdict), "data": one.data, "n": one.n} for one in known.values()},
        },
        provenance=asked.provenance(sample, seed, level=LEVEL, weight=WEIGHT, questions=list(known)),
        tables=[_table(chosen), _declined_table(declined)],
        files={"recipe.yaml": shop.recipe_yaml()} | {ending: content for one in chosen for ending, content in one.files.items()},
        limits=(
            "that a proposal helps: it names the most that could be gained; only the runs tell, with a control and several seeds",
            "what two proposals do together: each is tried alone",
            "what better pictures, more labels or another architecture would do: only what a recipe of this project can change is proposed",
        ),
    )


def _answers(
    weights: Any, data: Data, n: int, seed: int, found: Path | Mapping[str, Found] | None, sha256: str, progress: Progress
) -> tuple[dict[str, Found], list[tuple[str, str]]]:
    if isinstance(found, Path):
        return findings.read_findings(found, sha256), []
    return findings.asked(weights, data, n, seed, progress) if found is None else (dict(found), [])


def _rulings(asked: Subject, sample: Sample, known: Mapping[str, Found], shop: Workshop, seed: int) -> list[Proposal | Declined]:
    """Every rule, each on the answer that it needs."""
    made: list[Proposal | Declined] = []
    rules: Mapping[str, Callable[[Found], Ruling]] = {
        "errors": lambda found: proposals.of_slices(found.numbers, shop, _of_condition(asked, shop, found.numbers.size_cuts)),
        "latent": lambda found: proposals.of_groups(found.numbers, shop, _of_group(asked, shop, found)),
        "labels": lambda found: _labels(found, shop),
        "trust": lambda found: proposals.of_trust(found.numbers, shop, asked.calibration.trust is not None),
        "stress": lambda found: proposals.of_stress(found.numbers, shop),
    }
    for name, rule in rules.items():
        if name in known:
            made += _ruled(known[name], rule)
    try:
        made += proposals.of_width(narrowed(asked, sample, seed), shop)
    except NotApplicableError as problem:
        made.append(Declined(what="a narrower bottleneck", because=problem.message))
    return made


def _ruled(found: Found, rule: Callable[[Found], Ruling]) -> Ruling:
    no = proposals.refused(found)
    try:
        return rule(found) if no is None else [no]
    except GlassposeError as problem:  # training people who cannot be read
        return [Declined(what=f"anything from `{found.name}`", because=str(problem))]


def _labels(found: Found, shop: Workshop) -> Ruling:
    numbers: LabelsFound = found.numbers
    planted = (numbers.planted.share, numbers.planted.precision_interval) if isinstance(numbers.planted, PlantedFound) else (0.0, None)
    return proposals.of_labels(found, numbers.suspected, planted, shop, read(shop.training).name)


def _training_people(asked: Subject, shop: Workshop) -> tuple[list[Annotation], str]:
    dataset = as_skeleton(read(shop.training), asked.skeleton)
    return packable(dataset, shop.recipe.packing), dataset.name


def _of_condition(asked: Subject, shop: Workshop, cuts: tuple[float, float]) -> Callable[[Any], list[Listed]]:
    """The training people of a condition, by their labels."""

    def listed(condition: Any) -> list[Listed]:
        people, name = _training_people(asked, shop)
        named = everything(labels_of(people, asked.skeleton, asked.size, name), cuts) if people else {}
        if not set(condition.of) <= set(named):
            return []
        chosen = np.flatnonzero(matching(named, condition.of))
        return [_listed(people[i], condition.condition) for i in chosen]

    return listed


def _of_group(asked: Subject, shop: Workshop, found: Found) -> Callable[[Any], list[Listed]]:
    """The training people nearest to the middle of a group, in the components of the judged people."""

    def listed(group: Any) -> list[Listed]:
        people, name = _training_people(asked, shop)
        judged_people = {(p.image_id, p.person_id): p for p in packable(as_skeleton(read(shop.data), asked.skeleton))}
        members = [one for one in found.people if one.key in judged_people]
        if not people or not members:
            return []
        place = latent_place(asked)
        module = {place: asked.taps()[place]}
        own = gathered(asked.network, module, sample_of([judged_people[one.key] for one in members], asked.skeleton, asked.size, name))[place]
        space = principal(own)
        kept = components_for(space.variances)
        numbers = np.array([one.weight for one in members])
        middles = {number: space.scores[numbers == number, :kept].mean(0) for number in np.unique(numbers)}
        near = []
        for start in range(0, len(people), 256):
            part = sample_of(people[start : start + 256], asked.skeleton, asked.size, name)
            scores = space.project(gathered(asked.network, module, part)[place])[:, :kept]
            near.append(np.array(list(middles))[np.argmin([np.linalg.norm(scores - middle, axis=1) for middle in middles.values()], axis=0)])
        chosen = np.flatnonzero(np.concatenate(near) == group.group)
        return [_listed(people[i], f"group {group.group}") for i in chosen]

    return listed


def _listed(person: Annotation, reason: str) -> Listed:
    return Listed(image=person.image_id, person=person.person_id, weight=WEIGHT, reason=reason)


def _learnt(told: Told, sample: Sample, seed: int) -> Check:
    """Whether the network looks at the picture at all: nothing is proposed of one that does not."""
    name = "its answers are right more often than those that it gives for other people"
    counted = judged(sample)
    if not counted.any() or len(sample) < 2:
        return Check(name=name, passed=None, reason="nobody has a torso length")
    turned = np.roll(np.random.default_rng([seed, 7]).permutation(len(sample)), 1)
    order = np.empty(len(sample), np.int64)
    order[turned] = np.roll(turned, 1)  # one circle: nobody keeps his own
    other = Told(keypoints=told.keypoints[order], scores=told.scores[order])
    more = (told.hits(sample).astype(float) - other.hits(sample))[counted]
    bounds = mean_interval(more, groups=np.broadcast_to(sample.image_ids[:, None], counted.shape)[counted])
    low = -1.0 if bounds is None else bounds[0]
    return Check(name=name, passed=low >= LEARNT, value=float(more.mean()), bound=f"PCK@0.2, lower end of the 95 % interval at least {LEARNT}")


def _grounds(known: Mapping[str, Found], used: Sequence[Found], *, asked_any: bool) -> Check:
    name = "answers that passed their own tests, of those that it could build on"
    if not asked_any:
        return Check(name=name, passed=None, reason="none was asked")
    told = ", ".join(f"{one.name} {one.verdict}" for one in known.values())
    return Check(name=name, passed=bool(used), value=len(used) / max(len(known), 1), bound="at least one", reason=told)


DEALT = "attributes dealt to other people lead to no proposal"


def _dealt(told: Told, sample: Sample, seed: int) -> Check:
    """How often the rule for conditions would propose something where there is nothing."""
    counted = judged(sample)
    known = np.asarray(counted.any(1))
    wrong = 1 - (told.hits(sample) & counted)[known].sum(1) / np.maximum(counted[known].sum(1), 1)
    named = {name: np.array(values)[known] for name, values in attributes(sample).items()}
    false = false_proposals(named, wrong, sample.image_ids[known], SHUFFLES, seed)
    return Check(name=DEALT, passed=false <= 3, value=false / SHUFFLES, bound=f"at most 3 of {SHUFFLES} ({LEVEL} expected)")


def false_proposals(named: Mapping[str, np.ndarray], wrong: Float[np.ndarray, " N"], groups: np.ndarray, rounds: int, seed: int) -> int:
    """In how many of these rounds attributes of other people lead to a proposal."""
    rng, false = np.random.default_rng([seed, 8]), 0
    for round_ in range(rounds):
        order = rng.permutation(len(wrong))
        dealt = {name: values[order].tolist() for name, values in named.items()}
        false += any(one.p <= LEVEL for one in search(dealt, wrong, groups, seed=seed + round_, intervals=False))
    return false


def _answer(chosen: Sequence[Proposal], declined: Sequence[Declined], learnt: Check, sample: Sample) -> str:
    if learnt.passed is None:
        return "Nothing can be proposed: nobody has a torso length by which answers are judged."
    if not learnt.passed:
        return f"Nothing to fine-tune yet: for {len(sample)} people its answers are hardly better than those for somebody else. Train it first."
    if not chosen:
        return f"Nothing: no finding is beyond chance and matters (n = {len(sample)}; {len(declined)} reasons below)."
    first = chosen[0]
    return f"First of {len(chosen)}: {first.what}. {first.because}; {first.expected}."


def _numbers(one: Proposal) -> dict[str, Any]:
    kept = ("what", "because", "expected", "gain", "interval", "command", "judge")
    return {key: getattr(one, key) for key in kept} | {"mends mistakes": one.rank == proposals.FEWER, "files": sorted(one.files)}


def _table(chosen: Sequence[Proposal]) -> Table:
    rows = [(i, one.what, one.because, one.expected, one.command, one.judge) for i, one in enumerate(chosen, 1)]
    columns = ("rank", "try", "because", "expected", "command", "judge it by")
    return Table(name="proposals", caption="Proposals, the one that could mend most first", columns=columns, rows=rows)


def _declined_table(declined: Sequence[Declined]) -> Table:
    rows = [(one.what, one.because) for one in declined]
    return Table(name="declined", caption="Not proposed, because", columns=("what", "because"), rows=rows)
