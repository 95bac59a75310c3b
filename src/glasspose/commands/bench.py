"""`glasspose bench`."""

from pathlib import Path
from typing import Literal


def bench(
    *names: str, out: Path = Path("glasspose-out/bench"), threads: Literal["one", "all"] = "one", rounds: int | None = None, quick: bool = False
) -> int:
    """Measure how many times faster this machine does glasspose's work than a plain way of doing it, side by side in one run.

    Example: glasspose bench targets decode flip

    Parameters
    ----------
    names
        samples, packed, targets, decode, flip, pckh, oks, predict, engines, int8, startup, processes, growth, profile, memory, gpu; all but
        gpu where none is named (docs/performance.md says what each of them does).
    out
        NAME.json for each, and ratios.png over all that the folder holds.
    threads
        one: on one thread, in CPU time, which other programs hardly touch. all: in wall time, on a machine that does nothing else.
    rounds
        How often everything is measured, where not each benchmark's own number.
    quick
        Next to nothing of everything, to see that it runs; its figures mean nothing.

    """
    from rich.console import Console

    from glasspose.benchmarks.catalogue import BENCHMARKS, ON_GPUS, benchmark
    from glasspose.benchmarks.options import Options, threads_of
    from glasspose.benchmarks.reports import save

    chosen = {name: benchmark(name) for name in names or [name for name in BENCHMARKS if name not in ON_GPUS]}
    options, console = Options(threads=threads, quick=quick, rounds=rounds), Console(soft_wrap=True)
    for name, work in chosen.items():
        with threads_of(options):
            rows = work(options)
        save(out, name, options, rows)
        for row in rows:
            said = "" if row.ratio is None else f"{row.ratio.median:.3g} ({row.ratio.quartiles[0]:.3g} to {row.ratio.quartiles[1]:.3g})"
            goal = "" if row.goal is None else f", goal {'at most' if row.at_most else 'at least'} {row.goal:g}"
            console.print(f"{name}: {said}{goal}; {row.baseline}{'; ' if row.same else ''}{row.same}", markup=False, highlight=False)
            for part, share in row.more.get("shares", {}).items():
                console.print(f"  {100 * share:5.1f} %  {part}", markup=False, highlight=False)
    console.print(f"Results are in {out}", markup=False, highlight=False)
    return 0
