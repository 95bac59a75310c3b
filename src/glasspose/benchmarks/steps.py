"""Training steps one by one, by the parts that `training.py` is made of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glasspose.configs.training import Recipe
from glasspose.data.loading import EpochSampler, PackedPeople, loader
from glasspose.training import launch_for, learner_of, packed, start, step


def steps_of(recipe: Recipe, folder: Path) -> Iterator[Any]:
    """Train for ever; the Fabric after every step."""
    fabric = launch_for(recipe)
    with fabric.rank_zero_first():
        people = packed(recipe.data, recipe, folder / "packs")
    samples = PackedPeople([people], recipe.model.input_size, recipe.augmentation, recipe.seed)
    run, _ = start(recipe, people.skeleton, None, ())
    run.network.to(fabric.device)
    model, optimiser = fabric.setup(learner_of(recipe, run.network, fabric.device), run.optimiser)
    model.train()
    sampler = EpochSampler(len(samples), recipe.batch, fabric.global_rank, fabric.world_size, shuffled=True)
    while True:
        for batch in loader(samples, sampler, recipe.workers):
            step(recipe, run, model, optimiser, batch.to(fabric.device), fabric)
            yield fabric
        sampler.epoch += 1
