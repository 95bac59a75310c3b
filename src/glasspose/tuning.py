"""A search over a recipe's values by successive halving (Jamieson and Talwalkar, AISTATS 2016), on top of runs that can be resumed.

All trials are trained for a few epochs, the better third goes on for three times as many, and so on up to the recipe's own. A trial's
schedule is always that of the whole run, and a stopped run goes on to the same bits, so a trial that survives is the run that `train` would
have made.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from glasspose.checkpoint import has_checkpoint
from glasspose.configs.training import PACKS, Recipe
from glasspose.errors import UsageError
from glasspose.files import write_atomically
from glasspose.training import train

KEPT = 3
"""One of so many trials goes on, for so many times the epochs."""
Values = Mapping[str, Any]
"""Dotted key of a recipe: value."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One choice of values and how far it came."""

    number: int
    values: Values
    epochs: int
    pck: float
    """Best validation PCK@0.2 so far."""


def tune(
    recipe: Recipe,
    choices: Mapping[str, Sequence[Any]],
    *,
    trials: int | None = None,
    out: Path,
    packs: Path = PACKS,
    init: str | None = None,
    download: bool = False,
) -> list[Trial]:
    """Try combinations of values: all of them, or so many drawn at random (by the recipe's seed). Returns the trials, the best first.

    Every trial is a run in `out`/trial000 and so on; `out`/tuning.json lists them. What is there already is not trained again. UsageError for
    a key or value that does not fit the recipe.
    """
    drawn = draw(choices, trials, recipe.seed)
    recipes = [with_values(recipe, values) for values in drawn]
    alive, found = list(range(len(drawn))), dict[int, Trial]()
    for epochs in rungs(recipe.epochs, len(drawn)):
        for number in alive:
            folder = out / f"trial{number:03}"
            resume = has_checkpoint(folder)
            done = train(recipes[number], out=folder, packs=packs, resume=resume, init=init, until=epochs, download=download)
            pck = max(row["validation/pck"] for row in done.history if row["epoch"] <= epochs)
            found[number] = Trial(number=number, values=drawn[number], epochs=epochs, pck=pck)
        alive = sorted(alive, key=lambda number: -found[number].pck)[: max(1, len(alive) // KEPT)]
        _write(out, found)
    return _ranked(found)


def _ranked(found: Mapping[int, Trial]) -> list[Trial]:
    """Those that came further first, then by PCK."""
    return sorted(found.values(), key=lambda trial: (-trial.epochs, -trial.pck, trial.number))


def _write(out: Path, found: Mapping[int, Trial]) -> None:
    listed = [{"trial": t.number, "values": dict(t.values), "epochs": t.epochs, "validation_pck": t.pck} for t in _ranked(found)]
    write_atomically(out / "tuning.json", (json.dumps({"format": "glasspose.tuning", "version": 1, "trials": listed}, indent=1) + "\n").encode())


def rungs(epochs: int, trials: int) -> list[int]:
    """After how many epochs trials are compared: the last is the recipe's own, each one before it a third of the next."""
    halvings = 0
    while trials // KEPT ** (halvings + 1) >= 1 and epochs // KEPT ** (halvings + 1) >= 1:
        halvings += 1
    return [epochs // KEPT**i for i in range(halvings, -1, -1)]


def draw(choices: Mapping[str, Sequence[Any]], trials: int | None, seed: int) -> list[Values]:
    """All combinations in order, or so many different ones at random."""
    everything = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    if trials is None or trials >= len(everything):
        return list(everything)
    return [everything[i] for i in np.random.default_rng(seed).choice(len(everything), trials, replace=False)]


def with_values(recipe: Recipe, values: Values) -> Recipe:
    """The recipe with some values exchanged. UsageError where one does not fit."""
    plain = recipe.model_dump()
    for key, value in values.items():
        *path, last = key.replace("-", "_").split(".")
        place = plain
        for part in path:
            inner = place.get(part)
            if not isinstance(inner, dict):
                raise UsageError(f"the recipe has no {key}", "Name a key as --help of train lists it, such as optimiser.learning-rate")
            place = inner
        place[last] = value
    try:
        return Recipe.model_validate(plain)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise UsageError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}", "See docs/recipes.md") from None
