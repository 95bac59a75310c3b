"""`explain report`: every question that applies, asked of one sample, on one page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from glasspose.configs.data import Data
from glasspose.errors import GlassposeError, UsageError
from glasspose.explain.explanation import Explanation, Verdict
from glasspose.explain.findings import SHARES, found_of
from glasspose.explain.improving import improve
from glasspose.explain.page import page
from glasspose.explain.subject import subject
from glasspose.files import write_atomically

QUESTIONS = ("errors", "why", "context", "skips", "latent", "walk", "layers", "trust", "stress")
"""In the order of the page."""
DEAR = {"why": 50, "context": 50}
"""Those that look at fewer people, because each costs hundreds of forward passes."""
Told = Callable[[str, int, int], None]
"""Which question, and how far it is."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `report` made."""

    path: Path
    explanations: Sequence[Explanation]
    missing: Sequence[tuple[str, str]]
    """Questions that do not apply, each with the reason."""


def report(
    weights: str | Path,
    data: Data,
    *,
    out: Path,
    n: int = 200,
    seed: int = 0,
    questions: Sequence[str] = QUESTIONS,
    progress: Told = lambda question, done, total: None,
) -> Report:
    """Ask everything that applies of n people, and write one HTML file (with the numbers, tables and figures beside it) into `out`.

    What to try, by these answers, comes last.
    """
    unknown = sorted(set(questions) - set(QUESTIONS))
    if unknown:
        raise UsageError(f"no question {unknown[0]!r}", f"There are {', '.join(QUESTIONS)}")
    asked = subject(weights)
    explanations, missing = [], []
    for name in questions:
        try:
            explanations.append(_answered(name, weights, data, n, seed, progress))
        except GlassposeError as problem:  # one question that cannot be answered costs the others nothing
            missing.append((name, str(problem)))
    if grounds := {explanation.name: found_of(explanation) for explanation in explanations if explanation.name in SHARES}:
        try:
            explanations.append(improve(weights, data, n=n, seed=seed, found=grounds, out=out))
        except GlassposeError as problem:  # the people are those that would teach
            missing.append(("improve", str(problem)))
    for explanation in explanations:
        explanation.save(out)
    path = out / "report.html"
    title = f"What {asked.card['name']} does, and how far to trust these answers"
    write_atomically(path, page(title, _lead(explanations, data), explanations, missing).encode())
    return Report(path=path, explanations=explanations, missing=missing)


def _answered(name: str, weights: str | Path, data: Data, n: int, seed: int, progress: Told) -> Explanation:
    ask: Callable[..., Any] = getattr(import_module("glasspose.explain"), name)
    people = min(n, DEAR.get(name, n))
    answered: Explanation = ask(weights, data, n=people, seed=seed, progress=lambda done, total: progress(name, done, total))
    return answered


def _lead(explanations: Sequence[Explanation], data: Data) -> str:
    faithful = sum(explanation.verdict == Verdict.FAITHFUL for explanation in explanations)
    return (
        f"{faithful} of {len(explanations)} explanations passed their own faithfulness tests on {data.kind} ({data.split}). "
        "Read those marked NOT FAITHFUL as what they are: answers that their own test did not bear out."
    )
