"""Every benchmark by name: its module and its function, imported when it is asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module

from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row
from glasspose.errors import UsageError

BENCHMARKS: Mapping[str, str] = {
    "samples": "samples:from_jpeg",
    "packed": "samples:from_pack",
    "targets": "heatmaps:targets",
    "decode": "heatmaps:decode",
    "flip": "heatmaps:flip",
    "pckh": "scores:pckh",
    "oks": "scores:oks",
    "predict": "folder:predict",
    "engines": "engines:engines",
    "int8": "engines:int8",
    "startup": "startup:startup",
    "processes": "scaling:processes",
    "growth": "scaling:growth",
    "profile": "profiling:profile",
    "memory": "peaks:memory",
    "gpu": "gpu:gpu",
}
CLOCKS: Mapping[str, str] = {
    "processes": "wall time",
    "gpu": "wall time",
    "startup": "CPU time",
    "growth": "CPU time",
    "profile": "CPU time",
    "memory": "none",
}
"""Of those whose clock does not depend on the threads. In wall time they mean something only on a machine that does nothing else."""
ON_GPUS = ("gpu",)


def clock_of(name: str, options: Options) -> str:
    """What a benchmark's times are: CPU time on one thread and wall time on all, where it has no clock of its own."""
    return CLOCKS.get(name, "CPU time" if options.threads == "one" else "wall time")


def benchmark(name: str) -> Callable[[Options], list[Row]]:
    """UsageError for a name that is none."""
    if name not in BENCHMARKS:
        raise UsageError(f"there is no benchmark {name!r}", f"Choose from {', '.join(BENCHMARKS)}")
    module, _, function = BENCHMARKS[name].partition(":")
    found: Callable[[Options], list[Row]] = getattr(import_module(f"glasspose.benchmarks.{module}"), function)
    return found
