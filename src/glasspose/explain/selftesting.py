"""`explain selftest`: every method is asked about networks whose reasons are known, and so are methods that are known to be bad.

A method passes a network where at least 90 % of its evidence lies on the cause and at most 5 % on the decoy. The suite is worth something
only because it fails the bad ones: an edge map, guided backpropagation, a blob at the keypoint, and noise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool
from torch import Tensor

from glasspose.attribution.answering import NetworkAnswering
from glasspose.attribution.fills import fills, partners
from glasspose.attribution.indices import mass
from glasspose.attribution.rivals import centre_blob, chance, edges, evenly_blurred, guided_backpropagation
from glasspose.attribution.targets import freeze
from glasspose.explain.evidence import METHODS, Case, Evidence
from glasspose.explain.explanation import Check, Explanation, Provenance, Table
from glasspose.explain.known_answers import KnownAnswer, hand_wired
from glasspose.explain.shortcut_networks import shortcuts
from glasspose.explain.subject import Progress, silent

ON_CAUSE, ON_DECOY = 0.90, 0.05
REACH = {"occlusion": 6, "rise": 6}
"""Evidence this near to the cause (pixels of 64) counts as on it: a cell's width for those that hide cells, the common blur for all others."""
BLUR_REACH = 4
OF_OTHER_COMMANDS: tuple[tuple[str, str], ...] = (
    ("errors", "injected:selftest_errors"),
    ("context", "dependence:selftest_context"),
    ("latent", "grouping:selftest_clusters"),
    ("layers", "alignment:selftest_alignment"),
    ("stress", "robustness:selftest_stress"),
    ("stress", "shortcut_stress:selftest_shortcuts"),
    ("trust", "reliability:selftest_trust"),
)
"""(name, "module:function") of functions (seed) -> Sequence[Check] in `glasspose.explain`, each under 15 s: other commands' own self tests."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One method on one network."""

    method: str
    network: str
    on_cause: float
    on_decoy: float

    @property
    def passed(self) -> bool:
        """Nearly everything on the cause, nearly nothing on the decoy."""
        return self.on_cause >= ON_CAUSE and self.on_decoy <= ON_DECOY


def _of_model(case: Case) -> Evidence:
    return _plain(guided_backpropagation(case.scalar, case.image, case.network().network.model).sum(0))


def _plain(values: Tensor) -> Evidence:
    return Evidence(map=evenly_blurred(values[None])[0])


def _blob(case: Case) -> Evidence:
    keypoint = case.answering(case.image[None]).keypoints[0, case.k].numpy()
    return _plain(centre_blob((case.image.shape[-2], case.image.shape[-1]), keypoint))


BAD_METHODS: Mapping[str, Callable[[Case], Evidence]] = {
    "edge map": lambda case: _plain(edges(case.image)),
    "guided backpropagation": _of_model,
    "centre blob": _blob,
    "random": lambda case: _plain(chance((case.image.shape[-2], case.image.shape[-1]), case.seed)),
}


def selftest(*, seed: int = 0, methods: Sequence[str] = tuple(METHODS), others: bool = True, progress: Progress = silent) -> Explanation:
    """Every shipped method must pass every known-answer network, and every bad method must fail one."""
    known = [*hand_wired(), *shortcuts(seed)]
    jobs = {**{name: METHODS[name] for name in methods}, **BAD_METHODS}
    tried = []
    for done, (name, method) in enumerate(jobs.items(), 1):
        tried += [attempt(name, method, answer, seed) for answer in known]
        progress(done, len(jobs) + len(OF_OTHER_COMMANDS) * others)
    checks = [_passes(name, [trial for trial in tried if trial.method == name]) for name in methods]
    checks += [_is_rejected(name, [trial for trial in tried if trial.method == name]) for name in BAD_METHODS]
    for place, (name, function) in enumerate(OF_OTHER_COMMANDS if others else (), 1):
        checks += _other(name, function, seed)
        progress(len(jobs) + place, len(jobs) + len(OF_OTHER_COMMANDS))
    failed = [check for check in checks if check.passed is False]
    return Explanation(
        name="selftest",
        question="Do the explanations find reasons that are known?",
        answer=_answer(checks, failed, len(known)),
        checks=checks,
        numbers={"trials": [vars(trial) | {"passed": trial.passed} for trial in tried]},
        provenance=_provenance(known, seed, methods),
        tables=[_table(tried)],
        limits=("that a method is right about networks whose reasons nobody knows: it shows which methods are wrong where the reasons are known",),
    )


def attempt(name: str, method: Callable[[Case], Evidence], known: KnownAnswer, seed: int = 0) -> Trial:
    """Mean shares of the evidence over a network's pictures."""
    reach = REACH.get(name, BLUR_REACH)
    on_cause, on_decoy = [], []
    for i, case in enumerate(cases(known, seed)):
        found = method(case).map.numpy()
        cause = grown(known.cause[i], reach)
        on_cause.append(mass(found, cause))
        on_decoy.append(mass(found, known.decoy[i] & ~cause))
    return Trial(method=name, network=known.name, on_cause=float(np.mean(on_cause)), on_decoy=float(np.mean(on_decoy)))


def cases(known: KnownAnswer, seed: int) -> list[Case]:
    """One for each picture."""
    inputs, answering = known.inputs(), NetworkAnswering(network=known.network)
    maps = answering(inputs).maps
    other = partners(len(inputs), seed)
    filled = fills(inputs, inputs[other], seed)
    made = []
    for i, k in enumerate(known.keypoints):
        target = freeze(maps[i], known.network.input_size)
        own = {name: values[i] for name, values in filled.items()}
        made.append(Case(answering=answering, image=inputs[i], target=target, k=k, fills=own, others=inputs[other[i]][None], seed=seed + i))
    return made


def grown(region: Bool[np.ndarray, "H W"], reach: int) -> Bool[np.ndarray, "H W"]:
    """The region and what lies within `reach` pixels of it."""
    side = 2 * reach + 1
    wider: np.ndarray = cv2.dilate(region.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return wider


def _passes(name: str, trials: Sequence[Trial]) -> Check:
    failed = [f"{trial.network} (on the cause {trial.on_cause:.2f}, on the decoy {trial.on_decoy:.2f})" for trial in trials if not trial.passed]
    lowest = min(trial.on_cause for trial in trials)
    return Check(
        name=f"{name} finds the known reasons",
        passed=not failed,
        value=lowest,
        bound=f"on the cause at least {ON_CAUSE}, on the decoy at most {ON_DECOY}",
        reason="not on " + ", ".join(failed) if failed else "",
    )


def _is_rejected(name: str, trials: Sequence[Trial]) -> Check:
    failed = [trial.network for trial in trials if not trial.passed]
    reason = "rejected on " + ", ".join(failed) if failed else "the suite takes it for good"
    return Check(
        name=f"bad method {name} is rejected", passed=bool(failed), value=float(len(failed)), bound="fails at least 1 network", reason=reason
    )


def _other(name: str, place: str, seed: int) -> list[Check]:
    module, _, function = place.partition(":")
    made: Sequence[Check] = getattr(import_module(f"glasspose.explain.{module}"), function)(seed)
    return [Check(**{**vars(check), "name": f"{name}: {check.name}"}) for check in made]


def _answer(checks: Sequence[Check], failed: Sequence[Check], networks: int) -> str:
    bad = [check for check in checks if check.name.startswith("bad method")]
    rejected = sum(bool(check.passed) for check in bad)
    first = f"{len(checks) - len(failed)} of {len(checks)} self tests passed on {networks} networks with known reasons"
    return f"{first}; {rejected} of {len(bad)} deliberately bad methods were rejected."


def _table(tried: Sequence[Trial]) -> Table:
    rows = [(trial.method, trial.network, trial.on_cause, trial.on_decoy, "PASS" if trial.passed else "FAIL") for trial in tried]
    caption = "Share of the evidence on the cause and on the decoy"
    return Table(name="trials", caption=caption, columns=("method", "network", "on the cause", "on the decoy", "result"), rows=rows)


def _provenance(known: Sequence[KnownAnswer], seed: int, methods: Sequence[str]) -> Provenance:
    import hashlib

    digest = hashlib.sha256(b"".join(answer.pixels.tobytes() for answer in known)).hexdigest()
    weights = hashlib.sha256()
    for answer in known:
        for values in answer.network.model.state_dict().values():
            weights.update(values.detach().contiguous().numpy().tobytes())
    asked: dict[str, Any] = {"methods": list(methods), "bad_methods": list(BAD_METHODS), "networks": [answer.name for answer in known]}
    n = sum(len(answer.pixels) for answer in known)
    return Provenance(
        model="known-answer networks", model_sha256=weights.hexdigest(), data="made pictures", data_sha256=digest, n=n, seed=seed, asked=asked
    )
