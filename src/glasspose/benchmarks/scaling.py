"""Two processes instead of one, and thousands of people instead of hundreds."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from glasspose.benchmarks.fresh import told_by
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Ratio, Row, ratio, told_in_turns

SIZES = (500, 1000, 2000, 4000, 8000)


def processes(options: Options) -> list[Row]:
    """Training throughput of two gloo processes of one thread each, in units of one such process. Wall time: measure on a quiet machine."""
    steps = options.some(10, 1)
    with TemporaryDirectory() as folder:
        seconds_a_person(1, Path(folder), 1)  # draws and packs the people
        ways = {str(count): partial(seconds_a_person, count, Path(folder), steps) for count in (1, 2)}
        seconds = told_in_turns(ways, options.turns(5))
    described = "one process of one thread; two gloo processes, one thread each, the same batch of 32 between them"
    return [Row(name="processes", baseline=described, ratio=ratio(seconds, "1", "2"), goal=1.6)]


def seconds_a_person(count: int, folder: Path, steps: int) -> float:
    """In training."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
    command = [sys.executable, *launcher, "-m", "glasspose.benchmarks.trainers", str(folder), str(steps)]
    line = next(line for line in told_by(command, 1).splitlines() if "people a second" in line)
    return 1 / float(json.loads(line)["people a second"])


def growth(options: Options) -> list[Row]:
    """CPU time of packing, evaluating and `explain latent` from 500 to 8,000 drawn people. The ratio is the exponent: 1 is linear."""
    sizes = (20, 40, 80) if options.quick else SIZES
    with TemporaryDirectory() as folder:
        works = _works(Path(folder), max(sizes))
        rows = []
        for name, work in works.items():
            seconds = [_timed(partial(work, size)) for size in sizes]
            exponent = _slope(sizes, seconds)
            large = _slope(sizes[-3:], seconds[-3:])
            found = Ratio(median=exponent, quartiles=(min(exponent, large), max(exponent, large)), rounds=1)
            more = {"people": list(sizes), "seconds": [round(value, 3) for value in seconds], "exponent of the three largest": large}
            rows.append(Row(name="growth", baseline=f"{name}: exponent of its CPU time over people", ratio=found, goal=1.1, at_most=True, more=more))
    return rows


def _works(folder: Path, most: int) -> dict[str, Callable[[int], object]]:
    from glasspose.configs.data import DrawnPeople
    from glasspose.configs.training import Packing
    from glasspose.data import read
    from glasspose.data.packing import pack
    from glasspose.evaluation import evaluate
    from glasspose.explain import latent

    weights = small_weights(folder)
    kept = folder / "drawn"
    read(DrawnPeople(count=most, folder=kept))  # drawn once, outside of what is measured
    trained = DrawnPeople(count=most, folder=kept)
    return {
        "data pack": lambda size: pack(read(trained.model_copy(update={"count": size})), folder / f"pack{size}", Packing(size=128)),
        "evaluate": lambda size: evaluate(weights, trained.model_copy(update={"count": size}), flip_test=False),
        "explain latent": lambda size: latent(str(weights), trained.model_copy(update={"count": size}), n=size),
    }


def small_weights(folder: Path) -> Path:
    """Of a network that has learned nothing: what it costs does not depend on that."""
    import torch

    from glasspose.checkpoint import save_weights
    from glasspose.configs.codecs import Heatmap
    from glasspose.configs.models import Hourglass
    from glasspose.network import PoseNetwork
    from glasspose.skeletons import LSP

    torch.manual_seed(0)
    network = PoseNetwork(Hourglass(input_size=(64, 64), channels=16, depth=2, stacks=1), Heatmap(), LSP)
    calibration: dict[str, Any] = {"seen": [0.0] * len(LSP), "person": 0.0, "note": "nothing learned"}
    save_weights(folder / "small.safetensors", network, {"calibration": calibration})
    return folder / "small.safetensors"


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _slope(sizes: tuple[int, ...], seconds: list[float]) -> float:
    return float(f"{np.polyfit(np.log(sizes), np.log(seconds), 1)[0]:.3f}")
