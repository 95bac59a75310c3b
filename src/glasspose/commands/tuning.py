"""`glasspose tune`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from glasspose.configs.training import PACKS, Recipe


def tune(
    *,
    recipe: Annotated[Recipe, Parameter(name="*")],
    choose: tuple[str, ...],
    trials: int | None = None,
    out: Path = Path("glasspose-out/tune"),
    packs: Path = PACKS,
    init: str | None = None,
    download: bool = False,
) -> int:
    """Try values of a recipe: all for a few epochs, the better third for three times as many, the best for all epochs.

    Example: glasspose tune recipes/tour.yaml --choose optimiser.learning-rate=0.001,0.003,0.01 --choose codec.loss=mse,weighted_mse

    Trials are compared by validation PCK, which then flatters the winner: measure it on people that chose nothing.

    Parameters
    ----------
    choose
        A key of the recipe and its values: KEY=VALUE,VALUE,... As often as there are keys.
    trials
        So many combinations at random, by the recipe's seed; all of them where not given.
    out
        A run for each trial, and tuning.json with all of them; the same command goes on where it stopped.
    packs
        Where people are kept, cut out once.
    init
        Start every trial from these weights.
    download
        Let weights of ImageNet that a recipe asks for (model.pretrained) be fetched from huggingface.co where they are not on this machine.

    """
    from rich.console import Console

    from glasspose.tuning import tune as search

    found = search(recipe, dict(_choice(text) for text in choose), trials=trials, out=out, packs=packs, init=init, download=download)
    console = Console(stderr=True, soft_wrap=True)
    for trial in found:
        values = "  ".join(f"{key}={value}" for key, value in trial.values.items())
        console.print(f"trial {trial.number:03}  {trial.epochs} epochs  PCK@0.2 {100 * trial.pck:.1f} %  {values}", markup=False, highlight=False)
    return 0


def _choice(text: str) -> tuple[str, list[Any]]:
    """KEY=VALUE,VALUE,... with values as YAML would read them."""
    import yaml

    from glasspose.errors import UsageError

    key, found, values = text.partition("=")
    if not found or not key or not values:
        raise UsageError(f"--choose {text} is not KEY=VALUE,VALUE", "Write --choose optimiser.learning-rate=0.001,0.003")
    try:
        return key, [_number(yaml.safe_load(value)) for value in values.split(",")]
    except yaml.YAMLError:
        raise UsageError(f"--choose {text} holds a value that cannot be read", "Values are numbers and words") from None


def _number(value: Any) -> Any:
    """YAML reads 1e-3 as a text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
