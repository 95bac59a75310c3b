"""The learning-rate range test (Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017): which rates a recipe can bear."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from glasspose.configs.training import PACKS, Recipe
from glasspose.data.loading import EpochSampler, loader
from glasspose.errors import TrainingError
from glasspose.files import write_atomically
from glasspose.plotting import BLUE, GREY, RED, canvas, png_of
from glasspose.structures import Batch
from glasspose.training import launch_for, learner_of, learners, pack_people, start, step

LOWEST, HIGHEST = 1e-7, 10.0
DIVERGED = 4.0
"""Times the lowest smoothed loss, at which the test ends."""
WINDOW = 5
"""Steps whose median is the smoothed loss."""
RULE = "a tenth of the rate at which the smoothed loss is lowest"


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What a range test has found. The loss belongs to the rate of the step that led to it."""

    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest."""
        return self.rates[int(np.argmin(self.smoothed))]

    @property
    def suggestion(self) -> float:
        """By `RULE`."""
        return self.lowest / 10


def sweep(advance: Callable[[float], float], steps: int, lowest: float = LOWEST, highest: float = HIGHEST) -> RangeTest:
    """Let `advance` take one step at each of so many rates, evenly spaced in their logarithm, until its loss runs away.

    `advance` gives back the loss before its step. TrainingError where it runs away at once.
    """
    rates, losses = list[float](), list[float]()
    for rate in np.geomspace(lowest, highest, steps):
        loss = advance(float(rate))
        if not np.isfinite(loss) or (len(losses) >= WINDOW and np.median([*losses[-WINDOW + 1 :], loss]) > DIVERGED * min(smooth(losses))):
            break
        rates.append(float(rate))
        losses.append(loss)
    if len(rates) <= WINDOW:
        raise TrainingError(f"the loss runs away at a rate of {lowest:g} already", "Look at first_batch.jpg and at the codec's settings")
    return RangeTest(rates=rates[:-1], losses=losses[1:], smoothed=smooth(losses[1:]))


def smooth(losses: Sequence[float]) -> list[float]:
    """The median of the steps around each one; of fewer at both ends."""
    reach = WINDOW // 2
    return [float(np.median(losses[max(i - reach, 0) : i + reach + 1])) for i in range(len(losses))]


def range_test(
    recipe: Recipe,
    steps: int,
    *,
    out: Path,
    packs: Path = PACKS,
    init: str | None = None,
    freeze: Sequence[str] = (),
    download: bool = False,
) -> RangeTest:
    """Train for so many steps at rising rates, forget the network, and draw the loss into `out`/range_test.png. Nothing else is left there."""
    fabric = launch_for(recipe)
    people, _ = pack_people(recipe, packs, fabric)
    samples = learners(recipe, people)
    run, _ = start(recipe, people[0].skeleton, init, freeze, download=download)
    model, optimiser = fabric.setup(learner_of(recipe, run.network.to(fabric.device), fabric.device), run.optimiser)
    sampler = EpochSampler(len(samples), recipe.batch, fabric.global_rank, fabric.world_size, shuffled=True, seed=recipe.seed)
    batches = _endless(sampler, loader(samples, sampler, recipe.workers))
    model.train()

    def advance(rate: float) -> float:
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = step(recipe, run, model, optimiser, next(batches).to(fabric.device), fabric)
        return float(fabric.all_reduce(loss, reduce_op="sum")) if fabric.world_size > 1 else loss

    found = sweep(advance, steps)
    if fabric.is_global_zero:
        draw(found, out / "range_test.png")
    return found


def _endless(sampler: EpochSampler, batches: Iterable[Batch]) -> Iterator[Batch]:
    for epoch in count():
        sampler.epoch = epoch
        yield from batches


def draw(found: RangeTest, path: Path) -> None:
    """Loss over rate."""
    drawn = canvas(6, 3.6)
    axes = drawn.subplots()
    axes.plot(found.rates, found.losses, color=BLUE, linewidth=0.6, alpha=0.5, label="loss of each step")
    axes.plot(found.rates, found.smoothed, color=BLUE, label=f"median of {WINDOW}")
    axes.axvline(found.lowest, color=GREY, linestyle=":", label=f"lowest at {found.lowest:.2g}")
    axes.axvline(found.suggestion, color=RED, label=f"suggestion {found.suggestion:.2g}")
    axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="training loss", title=f"Suggestion: {RULE}")
    axes.title.set_fontsize(10)
    axes.legend(fontsize=8, frameon=False)
    write_atomically(path, png_of(drawn))
