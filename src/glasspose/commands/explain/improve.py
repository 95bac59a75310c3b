"""`glasspose explain improve`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def improve(
    weights: str,
    *,
    data: Data,
    asking: AskingOptions = Asking(),  # noqa: B008
    found: Annotated[Path | None, Parameter(name="--from")] = None,
    recipe: Path | None = None,
) -> int:
    """What is worth trying? Turns what the other questions find into ranked proposals, each with the commands that try and judge it.

    Example: glasspose explain improve hourglass-tiny-lsp --data.kind drawn_people --data.split val --data.count 100

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    found
        The folder in which other questions left their answers; without it they are asked now, of few people.
    recipe
        What the weights were trained with; without it a recipe is written that goes on from them on the split `train`.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import improve

    with progress_bar("questions") as progress:
        explanation = improve(weights, data, n=asking.n or 200, seed=asking.seed, found=found, recipe=recipe, out=asking.out, progress=progress)
    return present(explanation, weights, asking)
