"""`glasspose predict --ray`: a collection of pictures, by many workers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glasspose.spreading import Machines

DONE_WITH_FAILURES, NOTHING_DONE = 3, 5


def collect(source: str, weights: str | None, out: Path, machines: Machines, shard: int, drawn: Sequence[str], how: Mapping[str, Any]) -> int:
    """Write Parquet files and say what came of it. `drawn` are options that ask for pictures, which nobody makes here."""
    from glasspose.collection import predict_collection
    from glasspose.commands.progress import progress_bar
    from glasspose.errors import UsageError

    if drawn:
        raise UsageError(f"{drawn[0]} draws, and with --ray nothing is drawn", "Leave one of them out")
    with progress_bar("pictures") as progress:
        done = predict_collection(source, weights, out=out, machines=machines, shard=shard, progress=progress, **how)
    before = f" ({done.found_done} shards were there already)" if done.found_done else ""
    return told(done.pictures, [problem for _, problem in done.failed], done.people, f"{out}{before}")


def told(pictures: int, problems: Sequence[str], people: int, where: Path | str) -> int:
    """Print what became of some pictures. The exit code: nothing, some or all of them failed."""
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    for problem in problems:
        console.print(problem, style="red")
    failed = f", {len(problems)} failed" if problems else ""
    console.print(f"{pictures - len(problems)} of {pictures} pictures{failed}; {people} people. Results are in {where}")
    if problems:
        return NOTHING_DONE if len(problems) == pictures else DONE_WITH_FAILURES
    return 0
