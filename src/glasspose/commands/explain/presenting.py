"""How every `glasspose explain` command ends: files, the answer, the verdict, the exit code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from glasspose.configs.explaining import Asking

if TYPE_CHECKING:
    from rich.console import Console

    from glasspose.explain.explanation import Explanation

AskingOptions = Annotated[Asking, Parameter(name="*")]
NOT_FAITHFUL = 4
"""Exit code under --strict."""
MOST_ROWS = 24


def present(explanations: "Sequence[Explanation] | Explanation", weights: str, asking: Asking) -> int:
    """Save, print, and keep the verdict where asked to."""
    from rich.console import Console

    from glasspose.explain.explanation import Explanation, Verdict
    from glasspose.explain.verdicts import keep_verdict

    made = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for explanation in made:
        explanation.save(asking.out)
        _print(console, explanation)
        if asking.keep:
            keep_verdict(weights, explanation)
    console.print(f"Numbers, tables and figures are in {asking.out}")
    broken = any(explanation.verdict == Verdict.NOT_FAITHFUL for explanation in made)
    return NOT_FAITHFUL if asking.strict and broken else 0


def _print(console: "Console", explanation: "Explanation") -> None:
    from rich.table import Table

    from glasspose.explain.explanation import Verdict

    console.print(f"\n{explanation.question}\n", style="bold")
    console.print(explanation.answer)
    for table in explanation.tables:
        shown = Table(*table.columns, title=table.caption, title_justify="left")
        for row in list(table.rows)[:MOST_ROWS]:
            shown.add_row(*("-" if cell is None else f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row))
        console.print(shown)
    for check in explanation.checks:
        console.print(f"  {check.line()}")
    style = {Verdict.FAITHFUL: "bold green", Verdict.LOCAL_ONLY: "bold yellow", Verdict.NOT_FAITHFUL: "bold white on red"}[explanation.verdict]
    reasons = f": {'; '.join(explanation.reasons)}" if explanation.reasons else ""
    console.print(f"{explanation.verdict}{reasons}", style=style)
    for limit in explanation.limits:
        console.print(f"  It does not show: {limit}")
    p = explanation.provenance
    console.print(f"  n = {p.n}, seed {p.seed}, model {p.model} {p.model_sha256[:12]}, data {p.data} {p.data_sha256[:12]}", style="dim")
