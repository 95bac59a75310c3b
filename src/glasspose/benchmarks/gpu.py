"""Training on a GPU: crops and augmentation there, plain and compiled, against the eager loop with a DataLoader. One command: `make bench-gpu`."""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Ratio, Row, Seconds, in_turns, ratio
from glasspose.errors import MissingError

BANDWIDTH = {1: 6730, 2: 4300, 8: 1360}
"""Pictures a second that an H200's memory allows an eager hourglass of so many stacks at 256 pixels in bf16: derived, not measured."""
PEOPLE, BATCH, STEPS, WORKERS = 1024, 64, 20, 8


def gpu(options: Options) -> list[Row]:
    """MissingError without a CUDA GPU."""
    import torch

    if not torch.cuda.is_available():
        raise MissingError("there is no CUDA GPU here", "Run `make bench-gpu` on a machine that has one")
    with TemporaryDirectory() as folder:
        return [row for stacks in ((1,) if options.quick else BANDWIDTH) for row in _of(stacks, Path(folder), options)]


def _of(stacks: int, folder: Path, options: Options) -> list[Row]:
    import torch

    ways = {how: _steps(stacks, folder, how, options) for how in ("loader", "device", "compiled")}
    steps = options.some(STEPS, 2)

    def walk(how: str) -> Callable[[], None]:
        def work() -> None:
            for _ in range(steps):
                ways[how]()
            torch.cuda.synchronize()

        return work

    for step in ways.values():
        for _ in range(3):
            step()
    seconds = in_turns({how: walk(how) for how in ways}, options.turns(7), time.perf_counter)
    return _rows(stacks, seconds, {how: _busy(ways[how], steps) for how in ways}, steps)


def _rows(stacks: int, seconds: Seconds, busy: Mapping[str, float], steps: int) -> list[Row]:
    """The table's lines of one network, from the seconds of so many steps and the shares of time in which a kernel ran."""
    rate = {how: steps * BATCH / float(np.median(values)) for how, values in seconds.items()}
    share = {how: round(value / BANDWIDTH[stacks], 3) for how, value in rate.items()}
    more = {"people a second": {how: round(value) for how, value in rate.items()}, "share of the bandwidth limit": share, "GPU busy": dict(busy)}
    name = f"hourglass {stacks}, 256 pixels, bf16, batch {BATCH}"
    limit, never_waits = (Ratio(median=part["device"], quartiles=(part["device"], part["device"]), rounds=1) for part in (share, busy))
    return [
        Row(
            name="gpu",
            baseline=f"{name}: eager loop with a DataLoader; ours: pack and augmentation on the GPU",
            ratio=ratio(seconds, "loader", "device"),
            more=more,
        ),
        Row(name="gpu", baseline=f"{name}: ours eager; compiled", ratio=ratio(seconds, "device", "compiled"), goal=1.3),
        Row(name="gpu", baseline=f"{name}: share of the bandwidth limit, eager", ratio=limit, goal=0.6),
        Row(name="gpu", baseline=f"{name}: GPU busy, the share of the time in which a kernel runs, ours eager", ratio=never_waits, goal=0.95),
    ]


def _steps(stacks: int, folder: Path, how: str, options: Options) -> Callable[[], None]:
    """One step of the optimiser each time it is called."""
    import torch

    from glasspose.configs.codecs import Heatmap
    from glasspose.configs.models import Hourglass
    from glasspose.network import Learner, PoseNetwork, compiled

    batches, skeleton = _batches(folder, how, options)
    network = PoseNetwork(Hourglass(stacks=stacks), Heatmap(), skeleton).to("cuda").to(memory_format=torch.channels_last)
    learner: Any = Learner(network).train()
    if how == "compiled":
        learner = compiled(learner, torch.device("cuda"))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        batch = next(batches)
        optimiser.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            _, losses = learner(batch.images, batch.keypoints, batch.labelled, batch.occluded)
        losses.mean().backward()
        optimiser.step()

    return step


def _batches(folder: Path, how: str, options: Options) -> tuple[Iterator[Any], Any]:
    import torch

    from glasspose.benchmarks.samples import ALIKE
    from glasspose.configs.data import DrawnPeople
    from glasspose.configs.training import Packing
    from glasspose.data import read
    from glasspose.data.loading import EpochSampler, PackedPeople, loader
    from glasspose.data.on_device import PackOnDevice
    from glasspose.data.packing import pack

    people = options.some(PEOPLE, BATCH)
    packed = pack(read(DrawnPeople(count=people, folder=folder / "drawn")), folder / "pack", Packing(size=256))
    if how == "loader":
        sampler = EpochSampler(people, BATCH, shuffled=True)
        waiting = cycle([loader(PackedPeople([packed], (256, 256), ALIKE), sampler, WORKERS, pin=True)])
        return (batch.to("cuda") for epoch in waiting for batch in epoch), packed.skeleton
    there = PackOnDevice(PackedPeople([packed], (256, 256), ALIKE), torch.device("cuda"))
    order = torch.arange(people).view(-1, BATCH)
    return (there.batch(order[step % len(order)], step // len(order)) for step in count()), packed.skeleton


def _busy(step: Callable[[], None], steps: int) -> float:
    """Share of the time in which a kernel runs."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize()
    start = time.perf_counter()
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
    wall = time.perf_counter() - start
    return round(float(sum(event.self_device_time_total for event in found.key_averages())) / 1e6 / wall, 3)
