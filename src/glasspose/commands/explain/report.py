"""`glasspose explain report`."""

from glasspose.commands.collecting import DONE_WITH_FAILURES
from glasspose.commands.explain.presenting import NOT_FAITHFUL, AskingOptions
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def report(weights: str, *, data: Data, asking: AskingOptions = Asking(), questions: tuple[str, ...] = ()) -> int:  # noqa: B008
    """Ask every question that applies, and write one self-contained HTML page. Exit code 3 where a question failed.

    Example: glasspose explain report hourglass-tiny-lsp --data.kind drawn_people --data.count 20 --questions skips

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    questions
        Only these.

    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.explain import Verdict, report
    from glasspose.explain.reporting import QUESTIONS
    from glasspose.explain.verdicts import FEWEST, keep_verdict

    console = Console(markup=False, highlight=False, soft_wrap=True)
    with progress_bar("questions") as shown:
        names = questions or QUESTIONS
        made = report(
            weights,
            data,
            out=asking.out,
            n=asking.n or 200,
            seed=asking.seed,
            questions=names,
            progress=lambda name, done, total: shown(100 * names.index(name) + 100 * done // max(total, 1), 100 * len(names)),
        )
    for explanation in made.explanations:
        console.print(f"{explanation.verdict:<13} {explanation.name}: {explanation.answer}")
        if asking.keep and explanation.provenance.n >= FEWEST:
            keep_verdict(weights, explanation)
    for name, reason in made.missing:
        console.print(f"does not apply {name}: {reason}")
    for name, reason in made.failed:
        console.print(f"FAILED        {name}: {reason}", style="red")
    console.print(f"The page is {made.path}")
    if made.failed:
        return DONE_WITH_FAILURES
    broken = any(explanation.verdict == Verdict.NOT_FAITHFUL for explanation in made.explanations)
    return NOT_FAITHFUL if asking.strict and broken else 0
