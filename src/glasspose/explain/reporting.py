"""`explain report`: every question that applies, asked of one sample, on one page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from glasspose.configs.data import Data
from glasspose.errors import GlassposeError, UsageError
from glasspose.explain.explanation import Explanation, NotApplicableError, Verdict
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
    failed: Sequence[tuple[str, str]] = ()
    """Questions that apply and could not be answered, each with the reason."""


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

    What to try, by these answers, comes last. Where every question fails, the first one's error is raised and nothing is written.
    """
    unknown = sorted(set(questions) - set(QUESTIONS))
    if unknown:
        raise UsageError(f"no question {unknown[0]!r}", f"There are {', '.join(QUESTIONS)}")
    asked = subject(weights)
    answers: list[Explanation] = []
    problems: dict[str, GlassposeError] = {}
    for name in questions:
        _try(name, partial(_answered, name, weights, data, n, seed, progress), answers, problems)
    if problems and len(_failures(problems)) == len(questions):
        raise next(iter(problems.values()))
    if grounds := {answer.name: found_of(answer) for answer in answers if answer.name in SHARES}:
        _try("improve", partial(improve, weights, data, n=n, seed=seed, found=grounds, out=out), answers, problems)
    for answer in answers:
        answer.save(out)
    failed = _failures(problems)
    missing = [(name, str(problem)) for name, problem in problems.items() if (name, str(problem)) not in failed]
    path = out / "report.html"
    title = f"What {asked.card['name']} does, and how far to trust these answers"
    write_atomically(path, page(title, _lead(answers, failed, data), answers, missing, failed).encode())
    return Report(path=path, explanations=answers, missing=missing, failed=failed)


def _try(name: str, ask: Callable[[], Explanation], answers: list[Explanation], problems: dict[str, GlassposeError]) -> None:
    """One question that cannot be answered costs the others nothing."""
    try:
        answers.append(ask())
    except GlassposeError as problem:
        problems[name] = problem


def _failures(problems: Mapping[str, GlassposeError]) -> list[tuple[str, str]]:
    """Those of questions that make sense."""
    return [(name, str(problem)) for name, problem in problems.items() if not isinstance(problem, NotApplicableError)]


def _answered(name: str, weights: str | Path, data: Data, n: int, seed: int, progress: Told) -> Explanation:
    ask: Callable[..., Any] = getattr(import_module("glasspose.explain"), name)
    people = min(n, DEAR.get(name, n))
    answered: Explanation = ask(weights, data, n=people, seed=seed, progress=lambda done, total: progress(name, done, total))
    return answered


def _lead(explanations: Sequence[Explanation], failed: Sequence[tuple[str, str]], data: Data) -> str:
    faithful = sum(explanation.verdict == Verdict.FAITHFUL for explanation in explanations)
    lost = f" Not answered, because something failed: {', '.join(name for name, _ in failed)}." if failed else ""
    return (
        f"{faithful} of {len(explanations)} explanations passed their own faithfulness tests on {data.kind} ({data.split}). "
        "Read those marked NOT FAITHFUL as what they are: answers that their own test did not bear out." + lost
    )
