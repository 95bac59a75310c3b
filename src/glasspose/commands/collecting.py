"""`glasspose predict --ray`: a collection of pictures, by many workers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glasspose.spreading import Machines

DONE_WITH_FAILURES, NOTHING_DONE = 3, 5


def collect(source: str, weights: str | None, out: Path, machines: Machines, shard: int, drawn: Sequence[str], how: Mapping[str, Any]) -> int:
    """Write Parquet files and say what came of it. `drawn` are options that ask for pictures, which nobody makes here."""
    from rich.console import Console

    from glasspose.collection import predict_collection
    from glasspose.commands.progress import progress_bar
    from glasspose.errors import UsageError

    if drawn:
        raise UsageError(f"{drawn[0]} draws, and with --ray nothing is drawn", "Leave one of them out")
    with progress_bar("pictures") as progress:
        done = predict_collection(source, weights, out=out, machines=machines, shard=shard, progress=progress, **how)
    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    for image, problem in done.failed:
        console.print(f"{image}: {problem}", style="red")
    before = f" ({done.found_done} shards were there already)" if done.found_done else ""
    failed = f", {len(done.failed)} failed" if done.failed else ""
    console.print(f"{done.pictures - len(done.failed)} of {done.pictures} pictures{failed}; {done.people} people. Results are in {out}{before}")
    if done.failed:
        return NOTHING_DONE if len(done.failed) == done.pictures else DONE_WITH_FAILURES
    return 0
